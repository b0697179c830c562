# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes a backup with Velero."""

from __future__ import annotations

DOCUMENTATION = r"""
module: velero_backup
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Take or delete a backup with Velero
description:
  - Takes a backup through the Kubernetes API, waits for its end and fails unless it is good. Neither the C(velero)
    program nor access to the bucket is needed.
  - A backup is good when its phase is C(Completed), it has no errors and no reason of failure.
  - A backup of this name that is good already is left alone. One that still runs is waited for. One that has failed is
    reported, and replaced with O(recreate).
  - Before anything is made, the storage location must be available and writable. In check mode the API server checks
    the request as well.
  - With O(state=absent) Velero is asked to delete it, in the bucket as well. The object itself is never deleted,
    because Velero would make it again from the bucket.
options:
  from_schedule:
    description:
      - Schedule whose template is taken, with its labels; options that are given here win.
      - The backup then counts as one of the schedule.
    type: str
  recreate:
    description: Whether a backup of this name that has failed is deleted and taken anew.
    type: bool
    default: false
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.velero
  - fuze.miniapp_infra.velero.filters
  - fuze.miniapp_infra.velero.backup
  - fuze.miniapp_infra.velero.run
notes:
  - An error that Velero reports for single objects is in RV(results).
seealso:
  - module: fuze.miniapp_infra.velero_restore
  - module: fuze.miniapp_infra.velero_backup_info
"""

EXAMPLES = r"""
- name: Back up a service before its upgrade
  fuze.miniapp_infra.velero_backup:
    name: payhub-before-2.4.0
    included_namespaces: [payhub]
    ttl: 720h

- name: Take one more of the nightly backups, once for each run of the pipeline
  fuze.miniapp_infra.velero_backup:
    from_schedule: nightly
    idempotency_key: "{{ pipeline_id }}"
    wait_timeout: 7200

- name: Take a backup and go on without waiting
  fuze.miniapp_infra.velero_backup:
    name: events-archive
    included_namespaces: [events]
    default_volumes_to_fs_backup: true
    wait: false

- name: Delete a backup, in the bucket as well
  fuze.miniapp_infra.velero_backup:
    name: payhub-before-2.4.0
    state: absent
"""

RETURN = r"""
backup:
  description: The backup, as it was seen last.
  returned: when there is one
  type: dict
  sample:
    name: payhub-before-2.4.0
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
    schedule: ""
    storage_location: default
    included_namespaces: [payhub]
rpo_age:
  description: Seconds since the backup began. What was written since then is not in it.
  returned: when a good backup was waited for
  type: float
  sample: 9.1
results:
  description: Errors and warnings of Velero itself, of the cluster and of each namespace.
  returned: when there are errors or warnings and the object store can be reached
  type: dict
  sample:
    errors: {velero: [], cluster: [], namespaces: {payhub: ["resource: /pods name: /a error: hook failed"]}}
    warnings: {velero: [], cluster: [], namespaces: {}}
log_tail:
  description: The last 50 lines of Velero's log about the backup.
  returned: as O(fetch_log) says
  type: list
  elements: str
  sample: ['level=error msg="Error backing up item" name=a']
wait:
  description: How long was waited, in seconds, and what was seen last.
  returned: when O(wait) is true, also on failure of the backup
  type: dict
  sample: {elapsed: 7.4, last: "phase Completed, 48 of 48 items"}
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: upstream
    retryable: false
    hint: Mend the cause, then take another name, or have it replaced with recreate.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine, velero
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module


def main() -> None:
    module = kube_module(
        {
            **velero.velero_spec(),
            **velero.filter_spec(),
            **velero.backup_spec(),
            **velero.run_spec(),
            "from_schedule": {"type": "str"},
            "recreate": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("label_selector", "or_label_selectors")],
        required_one_of=[("name", "idempotency_key")],
    )
    engine.run(module, "miniapp_infra.velero.tasks", "backup")


if __name__ == "__main__":
    main()
