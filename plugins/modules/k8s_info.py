# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads Kubernetes objects."""

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_info
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Read Kubernetes objects
description:
  - Returns the objects of a kind, with their status, in one list.
  - Values of Secrets are replaced by placeholders, which are equal when the values are.
options:
  api_version:
    description:
      - API version of the kind.
      - The kinds that Kubernetes itself brings are also found by their version alone, such as a Deployment in V(v1).
    type: str
    default: v1
    aliases: [api, version]
  kind:
    description: Kind of the objects, written as in a manifest, such as V(ConfigMap).
    type: str
    required: true
  name:
    description: Name of one object. All objects that match the other options, when left out.
    type: str
  namespace:
    description:
      - Namespace of the objects. All namespaces, when left out; with O(name), V(default).
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
  metadata_only:
    description:
      - Ask for the metadata of the objects, and for nothing else, which makes the answer of the server smaller.
      - Cannot be combined with O(wait).
    type: bool
    default: false
  hidden_fields:
    description:
      - Fields that are left out of RV(resources), such as V(metadata.annotations[example.com/note]) or
        V(spec.containers[0].env).
      - The records of the field managers are always left out.
    type: list
    elements: str
    default: []
  wait:
    description:
      - Wait until something matches, then until each of these objects is ready. Not done in check mode.
      - When nothing matched in time, RV(resources) is empty. Objects that are not ready in time fail the task.
    type: bool
    default: false
  wait_sleep:
    description: Has no effect and gives a warning. Changes are watched and not polled.
    type: int
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.wait
seealso:
  - module: fuze.miniapp_infra.k8s_wait
"""

EXAMPLES = r"""
- name: Read the pods of a service
  fuze.miniapp_infra.k8s_info:
    kind: Pod
    namespace: playhub
    label_selectors:
      - app.kubernetes.io/name=playhub
  register: pods

- name: Read one deployment
  fuze.miniapp_infra.k8s_info:
    api_version: apps/v1
    kind: Deployment
    name: prod-miniapp-playhub
    namespace: playhub

- name: Wait until a deployment exists and is available, then read it
  fuze.miniapp_infra.k8s_info:
    api_version: apps/v1
    kind: Deployment
    name: prod-miniapp-playhub
    namespace: playhub
    wait: true
    wait_condition:
      type: Available
"""

RETURN = r"""
resources:
  description: The objects that were found; empty when there are none, or no such kind.
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
msg:
  description: That the API server does not serve the kind.
  returned: when RV(api_found) is false
  type: str
  sample: The API server does not serve Gadget in example.com/v1
api_found:
  description: Whether the API server serves the kind.
  returned: success
  type: bool
  sample: true
duration:
  description: Seconds that the task took inside the module.
  returned: success
  type: float
  sample: 0.021
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: forbidden
    hint: "Grant operator a rule with apiGroups: [''], resources: ['pods'], verbs: ['list']."
    retryable: false
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils.engine import run
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module, wait_spec


def main() -> None:
    module = kube_module(
        {
            **wait_spec(),
            "api_version": {"type": "str", "default": "v1", "aliases": ["api", "version"]},
            "field_selectors": {"type": "list", "elements": "str", "default": []},
            "hidden_fields": {"type": "list", "elements": "str", "default": []},
            "kind": {"type": "str", "required": True},
            "label_selectors": {"type": "list", "elements": "str", "default": []},
            "metadata_only": {"type": "bool", "default": False},
            "name": {"type": "str"},
            "namespace": {"type": "str"},
            "wait": {"type": "bool", "default": False},
            "wait_sleep": {"type": "int"},
        },
        mutually_exclusive=[("wait_condition", "wait_for")],
    )
    run(module, "miniapp_infra.kube.tasks.info", "run_info")


if __name__ == "__main__":
    main()
