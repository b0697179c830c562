# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps the backup schedule of a MongoDB Atlas cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_atlas_backup_schedule
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Backup schedule of a MongoDB Atlas cluster
description:
  - Sets when snapshots of a cluster are taken, how long they are kept, and how far back every second can be restored.
  - What is left out stays as it is. Items keep their IDs, which Atlas makes, so that snapshots stay with their items.
  - The cluster itself, and whether it has backups and continuous backup at all, belongs to Terraform.
options:
  project_id:
    description: ID of the project, 24 hexadecimal digits.
    type: str
    required: true
  cluster_name:
    description: Cluster.
    type: str
    required: true
  reference_time:
    description: Time in UTC that the times of snapshots are counted from, as V(HH:MM).
    type: str
  restore_window_days:
    description:
      - Days back that every second can be restored.
      - Needs continuous backup on the cluster.
    type: int
  policy_items:
    description: All items of the policy. One that is there and not declared is removed.
    type: list
    elements: dict
    suboptions:
      frequency_type:
        description: Kind of interval. There can be one hourly and one daily item, and several of the others.
        type: str
        required: true
        choices: [hourly, daily, weekly, monthly, yearly]
      frequency_interval:
        description:
          - For V(hourly) the hours between two snapshots, one of V(1), V(2), V(4), V(6), V(8) and V(12).
          - For V(weekly) the day, V(1) for Monday; for V(monthly) the day, V(40) for the last; for V(yearly) the month.
        type: int
        default: 1
      retention_unit:
        description: Unit of O(policy_items[].retention_value).
        type: str
        required: true
        choices: [days, weeks, months, years]
      retention_value:
        description: How long snapshots are kept. Atlas wants it to grow from more to less frequent items.
        type: int
        required: true
  update_snapshots:
    description:
      - Whether snapshots that were taken already get the new retention.
      - A shorter one then deletes those that are older.
    type: bool
    default: false
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.atlas
  - fuze.miniapp_infra.http
seealso:
  - module: fuze.miniapp_infra.mongodb_atlas_cluster_info
"""

EXAMPLES = r"""
- name: Take snapshots every six hours and keep one of each day for a month
  fuze.miniapp_infra.mongodb_atlas_backup_schedule:
    project_id: 32b6e34b3d91647abb20e7b8
    cluster_name: prod-miniapp
    reference_time: "03:30"
    restore_window_days: 7
    policy_items:
      - {frequency_type: hourly, frequency_interval: 6, retention_unit: days, retention_value: 7}
      - {frequency_type: daily, retention_unit: days, retention_value: 30}
    client_id: "{{ atlas_client_id }}"
    client_secret: "{{ atlas_client_secret }}"

- name: Make every second of two weeks restorable, and leave the rest
  fuze.miniapp_infra.mongodb_atlas_backup_schedule:
    project_id: 32b6e34b3d91647abb20e7b8
    cluster_name: prod-miniapp
    restore_window_days: 14
"""

RETURN = r"""
schedule:
  description: The schedule, in check mode as it would be.
  returned: success
  type: dict
  sample:
    reference_time: "03:30"
    restore_window_days: 7
    policy_items:
      - {frequency_type: hourly, frequency_interval: 6, retention_unit: days, retention_value: 7}
      - {frequency_type: daily, frequency_interval: 1, retention_unit: days, retention_value: 30}
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: conflict
    retryable: false
    hint: Set pit_enabled where Terraform declares the cluster.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.atlas import atlas_module


def main() -> None:
    frequencies = ["hourly", "daily", "weekly", "monthly", "yearly"]
    item = {
        "frequency_interval": {"type": "int", "default": 1},
        "frequency_type": {"type": "str", "choices": frequencies, "required": True},
        "retention_unit": {"type": "str", "choices": ["days", "weeks", "months", "years"], "required": True},
        "retention_value": {"type": "int", "required": True},
    }
    module = atlas_module(
        {
            "cluster_name": {"type": "str", "required": True},
            "policy_items": {"type": "list", "elements": "dict", "options": item},
            "project_id": {"type": "str", "required": True},
            "reference_time": {"type": "str"},
            "restore_window_days": {"type": "int"},
            "update_snapshots": {"type": "bool", "default": False},
        }
    )
    engine.run(module, "miniapp_infra.atlas.tasks", "backup_schedule")


if __name__ == "__main__":
    main()
