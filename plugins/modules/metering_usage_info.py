# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads metered usage."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metering_usage_info
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Read metered usage
description:
  - Asks Payhub, OpenMeter, Lago or Stripe what a meter has counted.
  - Values are texts, exactly as the backend wrote them.
options:
  url:
    description: Address of the backend, without C(/api/v1) or C(/v1).
    type: str
    required: true
  api_token:
    description: Token or API key, sent as bearer token.
    type: str
  backend:
    description: V(cloudevents) is what Payhub and OpenMeter offer.
    type: str
    choices: [cloudevents, lago, stripe]
    default: cloudevents
  meter:
    description: OpenMeter's slug of a meter, Lago's code of a billable metric, Stripe's id of a meter.
    type: str
    required: true
  subjects:
    description: Only these; all when left out. Required for V(lago) (subscriptions) and V(stripe) (customers).
    type: list
    elements: str
    default: []
  customer:
    description: Lago's customer, to whom O(subjects) belong. Required for V(lago).
    type: str
  start:
    description:
      - Begin of the time asked for, with a time zone, such as V(2026-11-01T00:00:00Z). Required for V(stripe).
      - Lago tells the present billing period only, so that this and O(end) are refused there.
    type: str
  end:
    description: End of the time asked for. Required for V(stripe).
    type: str
  window_size:
    description:
      - One row for each of these windows instead of one for the whole time.
      - Stripe knows V(hour) and V(day), Lago none.
    type: str
    choices: [minute, hour, day, month]
  group_by:
    description: One row for each value of these dimensions; V(subject) is one. For V(cloudevents) only.
    type: list
    elements: str
    default: []
  filters:
    description: Only usage with these values of dimensions. For V(cloudevents) only.
    type: dict
    default: {}
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.http
seealso:
  - module: fuze.miniapp_infra.metering_event
"""

EXAMPLES = r"""
- name: What was metered on a day, for each namespace
  fuze.miniapp_infra.metering_usage_info:
    url: https://payhub.example.com
    api_token: "{{ payhub_token }}"
    meter: infra_operations
    start: 2026-11-01T00:00:00Z
    end: 2026-11-02T00:00:00Z
    window_size: hour
    group_by: [subject]

- name: The usage of a subscription in this billing period
  fuze.miniapp_infra.metering_usage_info:
    url: https://lago.example.com
    api_token: "{{ lago_api_key }}"
    backend: lago
    meter: infra_cost
    customer: playhub
    subjects: [sub_playhub]

- name: What Stripe will bill a customer for
  fuze.miniapp_infra.metering_usage_info:
    url: https://api.stripe.com
    api_token: "{{ stripe_key }}"
    backend: stripe
    meter: mtr_61Q8nQMqIFK9fRQmr41CMAXJrFdZ5MnA
    subjects: [cus_NciAYcXfLnqBoz]
    start: 2026-11-01T00:00:00Z
    end: 2026-12-01T00:00:00Z
    window_size: day
"""

RETURN = r"""
usage:
  description: One row for each window, subject and group. C(closed) tells whether the window is over.
  returned: success
  type: list
  elements: dict
  sample:
    - value: "42"
      window_start: "2026-11-01T10:00:00Z"
      window_end: "2026-11-01T11:00:00Z"
      subject: playhub
      group_by: {}
      closed: true
total:
  description: Sum of all rows.
  returned: success
  type: str
  sample: "42"
complete:
  description: Whether every window is over, so that the numbers may be billed.
  returned: success
  type: bool
  sample: true
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: not_found
    retryable: false
    hint: ''
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.http import http_spec


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **http_spec(),
            "api_token": {"type": "str", "no_log": True},
            "backend": {"type": "str", "choices": ["cloudevents", "lago", "stripe"], "default": "cloudevents"},
            "customer": {"type": "str"},
            "end": {"type": "str"},
            "filters": {"type": "dict", "default": {}},
            "group_by": {"type": "list", "elements": "str", "default": []},
            "meter": {"type": "str", "required": True},
            "start": {"type": "str"},
            "subjects": {"type": "list", "elements": "str", "default": []},
            "url": {"type": "str", "required": True},
            "window_size": {"type": "str", "choices": ["minute", "hour", "day", "month"]},
        },
        supports_check_mode=True,
    )
    engine.run(module, "miniapp_infra.metering.tasks", "usage_info")


if __name__ == "__main__":
    main()
