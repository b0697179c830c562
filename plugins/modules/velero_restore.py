# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restores a backup of Velero."""

from __future__ import annotations

DOCUMENTATION = r"""
module: velero_restore
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Restore a backup of Velero
description:
  - Restores a backup through the Kubernetes API, waits for its end and fails unless it is good.
  - A restore is good when its phase is C(Completed), it has no errors and no reason of failure, and when it has written
    something. Velero skips objects that exist, and calls a restore that skipped all of them C(Completed) too.
  - Nothing starts unless O(confirm_target) names the namespaces that will be written to.
  - Writing into a namespace that the backup was taken of, and that still exists, is refused unless
    O(allow_overwrite_source) or O(existing_resource_policy=update) is given.
  - The same O(name) or O(idempotency_key) never starts a second restore. One that runs is waited for, one that is over
    is reported as it ended.
  - With O(state=absent) the record of a restore is deleted. What it restored stays.
options:
  backup_name:
    description:
      - Backup to restore. It must be good; a partial one is taken with O(accept_partial).
      - One of O(backup_name) and O(schedule_name) is needed with O(state=present).
    type: str
  schedule_name:
    description: Schedule whose newest good backup is restored.
    type: str
  confirm_target:
    description:
      - The namespaces that will be written to, in any order. Required with O(state=present), and refused unless it is
        exactly that set.
      - These are the namespaces of O(included_namespaces), or else those of the backup, without the excluded ones, each
        as O(namespace_mapping) maps it. V(*) stands for a backup of all namespaces that is not narrowed down.
      - Objects that belong to no namespace are not part of it; see O(include_cluster_resources).
    type: list
    elements: str
  allow_overwrite_source:
    description: Whether a namespace that the backup was taken of may be written to although it exists.
    type: bool
    default: false
  namespace_mapping:
    description: Other namespaces to restore into; the keys are the namespaces of the backup.
    type: dict
  existing_resource_policy:
    description:
      - What happens with objects that exist. V(none) skips them, which is also what Velero does when left out.
      - V(update) tries to make them as they were, and reports what it could not as warnings. Data of volumes stays.
    type: str
    choices: [none, update]
  resource_modifier:
    description: Changes to objects while they are restored.
    type: dict
    suboptions:
      rules:
        description:
          - Rules of Velero's resource modifiers, version C(v1), each with C(conditions) and C(patches), C(mergePatches)
            or C(strategicPatches). Conditions name the namespaces of the backup.
          - They are kept in a ConfigMap beside the restore, which is deleted when the end was waited for.
        type: list
        elements: dict
        required: true
  restore_status:
    description: Kinds whose status is restored as well.
    type: dict
    suboptions:
      included_resources:
        description: Kinds to include.
        type: list
        elements: str
      excluded_resources:
        description: Kinds to leave out.
        type: list
        elements: str
  restore_pvs:
    description: Whether volumes are restored from their snapshots.
    type: bool
  preserve_node_ports:
    description: Whether Services keep their node ports.
    type: bool
  accept_warnings:
    description: Whether a restore with warnings, such as about objects that exist and differ, counts as success.
    type: bool
    default: true
  accept_empty:
    description: Whether a restore that has written no object counts as success.
    type: bool
    default: false
  expect_resources:
    description: Objects that must exist afterwards.
    type: list
    elements: dict
    suboptions:
      api_version:
        description: API version of the kind.
        type: str
        default: v1
      kind:
        description: Kind of the object.
        type: str
        required: true
      name:
        description: Name of the object.
        type: str
        required: true
      namespace:
        description: Namespace of the object, where it was restored to.
        type: str
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.velero
  - fuze.miniapp_infra.velero.filters
  - fuze.miniapp_infra.velero.run
notes:
  - Velero deletes the records of restores together with their backup.
  - How much was restored is read from the object store. Where that cannot be reached from here, a warning says so.
seealso:
  - module: fuze.miniapp_infra.velero_backup
  - module: fuze.miniapp_infra.velero_backup_storage_location
    description: Set the location to read-only during a recovery.
"""

EXAMPLES = r"""
- name: Restore a service beside itself, as a drill
  fuze.miniapp_infra.velero_restore:
    schedule_name: nightly
    idempotency_key: drill-2026-q4
    included_namespaces: [payhub]
    namespace_mapping:
      payhub: payhub-drill
    confirm_target: [payhub-drill]
    expect_resources:
      - kind: ConfigMap
        name: settings
        namespace: payhub-drill

- name: Bring back a namespace that was lost
  fuze.miniapp_infra.velero_restore:
    name: payhub-recovery-1
    backup_name: nightly-20261124020000
    included_namespaces: [payhub]
    confirm_target: [payhub]

- name: Set objects of a running service back to the backup
  fuze.miniapp_infra.velero_restore:
    name: payhub-recovery-2
    backup_name: payhub-before-2.4.0
    existing_resource_policy: update
    included_resources: [configmaps]
    confirm_target: [payhub]

- name: Restore with another storage class
  fuze.miniapp_infra.velero_restore:
    name: events-move
    backup_name: events-archive
    namespace_mapping: {events: events-new}
    confirm_target: [events-new]
    resource_modifier:
      rules:
        - conditions: {groupResource: persistentvolumeclaims, resourceNameRegex: ".*"}
          patches:
            - {operation: replace, path: /spec/storageClassName, value: fast}
"""

RETURN = r"""
restore:
  description: The restore, as it was seen last.
  returned: when there is one
  type: dict
  sample:
    name: payhub-recovery-1
    namespace: velero
    phase: Completed
    errors: 0
    warnings: 1
    failure_reason: ""
    validation_errors: []
    items_total: 48
    items_done: 48
    started_at: "2026-11-24T10:00:00Z"
    completed_at: "2026-11-24T10:00:09Z"
    duration_seconds: 9.0
    backup_name: nightly-20261124020000
    namespace_mapping: {}
restored_items:
  description:
    - Number of objects for each thing that Velero did, without the namespaces themselves. These are C(created),
      C(updated), C(skipped), and C(failed), which also stands for an object that exists and differs.
  returned: when the end was waited for and the object store can be reached
  type: dict
  sample: {created: 46, skipped: 2}
restored_objects:
  description: What was done with each object, by kind.
  returned: when the end was waited for and the object store can be reached
  type: dict
  sample: {v1/ConfigMap: ["payhub/settings(created)"]}
results:
  description: Errors and warnings of Velero itself, of the cluster and of each namespace.
  returned: when there are errors or warnings and the object store can be reached
  type: dict
  sample:
    errors: {velero: [], cluster: [], namespaces: {}}
    warnings: {velero: [], cluster: [], namespaces: {payhub: ["could not restore, Service \"a\" already exists"]}}
log_tail:
  description: The last 50 lines of Velero's log about the restore.
  returned: as O(fetch_log) says
  type: list
  elements: str
  sample: ['level=info msg="restore completed"']
wait:
  description: How long was waited, in seconds, and what was seen last.
  returned: when O(wait) is true, also on failure of the restore
  type: dict
  sample: {elapsed: 9.6, last: "phase Completed, 48 of 48 items"}
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: refused_by_policy
    retryable: false
    hint: "Restore into other namespaces with namespace_mapping, or say allow_overwrite_source: true."
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine, velero
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module

_NAMES = {"type": "list", "elements": "str"}


def main() -> None:
    expected = {
        "api_version": {"type": "str", "default": "v1"},
        "kind": {"type": "str", "required": True},
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str"},
    }
    modifier = {"rules": {"type": "list", "elements": "dict", "required": True}}
    statuses = {"included_resources": _NAMES, "excluded_resources": _NAMES}
    module = kube_module(
        {
            **velero.velero_spec(),
            **velero.filter_spec(),
            **velero.run_spec(),
            "accept_empty": {"type": "bool", "default": False},
            "accept_warnings": {"type": "bool", "default": True},
            "allow_overwrite_source": {"type": "bool", "default": False},
            "backup_name": {"type": "str"},
            "confirm_target": _NAMES,
            "existing_resource_policy": {"type": "str", "choices": ["none", "update"]},
            "expect_resources": {"type": "list", "elements": "dict", "options": expected},
            "namespace_mapping": {"type": "dict"},
            "preserve_node_ports": {"type": "bool"},
            "resource_modifier": {"type": "dict", "options": modifier},
            "restore_pvs": {"type": "bool"},
            "restore_status": {"type": "dict", "options": statuses},
            "schedule_name": {"type": "str"},
        },
        mutually_exclusive=[("backup_name", "schedule_name"), ("label_selector", "or_label_selectors")],
        required_if=[
            ("state", "present", ("confirm_target",)),
            ("state", "present", ("backup_name", "schedule_name"), True),
        ],
        required_one_of=[("name", "idempotency_key")],
    )
    engine.run(module, "miniapp_infra.velero.tasks", "restore")


if __name__ == "__main__":
    main()
