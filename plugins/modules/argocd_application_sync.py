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
  - Works through the Kubernetes API, so that Argo CD needs neither its API server nor an account.
  - Fails early when Argo CD reports an error that waiting will not mend, and when a sync window blocks the operation.
options:
  name:
    description: Name of the application.
    type: str
    required: true
  namespace:
    description: Namespace of the application.
    type: str
    default: argocd
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
  prune:
    description: Whether to delete objects that are no longer wanted.
    type: bool
    default: false
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
    description: How often Argo CD tries again by itself.
    type: int
    default: 0
  accept_health:
    description: Health that is waited for. Add V(Suspended) where a rollout may pause.
    type: list
    elements: str
    default: [Healthy]
  wait:
    description: Whether to wait until the application is synchronised and healthy.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for that.
    type: float
    default: 300.0
  wait_interval:
    description: Seconds between two looks.
    type: float
    default: 2.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
seealso:
  - module: fuze.miniapp_infra.argocd_application_info
"""

EXAMPLES = r"""
- name: Synchronise the root application
  fuze.miniapp_infra.argocd_application_sync:
    name: local-miniapp-root
"""

RETURN = r"""
application:
  description: The application, as it was seen last.
  returned: success
  type: dict
  sample:
    name: local-miniapp-playhub
    namespace: argocd
    project: local-miniapp
    sync: {status: Synced, revisions: [0.1.0, 5f3cbb0e8a5c1f0f0d3f4e6b7a8190a1b2c3d4e5]}
    health: {status: Healthy, message: ""}
    operation:
      phase: Succeeded
      message: successfully synced (all tasks run)
      started_at: "2026-11-22T10:00:00Z"
      finished_at: "2026-11-22T10:00:03Z"
      retry_count: 0
    conditions: []
    resources:
      - group: apps
        kind: Deployment
        namespace: playhub
        name: local-miniapp-playhub
        status: Synced
        health: ""
        message: ""
    failed_resources: []
    images: ["198.18.0.2:5000/miniapp/playhub@sha256:645836d2a0b97d19a114baca6b1da2bd8ef2ea095007cd7d632e2faaa6593414"]
    history_id: 3
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: timeout
    retryable: true
    hint: Look at the events and the pods of local-miniapp-playhub; running it again continues to wait.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module


def main() -> None:
    module = kube_module(
        {
            "accept_health": {"type": "list", "elements": "str", "default": ["Healthy"]},
            "force": {"type": "bool", "default": False},
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "default": "argocd"},
            "prune": {"type": "bool", "default": False},
            "refresh": {"type": "str", "choices": ["none", "normal", "hard"], "default": "normal"},
            "resources": {"type": "list", "elements": "dict", "default": []},
            "retry_limit": {"type": "int", "default": 0},
            "sync_options": {"type": "list", "elements": "str", "default": []},
            "wait": {"type": "bool", "default": True},
            "wait_interval": {"type": "float", "default": 2.0},
            "wait_timeout": {"type": "float", "default": 300.0},
        }
    )
    engine.run(module, "miniapp_infra.argocd.tasks", "application_sync")


if __name__ == "__main__":
    main()
