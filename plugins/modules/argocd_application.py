# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Declares an Argo CD application."""

from __future__ import annotations

DOCUMENTATION = r"""
module: argocd_application
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Declare an Argo CD application
description:
  - Has an application as declared, or none. What is not declared here stays as it is, such as labels, annotations,
    finalizers and ignored differences that others added. What is declared wins over what others wrote.
  - Does not synchronise; M(fuze.miniapp_infra.argocd_application_sync) does.
  - An application that an ApplicationSet makes is refused, because the set would put it back.
options:
  name:
    description: Name of the application.
    type: str
    required: true
  project:
    description: AppProject of the application.
    type: str
    default: default
  source:
    description:
      - Where the manifests come from, in the form of the field C(spec.source), such as C(repoURL), C(targetRevision),
        C(path), C(helm). Values of Helm as a mapping belong into C(helm.valuesObject).
      - Exactly one of O(source) and O(sources) must be given with O(state=present).
    type: dict
  sources:
    description: The same for several sources.
    type: list
    elements: dict
  destination:
    description:
      - Where the objects go. Needed with O(state=present), with one of O(destination.server) and O(destination.name).
    type: dict
    suboptions:
      server:
        description: Address of the cluster, such as V(https://kubernetes.default.svc).
        type: str
      name:
        description: Name under which Argo CD knows the cluster.
        type: str
      namespace:
        description: Namespace of objects that name none.
        type: str
  sync_policy:
    description:
      - How Argo CD synchronises, in the form of the field C(spec.syncPolicy).
      - C(automated.enabled) V(false) switches off what somebody else switched on.
    type: dict
  ignore_differences:
    description: Differences that do not count, in the form of the field C(spec.ignoreDifferences).
    type: list
    elements: dict
  info:
    description: Texts that Argo CD shows, each with C(name) and C(value).
    type: list
    elements: dict
  revision_history_limit:
    description: How many deployments the history keeps.
    type: int
  labels:
    description: Labels to have. Others stay.
    type: dict
  annotations:
    description: Annotations to have. Others stay.
    type: dict
  finalizers:
    description: Finalizers to have. Others stay. O(cascade) needs none.
    type: list
    elements: str
  cascade:
    description:
      - How the objects of the application go with O(state=absent). V(foreground) and V(background) delete them in the
        way of the same name of Kubernetes, V(orphan) leaves them.
    type: str
    choices: [foreground, background, orphan]
    default: foreground
  validate:
    description: With O(mode=api), whether Argo CD checks sources and destination before it stores the application.
    type: bool
    default: true
  state:
    description: Whether there has to be such an application, or none.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description:
      - Whether to wait until Argo CD has compared the application with its sources, or until it is gone. Check mode
        does not wait.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for that.
    type: float
    default: 120.0
  wait_interval:
    description: Seconds between two looks.
    type: float
    default: 2.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.argocd
seealso:
  - module: fuze.miniapp_infra.argocd_application_sync
  - module: fuze.miniapp_infra.argocd_application_set
  - module: fuze.miniapp_infra.argocd_project
"""

EXAMPLES = r"""
- name: An application that synchronises automatically
  fuze.miniapp_infra.argocd_application:
    name: payhub
    project: payments
    source:
      repoURL: https://git.example.com/platform.git
      targetRevision: main
      path: services/payhub
    destination:
      server: https://kubernetes.default.svc
      namespace: payhub
    sync_policy:
      automated: {prune: true, selfHeal: true}
      syncOptions: [ServerSideApply=true]

- name: A chart with values from another repository
  fuze.miniapp_infra.argocd_application:
    name: payhub
    sources:
      - repoURL: registry.example.com/charts/service
        chart: service
        targetRevision: 1.4.2
        helm:
          valueFiles: [$values/services/payhub/values.yaml]
          valuesObject: {replicas: 2}
      - repoURL: https://git.example.com/platform.git
        targetRevision: main
        ref: values
    destination: {name: production, namespace: payhub}

- name: Take an application away and leave what it deployed
  fuze.miniapp_infra.argocd_application:
    name: payhub
    state: absent
    cascade: orphan
"""

RETURN = r"""
application:
  description: The application, as it was seen last.
  returned: success and state=present
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
  sample: {elapsed: 4.117, polls: 3, last: "sync OutOfSync; health Missing"}
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: invalid_input
    retryable: false
    hint: ""
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.argocd import argocd_module


def main() -> None:
    target = {"name": {"type": "str"}, "namespace": {"type": "str"}, "server": {"type": "str"}}
    module = argocd_module(
        {
            "annotations": {"type": "dict"},
            "cascade": {"type": "str", "choices": ["foreground", "background", "orphan"], "default": "foreground"},
            "destination": {"type": "dict", "options": target},
            "finalizers": {"type": "list", "elements": "str"},
            "ignore_differences": {"type": "list", "elements": "dict"},
            "info": {"type": "list", "elements": "dict"},
            "labels": {"type": "dict"},
            "name": {"type": "str", "required": True},
            "project": {"type": "str", "default": "default"},
            "revision_history_limit": {"type": "int"},
            "source": {"type": "dict"},
            "sources": {"type": "list", "elements": "dict"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "sync_policy": {"type": "dict"},
            "validate": {"type": "bool", "default": True},
            "wait": {"type": "bool", "default": True},
            "wait_interval": {"type": "float", "default": 2.0},
            "wait_timeout": {"type": "float", "default": 120.0},
        },
        mutually_exclusive=[("source", "sources")],
        required_if=[("state", "present", ("source", "sources"), True), ("state", "present", ("destination",))],
    )
    engine.run(module, "miniapp_infra.argocd.declare", "application")


if __name__ == "__main__":
    main()
