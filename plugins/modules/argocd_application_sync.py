# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Synchronises an Argo CD application."""

from __future__ import annotations

DOCUMENTATION = r"""
module: argocd_application_sync
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Synchronise an Argo CD application
description:
  - Compares an application with its sources, synchronises it unless it is synchronised already, and waits until it is
    healthy.
  - A sync window that is in the way is reported with the code V(frozen) and not waited for.
  - Fails early when Argo CD reports an error that waiting will not mend.
  - Recognises its own operation by a mark, and never takes the result of an earlier one for it.
options:
  refresh:
    description:
      - Whether to compare with the newest sources first. V(hard) also renders them again.
      - Check mode does not refresh and tells from what Argo CD knows.
    type: str
    choices: [none, normal, hard]
    default: normal
  force:
    description: Whether to synchronise an application that is synchronised already.
    type: bool
    default: false
  revision:
    description:
      - Commit, tag or version to synchronise to instead of the one in the specification. The application counts as
        out of sync afterwards, which is not waited for.
      - Refused when the application synchronises automatically, because Argo CD would go back at once.
      - A commit, a digest or a version that is deployed already is not deployed again. A branch may have moved, so it
        is.
    type: str
  revisions:
    description: The same for an application with several sources, one for each of them in their order.
    type: list
    elements: str
  strategy:
    description: V(hook) runs the hooks of the application, V(apply) leaves them out. As Argo CD decides, when left out.
    type: str
    choices: [apply, hook]
  sync_options:
    description: Options in addition to those of the application, such as V(Replace=true).
    type: list
    elements: str
    default: []
  resources:
    description: Only these objects, each with C(group), C(kind), C(name) and C(namespace).
    type: list
    elements: dict
    default: []
  retry_limit:
    description: How often Argo CD tries again by itself. As the application says, when it is V(0).
    type: int
    default: 0
  require_synced:
    description: Whether all objects must be as the sources say at the end. Some charts never get there.
    type: bool
    default: true
  idempotency_key:
    description:
      - A text that marks the operation, such as the id of a pipeline run. A task with the same key does not start it
        again. It waits for the end when the operation runs, changes nothing when it has succeeded, and fails when it
        has failed.
      - Argo CD remembers the last operation of an application. A key counts until another operation begins.
    type: str
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.argocd
  - fuze.miniapp_infra.argocd.operation
notes:
  - O(revision) and O(revisions) exclude each other.
seealso:
  - module: fuze.miniapp_infra.argocd_application
  - module: fuze.miniapp_infra.argocd_application_info
  - module: fuze.miniapp_infra.argocd_application_rollback
"""

EXAMPLES = r"""
- name: Synchronise the root application
  fuze.miniapp_infra.argocd_application_sync:
    name: local-miniapp-root

- name: Deploy one commit, once for each run of the pipeline
  fuze.miniapp_infra.argocd_application_sync:
    name: payhub
    project: payments
    revision: 5f3cbb0e8a5c1f0f0d3f4e6b7a8190a1b2c3d4e5
    idempotency_key: "{{ pipeline_run }}"
    accept_health: [Healthy, Suspended]
    terminate_on_timeout: true

- name: Give up at once when somebody else is deploying, through the API server
  fuze.miniapp_infra.argocd_application_sync:
    mode: api
    api_url: https://argocd.example.com
    api_token: "{{ argocd_token }}"
    name: payhub
    project: payments
    prune: true
    on_running: fail
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
wait:
  description: How the wait ended.
  returned: when it was waited
  type: dict
  sample: {elapsed: 4.117, polls: 3, last: "sync Synced; health Healthy"}
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: frozen
    retryable: false
    hint: Nothing was started. Run it again when the window allows it.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.argocd import argocd_module, operation_spec


def main() -> None:
    module = argocd_module(
        {
            **operation_spec(),
            "force": {"type": "bool", "default": False},
            "idempotency_key": {"type": "str", "no_log": False},
            "refresh": {"type": "str", "choices": ["none", "normal", "hard"], "default": "normal"},
            "require_synced": {"type": "bool", "default": True},
            "resources": {"type": "list", "elements": "dict", "default": []},
            "retry_limit": {"type": "int", "default": 0},
            "revision": {"type": "str"},
            "revisions": {"type": "list", "elements": "str"},
            "strategy": {"type": "str", "choices": ["apply", "hook"]},
            "sync_options": {"type": "list", "elements": "str", "default": []},
        },
        mutually_exclusive=[("revision", "revisions")],
    )
    engine.run(module, "miniapp_infra.argocd.tasks", "application_sync")


if __name__ == "__main__":
    main()
