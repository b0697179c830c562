# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waits for Kubernetes objects."""

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_wait
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Wait until Kubernetes objects are ready
description:
  - Waits for objects that others make, with one watch per kind for the whole set and without polling.
  - Fails at once when an object can no longer become ready, such as a failed Job, and after a short grace when its pods
    repeat a failure, such as C(ImagePullBackOff). The message says which pod, and why.
  - Objects and kinds that do not exist yet are waited for as well.
  - In check mode nothing is waited for; RV(ready) tells how the objects are now.
options:
  objects:
    description: Several questions at once. Exactly one of O(objects) and O(kind) must be given.
    type: list
    elements: dict
    suboptions:
      api_version:
        description: API version of the kind, such as V(apps/v1).
        type: str
        default: v1
      kind:
        description: Kind of the objects.
        type: str
        required: true
      name:
        description: Name of one object. All objects that match the other options, when left out.
        type: str
      namespace:
        description: Namespace of the objects. All namespaces, when left out; with O(objects[].name), V(default).
        type: str
      label_selectors:
        description: Labels that the objects must have.
        type: list
        elements: str
        default: []
      field_selectors:
        description: Fields that the objects must have.
        type: list
        elements: str
        default: []
  api_version:
    description:
      - API version of the kind.
      - The kinds that Kubernetes itself brings are also found by their version alone, such as a Deployment in V(v1).
    type: str
    default: v1
    aliases: [api, version]
  kind:
    description: Kind of the objects.
    type: str
  name:
    description: Name of one object. All objects that match the other options, when left out.
    type: str
  namespace:
    description: Namespace of the objects. All namespaces, when left out; with O(name), V(default).
    type: str
  label_selectors:
    description: Labels that the objects must have, such as V(app=playhub). All of them must match.
    type: list
    elements: str
    default: []
  field_selectors:
    description: Fields that the objects must have, such as V(status.phase=Running). All of them must match.
    type: list
    elements: str
    default: []
  hidden_fields:
    description:
      - Fields that are left out of RV(resources), such as V(metadata.annotations[example.com/note]) or
        V(spec.containers[0].env).
      - The records of the field managers are always left out.
    type: list
    elements: str
    default: []
  state:
    description: Whether to wait until the objects are ready, or until they are gone.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.wait
seealso:
  - module: fuze.miniapp_infra.k8s_apply
"""

EXAMPLES = r"""
- name: Wait until all nodes are ready
  fuze.miniapp_infra.k8s_wait:
    kind: Node

- name: Wait until two workloads are rolled out
  fuze.miniapp_infra.k8s_wait:
    objects:
      - api_version: apps/v1
        kind: Deployment
        name: argocd-repo-server
        namespace: argocd
      - api_version: apps/v1
        kind: StatefulSet
        name: argocd-application-controller
        namespace: argocd
    wait_timeout: 300

- name: Wait until an application is healthy
  fuze.miniapp_infra.k8s_wait:
    api_version: argoproj.io/v1alpha1
    kind: Application
    name: prod-miniapp-playhub
    namespace: argocd
    wait_for: status.health.status=Healthy

- name: Wait until a namespace is gone
  fuze.miniapp_infra.k8s_wait:
    kind: Namespace
    name: old
    state: absent
"""

RETURN = r"""
resources:
  description: The last state of the objects, with their status; empty when waiting until they are gone.
  returned: success
  type: list
  elements: dict
  sample:
    - apiVersion: v1
      kind: Namespace
      metadata:
        name: playhub
      status:
        phase: Active
ready:
  description: Whether the objects are ready, or gone. Can only be false in check mode.
  returned: success
  type: bool
  sample: true
duration:
  description: Seconds that the task took inside the module.
  returned: success
  type: float
  sample: 2.318
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: timeout
    hint: ''
    retryable: true
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils.engine import run
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module, wait_spec


def question(*, required: bool) -> dict[str, dict[str, object]]:
    return {
        "api_version": {"type": "str", "default": "v1"},
        "field_selectors": {"type": "list", "elements": "str", "default": []},
        "kind": {"type": "str", "required": True} if required else {"type": "str"},
        "label_selectors": {"type": "list", "elements": "str", "default": []},
        "name": {"type": "str"},
        "namespace": {"type": "str"},
    }


def main() -> None:
    single = question(required=False)
    single["api_version"] = {**single["api_version"], "aliases": ["api", "version"]}
    module = kube_module(
        {
            **wait_spec(),
            **single,
            "hidden_fields": {"type": "list", "elements": "str", "default": []},
            "objects": {"type": "list", "elements": "dict", "options": question(required=True)},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        mutually_exclusive=[("objects", "kind"), ("wait_for", "wait_condition")],
        required_one_of=[("objects", "kind")],
    )
    run(module, "miniapp_infra.kube.tasks.wait", "run_wait")


if __name__ == "__main__":
    main()
