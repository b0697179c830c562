# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restores a MongoDB Atlas cluster to a point in time or to a snapshot."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_atlas_restore_job
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Restore a MongoDB Atlas cluster to a point in time
description:
  - Restores the data that a cluster had at a point in time, or in a snapshot, to a cluster that exists, and waits until
    that one can be used again.
  - All data of the target is lost, so O(confirm_target) must name it, and the source is refused as a target.
  - Before anything is changed it is made sure that the source can be restored to that time, and that the target is
    idle, not paused, and runs the same or a newer version of MongoDB. In check mode this is all that is done.
  - A restore of the same data to the same target that is in progress is waited for instead of starting another one, so
    that the task can simply be repeated after an interruption.
  - Atlas cannot cancel a restore. A job that ends as failed, cancelled or expired fails the task at once.
  - Clusters belong to Terraform. This module creates none.
options:
  source_project_id:
    description: Project of the cluster that the data comes from, 24 hexadecimal digits.
    type: str
    required: true
  source_cluster_name:
    description: Cluster that the data comes from.
    type: str
    required: true
  target_project_id:
    description: Project of the target; that of the source when left out.
    type: str
  target_cluster_name:
    description: Cluster whose data is overwritten.
    type: str
    required: true
  confirm_target:
    description: The name of the target once more. Nothing is done when it differs.
    type: str
    required: true
  allow_overwrite_source:
    description: Whether the source itself may be the target.
    type: bool
    default: false
  point_in_time:
    description:
      - Point in time in ISO 8601 with its time zone, to the second, such as V(2026-11-24T10:15:00Z).
      - Exactly one of O(point_in_time), O(oplog_ts) and O(snapshot_id) must be given.
    type: str
  oplog_ts:
    description: Point in time as an operation of the oplog, its seconds since 1970. O(oplog_inc) must be given too.
    type: int
  oplog_inc:
    description: Number of the operation within that second.
    type: int
  snapshot_id:
    description: Snapshot to restore, or V(latest) for the newest completed one.
    type: str
  lag:
    description: Seconds that the backup of the oplog is behind. A younger point in time is refused.
    type: float
    default: 60.0
  reuse_within:
    description:
      - Seconds that a finished restore of the same data to the same target counts as this one, so that nothing is done.
      - V(0) restores again.
    type: float
    default: 86400.0
  idempotency_key:
    description:
      - Name of this restore, such as the number of the incident. Under one key the restore is started at most once,
        however long ago that was; when it failed, the task fails until another key is given.
      - A key cannot be used for another restore.
    type: str
  ledger_directory:
    description: Directory in which it is kept what was started under which key. The hosts that run this share it.
    type: path
    default: ~/.local/state/miniapp-infra/restores
  wait_timeout:
    description: Seconds to wait until the job has finished and the target is idle again.
    type: float
    default: 7200.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.atlas
  - fuze.miniapp_infra.http
  - fuze.miniapp_infra.http.poll
seealso:
  - module: fuze.miniapp_infra.mongodb_atlas_cluster_info
  - module: fuze.miniapp_infra.docdb_cluster_restore
"""

EXAMPLES = r"""
- name: Restore production as it was before the accident, to the cluster for restores
  fuze.miniapp_infra.mongodb_atlas_restore_job:
    source_project_id: 32b6e34b3d91647abb20e7b8
    source_cluster_name: prod-miniapp
    target_cluster_name: prod-miniapp-restore
    confirm_target: prod-miniapp-restore
    point_in_time: "2026-11-24T10:15:00Z"
    idempotency_key: incident-4711
    client_id: "{{ atlas_client_id }}"
    client_secret: "{{ atlas_client_secret }}"
  register: restored

- name: Show how long it took
  ansible.builtin.debug:
    var: restored.wait.elapsed

- name: Restore the newest snapshot to another project, for a drill, whether or not it was done before
  fuze.miniapp_infra.mongodb_atlas_restore_job:
    source_project_id: 32b6e34b3d91647abb20e7b8
    source_cluster_name: prod-miniapp
    target_project_id: 6296fb4c7c7aa997cf94e9a8
    target_cluster_name: drill
    confirm_target: drill
    snapshot_id: latest
    reuse_within: 0
"""

RETURN = r"""
job:
  description: The restore job, as it was seen last; none in check mode when it would be started.
  returned: success
  type: dict
  sample:
    id: 5f4007f327a3bd7b6f4103c5
    phase: finished
    delivery_type: pointInTime
    target_project_id: 32b6e34b3d91647abb20e7b8
    target_cluster_name: prod-miniapp-restore
    finished: "2026-11-24T10:52:11Z"
restored_to:
  description: What was restored, a time or a snapshot.
  returned: success
  type: str
  sample: "2026-11-24T10:15:00Z"
target:
  description: The target, as it was seen last.
  returned: success
  type: dict
  sample:
    name: prod-miniapp-restore
    project_id: 32b6e34b3d91647abb20e7b8
    state: IDLE
    mongodb_version: 8.0.4
    paused: false
    backup_enabled: false
    pit_enabled: false
    connection_string: mongodb+srv://prod-miniapp-restore.a1b2c.mongodb.net
wait:
  description: How long was waited, in seconds, how often was looked, and what was seen last.
  returned: when waited
  type: dict
  sample:
    elapsed: 1204.7
    polls: 84
    last: job 5f4007f327a3bd7b6f4103c5 finished, prod-miniapp-restore IDLE
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: refused_by_policy
    retryable: false
    hint: Restore to another cluster and compare, or set allow_overwrite_source.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.atlas import atlas_module
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.http import poll_spec


def main() -> None:
    points = ("point_in_time", "oplog_ts", "snapshot_id")
    module = atlas_module(
        {
            **poll_spec(7200.0),
            "allow_overwrite_source": {"type": "bool", "default": False},
            "confirm_target": {"type": "str", "required": True},
            "idempotency_key": {"type": "str", "no_log": False},
            "lag": {"type": "float", "default": 60.0},
            "ledger_directory": {"type": "path", "default": "~/.local/state/miniapp-infra/restores"},
            "oplog_inc": {"type": "int"},
            "oplog_ts": {"type": "int"},
            "point_in_time": {"type": "str"},
            "reuse_within": {"type": "float", "default": 86400.0},
            "snapshot_id": {"type": "str"},
            "source_cluster_name": {"type": "str", "required": True},
            "source_project_id": {"type": "str", "required": True},
            "target_cluster_name": {"type": "str", "required": True},
            "target_project_id": {"type": "str"},
        },
        mutually_exclusive=[points],
        required_one_of=[points],
        required_together=[("oplog_ts", "oplog_inc")],
    )
    engine.run(module, "miniapp_infra.atlas.tasks", "restore_job")


if __name__ == "__main__":
    main()
