# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deletes what belongs to a set of Kubernetes objects and is not declared any more."""

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_prune
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Delete Kubernetes objects that are not declared any more
description:
  - Deletes the objects that an inventory records, or that have certain labels, and that are not among those to keep.
    The inventory is the one that M(fuze.miniapp_infra.k8s_apply) and M(fuze.miniapp_infra.helm_release) write.
  - M(fuze.miniapp_infra.k8s_apply) with an inventory prunes by itself. This module removes a whole set, or prunes what
    was applied by other means.
  - Objects go in the reverse order of applying, custom resources before their definitions. The server checks that it
    deletes the very object that was looked at.
  - When too many objects would go, or one of a protected kind, the task fails before it changes anything.
  - Stays and is reported in RV(kept) what belongs to another inventory or to a release of Helm, and what has one of the
    annotations C(miniapp.fuze/keep=true), C(helm.sh/resource-policy=keep) and
    C(argocd.argoproj.io/sync-options=Prune=false). An inventory does not record such objects any longer.
  - Objects that another object controls, such as the pods of a deployment, are never pruned by label, because they go
    with their controller.
options:
  inventory:
    description:
      - The set, as recorded.
      - Exactly one of O(inventory) and O(label_selectors) must be given.
    type: dict
    suboptions:
      name:
        description: Name of the inventory. It is kept in the ConfigMap C(inventory-<name>).
        type: str
        required: true
      namespace:
        description: Namespace of that ConfigMap. Defaults to O(namespace), then to V(default).
        type: str
  label_selectors:
    description: The set, by its labels. All selectors must match. Needs O(kinds).
    type: list
    elements: str
  kinds:
    description: Kinds that are looked for with O(label_selectors).
    type: list
    elements: dict
    suboptions:
      api_version:
        description: API version of the kind.
        type: str
        default: v1
      kind:
        description: Name of the kind.
        type: str
        required: true
  namespace:
    description:
      - Namespace of objects to keep that do not name one.
      - With O(label_selectors) also the only namespace in which kinds that have namespaces are looked for; all
        namespaces, when left out.
    type: str
  definition:
    description:
      - The objects to keep, as a dictionary, a list of dictionaries, or YAML text with any number of documents.
      - Exactly one of O(definition), O(src), O(keep) and O(all) must be given.
    type: raw
    aliases: [resource_definition, inline]
  src:
    description: YAML or JSON files with the objects to keep, or directories of such files.
    type: list
    elements: path
  keep:
    description: The objects to keep, by name.
    type: list
    elements: dict
    suboptions:
      api_version:
        description: API version of the kind. Only its group counts.
        type: str
        default: v1
      kind:
        description: Kind of the object.
        type: str
        required: true
      namespace:
        description: Namespace of the object. Defaults to O(namespace), then to V(default).
        type: str
      name:
        description: Name of the object.
        type: str
        required: true
  all:
    description:
      - Keep nothing, and delete the inventory itself as well.
      - That is asked for by name, so O(prune_budget) does not count; O(protected_kinds) does.
    type: bool
    default: false
  wait:
    description:
      - Wait until the objects are gone. Each stage is gone before the next one goes, so that finalizers still find the
        controllers that remove them. Not done in check mode.
    type: bool
    default: false
  wait_timeout:
    description: Seconds that each stage may take to go.
    type: float
    default: 120.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.prune
seealso:
  - module: fuze.miniapp_infra.helm_release
  - module: fuze.miniapp_infra.k8s_apply
"""

EXAMPLES = r"""
- name: Remove everything that an inventory records
  fuze.miniapp_infra.k8s_prune:
    inventory:
      name: shop
      namespace: playhub
    all: true
    wait: true

- name: Remove what was recorded and has left the manifests
  fuze.miniapp_infra.k8s_prune:
    inventory:
      name: shop
      namespace: playhub
    src:
      - "{{ playbook_dir }}/manifests"

- name: Remove configuration of former versions, whoever applied it
  fuze.miniapp_infra.k8s_prune:
    label_selectors:
      - app.kubernetes.io/name=playhub
    kinds:
      - kind: ConfigMap
      - kind: Secret
    namespace: playhub
    keep:
      - kind: ConfigMap
        name: playhub-v7
      - kind: Secret
        name: playhub-v7
    prune_budget: 90

- name: Remove a set together with the volumes that hold its data
  fuze.miniapp_infra.k8s_prune:
    inventory:
      name: experiment
      namespace: playhub
    all: true
    protected_kinds:
      - CustomResourceDefinition
      - Namespace
"""

RETURN = r"""
objects:
  description: What was done with each object, or in check mode would be done, in the order in which it was done.
  returned: always
  type: list
  elements: dict
  sample:
    - action: deleted
      api_version: v1
      kind: ConfigMap
      name: flags
      namespace: playhub
counts:
  description: How many objects were treated in which way.
  returned: always
  type: dict
  sample:
    created: 0
    deleted: 1
    unchanged: 0
    updated: 0
kept:
  description: Objects that are not declared any more and stay nevertheless, and why.
  returned: success
  type: list
  elements: dict
  sample:
    - api_version: v1
      kind: Secret
      name: licence
      namespace: playhub
      reason: it has the annotation miniapp.fuze/keep
inventory:
  description: The ConfigMap that records the set, how many objects it records now, and what was done with it.
  returned: when O(inventory) is given
  type: dict
  sample:
    action: updated
    name: inventory-shop
    namespace: playhub
    objects: 41
duration:
  description: Seconds that the task took inside the module.
  returned: success
  type: float
  sample: 0.092
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: refused_by_policy
    hint: If that is meant, set prune_budget to 75 or more.
    retryable: false
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils.engine import run
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import inventory_spec, kube_module, prune_spec

KIND = {"api_version": {"type": "str", "default": "v1"}, "kind": {"type": "str", "required": True}}
OBJECT = {**KIND, "name": {"type": "str", "required": True}, "namespace": {"type": "str"}}
SETS = ("inventory", "label_selectors")


def main() -> None:
    module = kube_module(
        {
            **prune_spec(),
            **inventory_spec(),
            "all": {"type": "bool", "default": False},
            "definition": {"type": "raw", "aliases": ["resource_definition", "inline"], "no_log": True},
            "keep": {"type": "list", "elements": "dict", "options": OBJECT},
            "kinds": {"type": "list", "elements": "dict", "options": KIND},
            "label_selectors": {"type": "list", "elements": "str"},
            "namespace": {"type": "str"},
            "src": {"type": "list", "elements": "path"},
            "wait": {"type": "bool", "default": False},
            "wait_timeout": {"type": "float", "default": 120.0},
        },
        mutually_exclusive=[SETS, ("definition", "src", "keep")],
        required_by={"label_selectors": ["kinds"]},
        required_if=[("all", False, ("definition", "src", "keep"), True)],
        required_one_of=[SETS],
    )
    run(module, "miniapp_infra.kube.tasks.prune", "run_prune")


if __name__ == "__main__":
    main()
