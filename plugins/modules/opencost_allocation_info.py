# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads what workloads cost from OpenCost."""

from __future__ import annotations

DOCUMENTATION = r"""
module: opencost_allocation_info
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Read what workloads cost from OpenCost
description:
  - Reads cost allocations by namespace, controller, label and more. They are estimates; what the cloud bills is read by
    M(fuze.miniapp_infra.billing_export_info).
  - Costs are texts with at most 12 places, which is what M(fuze.miniapp_infra.metering_event) takes.
  - What belongs to no workload, such as idle capacity, is told apart from the allocations, so that it is never billed
    to a service.
options:
  url:
    description: Address of OpenCost, such as V(http://opencost.opencost:9003).
    type: str
    required: true
  api_token:
    description: Token for a proxy in front of OpenCost, which has no authentication of its own. Sent as bearer token.
    type: str
  window:
    description:
      - Time asked for, in UTC. Exactly one of O(window) and O(start) must be given.
      - One of V(today), V(yesterday), V(week), V(lastweek), V(month), V(lastmonth), a duration such as V(7d) or
        V(12h), which ends with the present day or hour, or two times with a comma between them.
    type: str
  start:
    description: Begin of the time asked for, with a time zone. Needs O(end).
    type: str
  end:
    description: End of the time asked for. Needs O(start).
    type: str
  aggregate:
    description:
      - Fields that make one row. V(cluster), V(node), V(namespace), V(controllerKind), V(controller), V(service),
        V(pod), V(container), V(label:<name>), V(annotation:<name>) or V(all).
    type: list
    elements: str
    default: [namespace]
  include_idle:
    description: Whether idle capacity is told, in RV(unassigned).
    type: bool
    default: true
  share_idle:
    description: Whether idle capacity is shared among the workloads in proportion to their cost.
    type: bool
    default: false
  resolution:
    description: Resolution of OpenCost's queries, such as V(1m). That of OpenCost when left out.
    type: str
  min_cost:
    description: Rows of RV(allocations) that cost less are left out. They still count in RV(allocated_cost).
    type: str
    default: '0'
  lag:
    description: Minutes after the end of the window until OpenCost has counted it.
    type: int
    default: 60
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.http
seealso:
  - module: fuze.miniapp_infra.billing_export_info
  - module: fuze.miniapp_infra.metering_event
"""

EXAMPLES = r"""
- name: What each namespace cost yesterday
  fuze.miniapp_infra.opencost_allocation_info:
    url: http://opencost.opencost:9003
    window: yesterday
  register: cost

- name: Meter it, once the day is counted
  fuze.miniapp_infra.metering_event:
    url: https://payhub.example.com
    api_token: "{{ payhub_token }}"
    source: miniapp-infra/prod
    events:
      - type: infra.cost
        subject: "{{ item.labels.namespace }}"
        value: "{{ item.total_cost }}"
        window_start: "{{ cost.window.start }}"
        window_end: "{{ cost.window.end }}"
  loop: "{{ cost.allocations }}"
  loop_control:
    label: "{{ item.name }}"
  when: cost.complete

- name: By team, in one hour
  fuze.miniapp_infra.opencost_allocation_info:
    url: http://opencost.opencost:9003
    start: 2026-11-01T10:00:00Z
    end: 2026-11-01T11:00:00Z
    aggregate: [namespace, "label:team"]
    min_cost: "0.01"
"""

RETURN = r"""
window:
  description: The time that was asked for, in UTC.
  returned: success
  type: dict
  sample:
    start: "2026-11-01T00:00:00Z"
    end: "2026-11-02T00:00:00Z"
allocations:
  description:
    - One row for each workload. The costs of resources include OpenCost's adjustments and add up to C(total_cost).
  returned: success
  type: list
  elements: dict
  sample:
    - name: playhub
      labels: {namespace: playhub}
      start: "2026-11-01T00:00:00Z"
      end: "2026-11-02T00:00:00Z"
      cpu_cost: "1.204"
      gpu_cost: "0"
      ram_cost: "0.61251"
      pv_cost: "0.1"
      network_cost: "0.02"
      load_balancer_cost: "0"
      shared_cost: "0"
      external_cost: "0"
      total_cost: "1.93651"
unassigned:
  description: The same for what belongs to no workload; C(reason) says what it is.
  returned: success
  type: list
  elements: dict
  sample:
    - name: __idle__
      labels: {namespace: __idle__}
      start: "2026-11-01T00:00:00Z"
      end: "2026-11-02T00:00:00Z"
      cpu_cost: "3.5"
      gpu_cost: "0"
      ram_cost: "1.25"
      pv_cost: "0"
      network_cost: "0"
      load_balancer_cost: "0"
      shared_cost: "0"
      external_cost: "0"
      total_cost: "4.75"
      reason: __idle__
allocated_cost:
  description: Sum over all workloads.
  returned: success
  type: str
  sample: "1.93651"
unassigned_cost:
  description: Sum of what belongs to no workload.
  returned: success
  type: str
  sample: "4.75"
complete:
  description: Whether the window, and O(lag) after it, is over, so that the numbers will not change.
  returned: success
  type: bool
  sample: true
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: unavailable
    retryable: true
    hint: Is the address right, and is it reachable from here?
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.http import http_spec


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **http_spec(),
            "aggregate": {"type": "list", "elements": "str", "default": ["namespace"]},
            "api_token": {"type": "str", "no_log": True},
            "end": {"type": "str"},
            "include_idle": {"type": "bool", "default": True},
            "lag": {"type": "int", "default": 60},
            "min_cost": {"type": "str", "default": "0"},
            "resolution": {"type": "str"},
            "share_idle": {"type": "bool", "default": False},
            "start": {"type": "str"},
            "url": {"type": "str", "required": True},
            "window": {"type": "str"},
        },
        mutually_exclusive=[("window", "start"), ("window", "end")],
        required_one_of=[("window", "start")],
        required_together=[("start", "end")],
        supports_check_mode=True,
    )
    engine.run(module, "miniapp_infra.cost.tasks", "allocation_info")


if __name__ == "__main__":
    main()
