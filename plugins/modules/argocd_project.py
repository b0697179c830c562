# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Declares an Argo CD AppProject with its sync windows."""

from __future__ import annotations

DOCUMENTATION = r"""
module: argocd_project
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Declare an Argo CD AppProject and its sync windows
description:
  - Has a project as declared, or none. What is not declared here stays as it is. What is declared wins over what others
    wrote; a list is replaced as a whole.
  - Schedules, durations and time zones of sync windows are checked before anything is changed. Argo CD itself takes UTC
    for a time zone that it does not know, and lets nothing pass when it cannot read a schedule.
  - The tokens that Argo CD issued for a role stay valid.
  - A project that still has applications is not deleted.
options:
  name:
    description: Name of the project.
    type: str
    required: true
  description:
    description: What the project is for.
    type: str
  source_repos:
    description: Addresses of repositories that applications may use; V(*) for any.
    type: list
    elements: str
  source_namespaces:
    description: Namespaces, besides that of Argo CD, in which applications of the project may be.
    type: list
    elements: str
  destinations:
    description: Where applications may deploy to.
    type: list
    elements: dict
    suboptions:
      server:
        description: Address of the cluster, or a pattern.
        type: str
      name:
        description: Name of the cluster, or a pattern.
        type: str
      namespace:
        description: Namespace, or a pattern.
        type: str
  cluster_resource_whitelist:
    description: Kinds without a namespace that may be deployed, each with C(group) and C(kind).
    type: list
    elements: dict
  cluster_resource_blacklist:
    description: Kinds without a namespace that may not be deployed.
    type: list
    elements: dict
  namespace_resource_whitelist:
    description: Kinds with a namespace that may be deployed.
    type: list
    elements: dict
  namespace_resource_blacklist:
    description: Kinds with a namespace that may not be deployed.
    type: list
    elements: dict
  orphaned_resources:
    description:
      - Whether to warn of objects that belong to no application, in the form of the field C(spec.orphanedResources).
    type: dict
  roles:
    description: Roles of the project, each with C(name), C(policies) and C(groups).
    type: list
    elements: dict
  sync_windows:
    description:
      - When applications of the project may be synchronised. An empty list takes all windows away.
      - An application without a window may always be synchronised, one with windows of the kind V(allow) only while
        one of them is open, and none while one of the kind V(deny) is open.
    type: list
    elements: dict
    suboptions:
      kind:
        description: Whether synchronisations are allowed or denied while the window is open.
        type: str
        choices: [allow, deny]
        required: true
      schedule:
        description: When the window opens, in the five fields of cron.
        type: str
        required: true
      duration:
        description: How long it stays open, such as V(90m) or V(1h30m).
        type: str
        required: true
      time_zone:
        description: Time zone of the schedule, by its name in the IANA database.
        type: str
        default: UTC
      applications:
        description: Names of applications that the window is about, or patterns. One of the three lists is needed.
        type: list
        elements: str
      namespaces:
        description: Namespaces of destinations, or patterns.
        type: list
        elements: str
      clusters:
        description: Names or addresses of clusters, or patterns.
        type: list
        elements: str
      and_operator:
        description: Whether all of the lists that are given must match, and not one of them.
        type: bool
        default: false
      manual_sync:
        description: Whether a synchronisation that somebody asks for may begin all the same.
        type: bool
        default: false
      sync_overrun:
        description: Whether a synchronisation that had begun before may go on.
        type: bool
        default: false
      description:
        description: Why there is the window, in at most 255 characters.
        type: str
  labels:
    description: Labels to have. Others stay.
    type: dict
  annotations:
    description: Annotations to have. Others stay.
    type: dict
  state:
    description: Whether there has to be such a project, or none.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.argocd
seealso:
  - module: fuze.miniapp_infra.argocd_application
  - module: fuze.miniapp_infra.argocd_application_info
"""

EXAMPLES = r"""
- name: A project for payments that is frozen at weekends
  fuze.miniapp_infra.argocd_project:
    name: payments
    description: Services that move money
    source_repos: [https://git.example.com/platform.git]
    destinations:
      - {server: https://kubernetes.default.svc, namespace: payhub}
    cluster_resource_whitelist: []
    sync_windows:
      - kind: deny
        schedule: 0 22 * * fri
        duration: 58h
        time_zone: Europe/Berlin
        applications: ["*"]
        description: No releases at weekends

- name: Lift the freeze
  fuze.miniapp_infra.argocd_project:
    name: payments
    sync_windows: []
"""

RETURN = r"""
project:
  description: The project, with C(spec) in the form of the API.
  returned: success and state=present
  type: dict
  sample:
    name: payments
    namespace: argocd
    spec:
      description: Services that move money
      sourceRepos: [https://git.example.com/platform.git]
      destinations:
        - {server: https://kubernetes.default.svc, namespace: payhub}
      syncWindows:
        - {kind: deny, schedule: 0 22 * * fri, duration: 58h, timeZone: Europe/Berlin, applications: ["*"]}
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: conflict
    retryable: false
    hint: "Delete them, or give them another project: without one Argo CD stops to synchronise them."
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.argocd import argocd_module

_WINDOW = {
    "and_operator": {"type": "bool", "default": False},
    "applications": {"type": "list", "elements": "str"},
    "clusters": {"type": "list", "elements": "str"},
    "description": {"type": "str"},
    "duration": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["allow", "deny"], "required": True},
    "manual_sync": {"type": "bool", "default": False},
    "namespaces": {"type": "list", "elements": "str"},
    "schedule": {"type": "str", "required": True},
    "sync_overrun": {"type": "bool", "default": False},
    "time_zone": {"type": "str", "default": "UTC"},
}
_TARGET = {"name": {"type": "str"}, "namespace": {"type": "str"}, "server": {"type": "str"}}


def main() -> None:
    module = argocd_module(
        {
            "annotations": {"type": "dict"},
            "cluster_resource_blacklist": {"type": "list", "elements": "dict"},
            "cluster_resource_whitelist": {"type": "list", "elements": "dict"},
            "description": {"type": "str"},
            "destinations": {"type": "list", "elements": "dict", "options": _TARGET},
            "labels": {"type": "dict"},
            "name": {"type": "str", "required": True},
            "namespace_resource_blacklist": {"type": "list", "elements": "dict"},
            "namespace_resource_whitelist": {"type": "list", "elements": "dict"},
            "orphaned_resources": {"type": "dict"},
            "roles": {"type": "list", "elements": "dict"},
            "source_namespaces": {"type": "list", "elements": "str"},
            "source_repos": {"type": "list", "elements": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "sync_windows": {"type": "list", "elements": "dict", "options": _WINDOW},
        }
    )
    engine.run(module, "miniapp_infra.argocd.declare", "project")


if __name__ == "__main__":
    main()
