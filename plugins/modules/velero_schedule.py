# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Declares a backup schedule of Velero."""

from __future__ import annotations

DOCUMENTATION = r"""
module: velero_schedule
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Declare a backup schedule of Velero
description:
  - Makes, changes or deletes a Schedule, and waits until Velero has accepted it.
  - The cron expression is checked before anything is changed, because Velero reports a wrong one only afterwards.
  - Options that are left out, and were given before, are taken out of the schedule. Fields that others manage stay.
  - Backups that a schedule has taken stay when it is deleted.
options:
  name:
    description: Name of the schedule. Its backups are called after it, with the time appended.
    type: str
    required: true
  state:
    description: Whether it is there.
    type: str
    choices: [present, absent]
    default: present
  schedule:
    description:
      - When to take a backup, with the five fields of cron, or one of V(@hourly), V(@daily), V(@weekly), V(@monthly),
        V(@yearly), or V(@every 6h).
      - V(CRON_TZ=Europe/Zurich) may stand first; without it the time zone of the Velero server counts. Sunday is V(0).
      - Required with O(state=present).
    type: str
  paused:
    description:
      - Whether no backups are taken for now. Velero does not look at a paused schedule, so it is not waited for.
    type: bool
  skip_immediately:
    description:
      - Whether no backup is taken at once where one would be due already.
      - Counts only when the schedule is made. Velero turns it back afterwards, so it is never compared.
    type: bool
  use_owner_references_in_backup:
    description:
      - Whether the schedule owns its backups, so that they vanish with it. Velero makes those again that are still in
        the bucket.
    type: bool
  labels:
    description: Labels of the schedule, which its backups get as well.
    type: dict
  force_conflicts:
    description: Whether to take fields over from other managers, such as C(velero) itself, instead of failing.
    type: bool
    default: false
  wait:
    description: Whether to wait until Velero has accepted it. Check mode does not wait.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for that.
    type: float
    default: 120.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.velero
  - fuze.miniapp_infra.velero.filters
  - fuze.miniapp_infra.velero.backup
notes:
  - Where Argo CD manages the namespace of Velero, exclude backups from pruning; they look like leftovers to it.
seealso:
  - module: fuze.miniapp_infra.velero_backup_info
    description: Check that the backups are young enough.
"""

EXAMPLES = r"""
- name: Back the services up every night
  fuze.miniapp_infra.velero_schedule:
    name: nightly
    schedule: CRON_TZ=Europe/Zurich 0 2 * * *
    included_namespaces: [payhub, escrow]
    ttl: 720h
    skip_immediately: true

- name: Take no backups during the migration
  fuze.miniapp_infra.velero_schedule:
    name: nightly
    schedule: CRON_TZ=Europe/Zurich 0 2 * * *
    included_namespaces: [payhub, escrow]
    ttl: 720h
    paused: true

- name: Delete a schedule and keep its backups
  fuze.miniapp_infra.velero_schedule:
    name: nightly
    state: absent
"""

RETURN = r"""
schedule:
  description: The schedule, as it was seen last.
  returned: when there is one, or was
  type: dict
  sample:
    name: nightly
    schedule: CRON_TZ=Europe/Zurich 0 2 * * *
    paused: false
    phase: Enabled
    last_backup: "2026-11-24T01:00:00Z"
    last_skipped: ""
    validation_errors: []
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: invalid_input
    retryable: false
    hint: Such as CRON_TZ=Europe/Zurich.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine, velero
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module


def main() -> None:
    module = kube_module(
        {
            **velero.velero_spec(),
            **velero.filter_spec(),
            **velero.backup_spec(),
            "force_conflicts": {"type": "bool", "default": False},
            "labels": {"type": "dict"},
            "name": {"type": "str", "required": True},
            "paused": {"type": "bool"},
            "schedule": {"type": "str"},
            "skip_immediately": {"type": "bool"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "use_owner_references_in_backup": {"type": "bool"},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "float", "default": 120.0},
        },
        mutually_exclusive=[("label_selector", "or_label_selectors")],
        required_if=[("state", "present", ("schedule",))],
    )
    engine.run(module, "miniapp_infra.velero.tasks", "schedule")


if __name__ == "__main__":
    main()
