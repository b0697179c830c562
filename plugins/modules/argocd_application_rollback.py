# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rolls an Argo CD application back to an earlier deployment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: argocd_application_rollback
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Roll an Argo CD application back to an earlier deployment
description:
  - Deploys again what an earlier entry of the history of an application deployed, with the sources and parameters of
    then, and waits until the application is healthy.
  - The specification still asks for the newer release, so the application counts as out of sync afterwards. Where Git
    is the truth, reverting the change there is the better way back.
  - Refused while the application synchronises automatically, because Argo CD would undo it, unless
    O(suspend_auto_sync).
  - Hooks are not run, as with C(argocd app rollback).
options:
  history_id:
    description:
      - Entry of the history to go back to, as RV(fuze.miniapp_infra.argocd_application_info#module:applications) shows
        it in C(history).
      - Exactly one of O(history_id) and O(revision) must be given.
    type: int
  revision:
    description: Revision that was deployed; its latest entry in the history is taken.
    type: str
  suspend_auto_sync:
    description:
      - Switch automatic synchronisation off first, and say so in a warning. It stays off.
      - Refused for an application that an ApplicationSet makes, which would switch it on again.
    type: bool
    default: false
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.argocd
  - fuze.miniapp_infra.argocd.operation
seealso:
  - module: fuze.miniapp_infra.argocd_application_sync
  - module: fuze.miniapp_infra.service_rollback
"""

EXAMPLES = r"""
- name: Go back to an entry of the history
  fuze.miniapp_infra.argocd_application_rollback:
    name: payhub
    history_id: 3

- name: Go back to the commit that ran before, although the application synchronises automatically
  fuze.miniapp_infra.argocd_application_rollback:
    name: payhub
    project: payments
    revision: 5f3cbb0e8a5c1f0f0d3f4e6b7a8190a1b2c3d4e5
    suspend_auto_sync: true
"""

RETURN = r"""
application:
  description: The application, as it was seen last.
  returned: success
  type: dict
  sample:
    name: payhub
    namespace: argocd
    project: payments
    sync: {status: Synced, revisions: [5f3cbb0e8a5c1f0f0d3f4e6b7a8190a1b2c3d4e5]}
    health: {status: Healthy, message: ""}
    operation:
      phase: Succeeded
      message: successfully synced (all tasks run)
      started_at: "2026-11-22T10:00:00Z"
      finished_at: "2026-11-22T10:00:03Z"
      retry_count: 0
    conditions: []
    resources:
      - {group: apps, kind: Deployment, namespace: payhub, name: payhub, status: Synced, health: "", message: ""}
    failed_resources: []
    images: ["registry.example.com/payhub@sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414"]
    history_id: 3
    history:
      - {id: 3, deployed_at: "2026-11-22T10:00:03Z", revisions: [5f3cbb0e8a5c1f0f0d3f4e6b7a8190a1b2c3d4e5]}
    auto_sync: false
    application_set: ""
history_id:
  description: The entry of the history that was gone back to.
  returned: success
  type: int
  sample: 3
revisions:
  description: What it deployed, one revision for each source.
  returned: success
  type: list
  elements: str
  sample: [5f3cbb0e8a5c1f0f0d3f4e6b7a8190a1b2c3d4e5]
auto_sync_suspended:
  description: Whether this task switched automatic synchronisation off, or in check mode would.
  returned: success
  type: bool
  sample: false
wait:
  description: How the wait ended.
  returned: when it was waited
  type: dict
  sample: {elapsed: 4.117, polls: 3, last: "sync OutOfSync; health Healthy"}
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: conflict
    retryable: false
    hint: Revert the change in Git instead, or set suspend_auto_sync.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.argocd import argocd_module, operation_spec


def main() -> None:
    module = argocd_module(
        {
            **operation_spec(),
            "history_id": {"type": "int"},
            "revision": {"type": "str"},
            "suspend_auto_sync": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("history_id", "revision")],
        required_one_of=[("history_id", "revision")],
    )
    engine.run(module, "miniapp_infra.argocd.tasks", "application_rollback")


if __name__ == "__main__":
    main()
