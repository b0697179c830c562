# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Records usage for billing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metering_event
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Record usage for billing, each usage exactly once
description:
  - Sends usage events to Payhub, OpenMeter or whatever else takes CloudEvents, to Lago or to Stripe.
  - The same usage always has the same id. It is computed from source, type, subject, window and dimensions, but not
    from the value, so that another value for the same window is reported as a conflict and not charged a second time.
  - The backend is asked which events it has before anything is sent, and again after every failure that leaves open
    whether an event was stored, because most backends do not tell duplicates from new events.
  - With O(ledger_path), an event is on the disk before it is sent. After a crash the next run finds out what became
    of it, and also delivers what the crashed run had left behind.
  - Stored usage is never changed. Correct it by an event whose type ends in C(adjustment), which may be negative.
options:
  url:
    description: Address of the backend, without C(/api/v1) or C(/v1).
    type: str
    required: true
  api_token:
    description: Token or API key, sent as bearer token.
    type: str
  backend:
    description: V(cloudevents) is what Payhub and OpenMeter take.
    type: str
    choices: [cloudevents, lago, stripe]
    default: cloudevents
  source:
    description: Who measured the usage, such as V(miniapp-infra/prod). Part of the identity of an event.
    type: str
    required: true
  events:
    description:
      - Usage of closed windows. An empty list delivers what an earlier run left in the ledger.
      - All of them are checked before anything is sent.
    type: list
    elements: dict
    required: true
    suboptions:
      type:
        description: The meter; C(type) of a CloudEvent, Lago's C(code), Stripe's C(event_name).
        type: str
        required: true
      subject:
        description: Who used it; C(subject) of a CloudEvent, Lago's C(external_subscription_id), Stripe's customer.
        type: str
        required: true
      value:
        description:
          - Quantity as text or as an integer, such as V("12.50"), with at most 15 digits before and 12 after the point.
          - A number with a fraction that is not in quotes is refused, because it is not exact.
          - Negative only when O(events[].type) ends in C(adjustment).
        type: raw
        required: true
      unit:
        description: Unit of the value, such as V(operations) or V(GiBh).
        type: str
      currency:
        description: Currency, when the value is an amount.
        type: str
        choices: [FZ, PT]
      window_start:
        description: Begin of the window, with a time zone, such as V(2026-11-01T00:00:00Z).
        type: str
        required: true
      window_end:
        description: End of the window, which must be over.
        type: str
        required: true
      time:
        description: When the backend counts the usage. The begin of the window when left out.
        type: str
      dimensions:
        description: What the usage is split by, such as the namespace. Values are texts, integers or booleans.
        type: dict
      id:
        description: Id instead of the computed one. Stripe takes 100 characters, the others 255.
        type: str
  read_before_send:
    description:
      - Whether the backend is asked which events it has. Switch it off only when nothing else sends the same events.
      - Stripe cannot be asked.
    type: bool
    default: true
  on_conflict:
    description: What to do when an event is stored with another value. V(ignore) reports it and sends the others.
    type: str
    choices: [fail, ignore]
    default: fail
  batch_size:
    description: Events in one request. Lago takes 100 at most; Stripe always gets one.
    type: int
    default: 100
  visible_after:
    description:
      - Seconds until an event that the backend took can be read.
      - After a failure an event is looked for that long before it is sent again.
    type: float
    default: 10.0
  ledger_path:
    description:
      - File on the control host in which events are written down before they are sent, one JSON object a line. Its
        directory must exist.
      - Several runs may share a ledger; they wait for each other.
      - Required for V(stripe), where it is the only memory.
    type: path
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.http
seealso:
  - module: fuze.miniapp_infra.metering_usage_info
  - module: fuze.miniapp_infra.opencost_allocation_info
"""

EXAMPLES = r"""
- name: Meter the operations of an hour
  fuze.miniapp_infra.metering_event:
    url: https://payhub.example.com
    api_token: "{{ payhub_token }}"
    source: miniapp-infra/prod
    ledger_path: /var/lib/miniapp-infra/metering.jsonl
    events:
      - type: infra.operations
        subject: playhub
        value: 42
        unit: operations
        window_start: 2026-11-01T10:00:00Z
        window_end: 2026-11-01T11:00:00Z

- name: Charge what was used above the quota
  fuze.miniapp_infra.metering_event:
    url: https://payhub.example.com
    api_token: "{{ payhub_token }}"
    source: miniapp-infra/prod
    events:
      - type: infra.overage
        subject: playhub
        value: "12.50"
        currency: FZ
        window_start: 2026-11-01T00:00:00Z
        window_end: 2026-11-02T00:00:00Z
        dimensions:
          resource: memory

- name: Take back a part of it
  fuze.miniapp_infra.metering_event:
    url: https://payhub.example.com
    api_token: "{{ payhub_token }}"
    source: miniapp-infra/prod
    events:
      - type: infra.overage.adjustment
        subject: playhub
        value: "-2.50"
        currency: FZ
        window_start: 2026-11-01T00:00:00Z
        window_end: 2026-11-02T00:00:00Z
        dimensions:
          resource: memory
          correction: 1

- name: Meter a day's cost of each namespace in Lago
  fuze.miniapp_infra.metering_event:
    url: https://lago.example.com
    api_token: "{{ lago_api_key }}"
    backend: lago
    source: miniapp-infra/prod
    events:
      - type: infra_cost
        subject: sub_playhub
        value: "3.118251"
        window_start: 2026-11-01T00:00:00Z
        window_end: 2026-11-02T00:00:00Z

- name: Deliver what an interrupted run left behind
  fuze.miniapp_infra.metering_event:
    url: https://payhub.example.com
    api_token: "{{ payhub_token }}"
    source: miniapp-infra/prod
    ledger_path: /var/lib/miniapp-infra/metering.jsonl
    events: []
"""

RETURN = r"""
events:
  description:
    - What became of each event, in the order of O(events), then those that an earlier run had left behind
      (C(recovered)).
    - C(status) is C(accepted), C(duplicate) when it was stored already, C(conflict) when it is stored with another
      value, C(rejected), C(pending) when that is unknown, or C(planned) in check mode.
  returned: when the options were valid
  type: list
  elements: dict
  sample:
    - id: 0b0bd0d7-6f3c-5b0c-9a4b-3c1f7d1f6f0e
      type: infra.operations
      subject: playhub
      value: "42"
      status: accepted
      reason: ''
      recovered: false
accepted:
  description: Number of events that were stored by this run, or would be in check mode.
  returned: when the options were valid
  type: int
  sample: 1
duplicates:
  description: Number of events that were stored already.
  returned: when the options were valid
  type: int
  sample: 0
conflicts:
  description: Events that are stored with another value.
  returned: when the options were valid
  type: list
  elements: dict
  sample:
    - id: 7d5c2ad3-9e0f-5c43-8a34-1d3b7a4f0c11
      reason: it is stored with 40 operations, not 42 operations
rejected:
  description: Events that the backend did not take, or took and ignored.
  returned: when the options were valid
  type: list
  elements: dict
  sample:
    - id: 7d5c2ad3-9e0f-5c43-8a34-1d3b7a4f0c11
      reason: "Lago ignores it: no active billable metric has the code infra_cost"
pending:
  description: Number of events of which it is unknown whether they are stored, or that were not sent yet.
  returned: when the options were valid
  type: int
  sample: 0
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: conflict
    retryable: false
    hint: Correct stored usage by an event whose type ends in adjustment, or set on_conflict to ignore.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.http import http_spec

EVENT = {
    "currency": {"type": "str", "choices": ["FZ", "PT"]},
    "dimensions": {"type": "dict"},
    "id": {"type": "str"},
    "subject": {"type": "str", "required": True},
    "time": {"type": "str"},
    "type": {"type": "str", "required": True},
    "unit": {"type": "str"},
    "value": {"type": "raw", "required": True},
    "window_end": {"type": "str", "required": True},
    "window_start": {"type": "str", "required": True},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **http_spec(),
            "api_token": {"type": "str", "no_log": True},
            "backend": {"type": "str", "choices": ["cloudevents", "lago", "stripe"], "default": "cloudevents"},
            "batch_size": {"type": "int", "default": 100},
            "events": {"type": "list", "elements": "dict", "required": True, "options": EVENT},
            "ledger_path": {"type": "path"},
            "on_conflict": {"type": "str", "choices": ["fail", "ignore"], "default": "fail"},
            "read_before_send": {"type": "bool", "default": True},
            "source": {"type": "str", "required": True},
            "url": {"type": "str", "required": True},
            "visible_after": {"type": "float", "default": 10.0},
        },
        supports_check_mode=True,
    )
    engine.run(module, "miniapp_infra.metering.tasks", "record_events")


if __name__ == "__main__":
    main()
