# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads Argo CD applications."""

from __future__ import annotations

DOCUMENTATION = r"""
module: argocd_application_info
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Read Argo CD applications
description:
  - Returns sync status, health, last operation, conditions, history and objects of Argo CD applications.
options:
  name:
    description: Name of one application; all of them when left out.
    type: str
  project:
    description: Only applications of this AppProject.
    type: str
  windows:
    description:
      - Whether to tell in C(windows) what the sync windows say now, with C(can_sync) for a synchronisation that
        somebody asks for.
      - Needs the right to read the AppProject.
    type: bool
    default: false
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.argocd
seealso:
  - module: fuze.miniapp_infra.argocd_application_sync
"""

EXAMPLES = r"""
- name: Read all applications
  fuze.miniapp_infra.argocd_application_info: {}
  register: found

- name: Refuse to go on when one of them is not healthy
  ansible.builtin.assert:
    that: found.applications | map(attribute='health.status') | unique == ['Healthy']

- name: See whether a window is in the way
  fuze.miniapp_infra.argocd_application_info:
    name: payhub
    windows: true
  register: payhub

- name: Stop here during a freeze
  ansible.builtin.assert:
    that: payhub.applications[0].windows.can_sync
"""

RETURN = r"""
applications:
  description:
    - The applications by name; empty when there are none, or none of the given name.
    - C(windows) is there with O(windows).
  returned: success
  type: list
  elements: dict
  sample:
  - name: local-miniapp-playhub
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
    history:
      - {id: 3, deployed_at: "2026-11-22T10:00:03Z", revisions: [0.1.0, 5f3cbb0e8a5c1f0f0d3f4e6b7a8190a1b2c3d4e5]}
    auto_sync: true
    application_set: local-miniapp-services
    windows:
      can_sync: false
      active:
        - {kind: deny, schedule: 0 22 * * 5, duration: 58h, applications: ["*"], description: weekend}
      assigned:
        - {kind: deny, schedule: 0 22 * * 5, duration: 58h, applications: ["*"], description: weekend}
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: unavailable
    retryable: true
    hint: Is the API server running, and reachable from here?
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.argocd import argocd_module


def main() -> None:
    module = argocd_module(
        {"name": {"type": "str"}, "project": {"type": "str"}, "windows": {"type": "bool", "default": False}}
    )
    engine.run(module, "miniapp_infra.argocd.tasks", "application_info")


if __name__ == "__main__":
    main()
