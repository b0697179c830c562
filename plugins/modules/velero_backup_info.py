# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads backups of Velero and their age."""

from __future__ import annotations

DOCUMENTATION = r"""
module: velero_backup_info
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Read backups of Velero, and check their age
description:
  - Returns backups, and the newest good one of each schedule. A backup is good when its phase is C(Completed), it has
    no errors and no reason of failure.
  - With O(max_age) it also checks the recovery point objective. The age of a backup counts from its begin, because what
    was written since then is not in it.
options:
  name:
    description: One backup. Mutually exclusive with O(schedule).
    type: str
  schedule:
    description: Only backups of this schedule. All backups, when neither this nor O(name) is given.
    type: str
  max_age:
    description:
      - The most that the newest good backup may be old, such as V(15m), V(26h), V(7d), or a number of seconds.
      - Without any good backup the objective is not met.
    type: str
  fail_on_rpo:
    description: Whether to fail when O(max_age) is exceeded. Otherwise RV(rpo_met) tells it.
    type: bool
    default: true
  accept_partial:
    description: Whether phase C(PartiallyFailed) counts as good.
    type: bool
    default: false
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.velero
seealso:
  - module: fuze.miniapp_infra.velero_backup
  - module: fuze.miniapp_infra.velero_schedule
"""

EXAMPLES = r"""
- name: Fail when the newest nightly backup is older than 26 hours
  fuze.miniapp_infra.velero_backup_info:
    schedule: nightly
    max_age: 26h

- name: Read whether the objective is met, without failing
  fuze.miniapp_infra.velero_backup_info:
    schedule: quarter-hourly
    max_age: 15m
    fail_on_rpo: false
  register: recovery_point

- name: Read one backup
  fuze.miniapp_infra.velero_backup_info:
    name: payhub-before-2.4.0
"""

RETURN = r"""
backups:
  description: The backups, those that began last first. Each has the keys of RV(latest_successful) without the age.
  returned: always
  type: list
  elements: dict
  sample:
    - name: nightly-20261124020000
      namespace: velero
      phase: Completed
      errors: 0
      warnings: 0
      failure_reason: ""
      validation_errors: []
      items_total: 48
      items_done: 48
      started_at: "2026-11-24T02:00:00Z"
      completed_at: "2026-11-24T02:00:07Z"
      duration_seconds: 7.0
      expires_at: "2026-12-24T02:00:00Z"
      schedule: nightly
      storage_location: default
      included_namespaces: [payhub]
latest_successful:
  description: The newest good backup of each schedule; under an empty name that of those without a schedule.
  returned: always
  type: dict
  sample:
    nightly:
      name: nightly-20261124020000
      namespace: velero
      phase: Completed
      errors: 0
      warnings: 0
      failure_reason: ""
      validation_errors: []
      items_total: 48
      items_done: 48
      started_at: "2026-11-24T02:00:00Z"
      completed_at: "2026-11-24T02:00:07Z"
      duration_seconds: 7.0
      expires_at: "2026-12-24T02:00:00Z"
      schedule: nightly
      storage_location: default
      included_namespaces: [payhub]
      age_seconds: 30412.6
age_seconds:
  description: Age of the newest good one of all these backups, in seconds; null without one.
  returned: always
  type: float
  sample: 30412.6
max_age_seconds:
  description: O(max_age) in seconds.
  returned: when O(max_age) is given
  type: float
  sample: 93600.0
rpo_met:
  description: Whether there is a good backup that is young enough.
  returned: when O(max_age) is given
  type: bool
  sample: true
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: upstream
    retryable: false
    hint: Look at the schedule, at the phases of the last backups, and at the storage location.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine, velero
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module


def main() -> None:
    module = kube_module(
        {
            **velero.velero_spec(),
            "accept_partial": {"type": "bool", "default": False},
            "fail_on_rpo": {"type": "bool", "default": True},
            "max_age": {"type": "str"},
            "name": {"type": "str"},
            "schedule": {"type": "str"},
        },
        mutually_exclusive=[("name", "schedule")],
    )
    engine.run(module, "miniapp_infra.velero.tasks", "backup_info")


if __name__ == "__main__":
    main()
