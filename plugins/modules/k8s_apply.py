# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Applies or deletes a set of Kubernetes objects."""

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_apply
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Apply, patch or delete a set of Kubernetes objects
description:
  - Makes the cluster hold what a set of objects declares, with server-side apply. Fields that were declared in an
    earlier run and are not any more are removed; fields of other managers stay.
  - Treats the whole set in one task. Namespaces and custom resource definitions come first, then what workloads refer
    to, role bindings, workloads, custom resources, and admission webhooks last. Deleting takes the reverse order.
  - Objects that are as declared are recognised from one list request per kind and namespace, and are not sent.
    Everything else is decided by the server, never guessed.
  - Unknown and duplicate fields fail the task.
  - Takes the options of M(kubernetes.core.k8s), so that a task that is written for it needs the new name only. An
    option that has no effect here gives a warning, and one that would do something else is refused.
  - In check mode the server is asked with dry runs. Objects whose namespace or kind does not exist yet are reported as
    created; the fields of those whose kind exists are checked nevertheless.
options:
  definition:
    description:
      - The objects, as a dictionary, a list of dictionaries, or YAML text with any number of documents.
      - At most one of O(definition), O(src), O(template), O(kustomize) and O(helm_template) may be given. Without any
        of them O(kind) says what the task is about.
      - O(kind), O(api_version) and O(name) fill in what an object leaves out. What it says itself wins.
    type: raw
    aliases: [resource_definition, inline]
  src:
    description:
      - YAML or JSON files, directories whose C(.yaml), C(.yml) and C(.json) files are read in order of name, or
        C(https://) and C(http://) URLs.
      - The paths are those of the host that runs the module. On the control host they are also looked for beside the
        playbook and in its C(files), and may be encrypted with Ansible Vault.
    type: list
    elements: path
  template:
    description:
      - Jinja templates on the control host, which are rendered with the variables of the task.
      - A path, a dictionary with the key C(path), or a list of those.
      - A dictionary may also have C(newline_sequence), C(block_start_string), C(block_end_string),
        C(variable_start_string), C(variable_end_string), C(trim_blocks) and C(lstrip_blocks).
    type: raw
  kustomize:
    description: Directory that C(kubectl kustomize) renders. It may refer to files outside of itself.
    type: path
  kubectl_path:
    description: The program that renders O(kustomize).
    type: str
    default: kubectl
  kind:
    description:
      - Kind of the object that is applied, patched or deleted when there is no other input.
      - Written as in a manifest, such as V(ConfigMap).
    type: str
  api_version:
    description:
      - API version of O(kind).
      - The kinds that Kubernetes itself brings are also found by their version alone, such as a Deployment in V(v1).
    type: str
    default: v1
    aliases: [api, version]
  name:
    description: Name of the object of O(kind).
    type: str
  generate_name:
    description:
      - Beginning of a name whose rest is drawn, for an object that is new on each run, such as a Job.
      - Only with O(state=present). Objects that have a name keep it.
      - A dictionary in O(definition) may say the same as C(metadata.generateName).
    type: str
  namespace:
    description:
      - Namespace of those objects that do not name one, where their kind has namespaces. Defaults to V(default).
      - Must be given to delete all objects of a kind that has namespaces.
    type: str
  state:
    description:
      - V(present) makes objects as declared, and creates those that do not exist.
      - V(patched) merges what is declared into objects that exist, and leaves everything else of them alone. Objects
        that do not exist give a warning.
      - V(absent) deletes objects.
    type: str
    choices: [present, absent, patched]
    default: present
  merge_type:
    description:
      - How O(state=patched) merges. The ways are tried in order until the server supports one for the kind. Defaults to
        V(strategic-merge), then V(merge).
      - Has no effect with another O(state), and gives a warning.
    type: list
    elements: str
    choices: [merge, strategic-merge]
  label_selectors:
    description:
      - Labels that declared objects must have, such as V(tier in (web, worker)). Others of the input are left out.
      - With O(state=absent) and O(kind) without a name, the objects in the cluster that are deleted.
    type: list
    elements: str
    default: []
  append_hash:
    description:
      - Append a hash of the content to the names of ConfigMaps and Secrets, as C(kubectl create --append-hash) does.
      - To delete such an object the same content must be given, or its whole name without this option.
    type: bool
    default: false
  delete_all:
    description: With O(state=absent) and O(kind), delete all objects of the kind in O(namespace).
    type: bool
    default: false
    aliases: [all]
  delete_options:
    description: How objects are deleted. Has no effect unless O(state=absent).
    type: dict
    suboptions:
      propagationPolicy:
        description: The same as O(propagation_policy), and wins over its default.
        type: str
        choices: [Foreground, Background, Orphan]
      gracePeriodSeconds:
        description: Seconds that a Pod may take to end.
        type: int
      preconditions:
        description: What must be so for the one object of the set. Otherwise the task fails.
        type: dict
        suboptions:
          resourceVersion:
            description: Resource version of the object.
            type: str
          uid:
            description: UID of the object.
            type: str
  continue_on_error:
    description:
      - Treat the other objects although some failed. The task fails at the end, with all errors.
      - Otherwise the task ends with the first stage of which objects failed.
    type: bool
    default: false
  apply:
    description: V(true) is what the module does anyway. V(false) has no effect and gives a warning.
    type: bool
  server_side_apply:
    description: The same as O(field_manager) and O(force_conflicts), in the form of the kubernetes.core collection.
    type: dict
    suboptions:
      field_manager:
        description: The same as the option O(field_manager).
        type: str
        required: true
      force_conflicts:
        description: The same as the option O(force_conflicts).
        type: bool
        default: false
  force:
    description:
      - V(true) is refused, because to replace an object removes the fields of other managers.
      - Use O(force_conflicts) to take single fields over.
    type: bool
    default: false
  validate:
    description: The API server checks every object, so these suboptions cannot change anything.
    type: dict
    suboptions:
      fail_on_error:
        description: V(true) is what the module does anyway. V(false) has no effect and gives a warning.
        type: bool
      strict:
        description: V(true) is what the module does anyway. V(false) has no effect and gives a warning.
        type: bool
        default: true
      version:
        description: Has no effect and gives a warning. The version of the API server counts.
        type: str
  hidden_fields:
    description:
      - Fields that are left out of RV(result) and of the diff, such as V(metadata.annotations[example.com/note]) or
        V(spec.containers[0].env).
      - The records of the field managers are always left out.
    type: list
    elements: str
    default: []
  result_limit:
    description: A set of more objects is reported in RV(result) with names only, because every object costs time.
    type: int
    default: 100
  inventory:
    description:
      - Record what belongs to the set, and delete what an earlier run recorded and this one does not declare.
      - Objects are deleted only after everything was applied and, with O(wait), has become ready. They are recorded
        before they are made, so that a run that was cut off leaves nothing that a later one does not know.
      - Each object gets the annotation C(miniapp.fuze/inventory). Objects that belong to another inventory or to a
        release of Helm fail the task before it changes anything, unless O(adopt).
      - Stays and is reported in RV(kept) what lost that annotation, and what has one of the annotations
        C(miniapp.fuze/keep=true), C(helm.sh/resource-policy=keep) and C(argocd.argoproj.io/sync-options=Prune=false).
      - Only with O(state=present). M(fuze.miniapp_infra.k8s_prune) removes what an inventory records.
    type: dict
    suboptions:
      name:
        description: Name of the inventory. It is kept in the ConfigMap C(inventory-<name>).
        type: str
        required: true
      namespace:
        description: Namespace of that ConfigMap, which may be declared in the set. Defaults to O(namespace).
        type: str
  adopt:
    description: With O(inventory), take over objects that belong to another inventory or to a release of Helm.
    type: bool
    default: false
  wait:
    description: Wait until the objects are ready, or with O(state=absent) gone. Not done in check mode.
    type: bool
    default: false
  wait_sleep:
    description: Has no effect and gives a warning. Changes are watched and not polled.
    type: int
attributes:
  idempotent:
    description: A second run with the same options changes nothing.
    support: partial
    details: With O(generate_name), or C(metadata.generateName) and no name, each run makes a new object.
extends_documentation_fragment:
  - fuze.miniapp_infra.apply
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.chart
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.prune
  - fuze.miniapp_infra.wait
seealso:
  - module: fuze.miniapp_infra.helm_release
  - module: fuze.miniapp_infra.k8s_info
  - module: fuze.miniapp_infra.k8s_prune
  - module: fuze.miniapp_infra.k8s_wait
"""

EXAMPLES = r"""
- name: Make a namespace and a configuration in it
  fuze.miniapp_infra.k8s_apply:
    definition:
      - apiVersion: v1
        kind: Namespace
        metadata:
          name: playhub
      - apiVersion: v1
        kind: ConfigMap
        metadata:
          name: flags
          namespace: playhub
        data:
          leaderboard: enabled

- name: Apply the manifests of a directory and wait until everything runs
  fuze.miniapp_infra.k8s_apply:
    src:
      - "{{ playbook_dir }}/manifests"
    namespace: platform
    wait: true
    wait_timeout: 300

- name: Apply the manifests of a service, and delete what has left them since the last run
  fuze.miniapp_infra.k8s_apply:
    src:
      - "{{ playbook_dir }}/manifests"
    namespace: playhub
    inventory:
      name: playhub
    wait: true

- name: Install a chart
  fuze.miniapp_infra.k8s_apply:
    helm_template:
      chart: oci://registry.example.com/charts/gatekeeper
      version: 3.23.1
      release_name: gatekeeper
      values:
        replicas: 2
    namespace: gatekeeper-system

- name: Apply a template and read what the server made of it
  fuze.miniapp_infra.k8s_apply:
    template: service.yml.j2
    namespace: playhub
  register: service

- name: Show the address
  ansible.builtin.debug:
    msg: "{{ service.result.spec.clusterIP }}"

- name: Change the number of replicas, and nothing else
  fuze.miniapp_infra.k8s_apply:
    state: patched
    api_version: apps/v1
    kind: Deployment
    name: playhub
    namespace: playhub
    definition:
      spec:
        replicas: 3

- name: Remove an object
  fuze.miniapp_infra.k8s_apply:
    state: absent
    kind: ConfigMap
    name: flags
    namespace: playhub
    wait: true

- name: Remove the finished jobs of a service
  fuze.miniapp_infra.k8s_apply:
    state: absent
    api_version: batch/v1
    kind: Job
    namespace: playhub
    label_selectors:
      - app.kubernetes.io/name=playhub
"""

RETURN = r"""
objects:
  description: What was done with each object, or in check mode would be done, in the order in which it was done.
  returned: always
  type: list
  elements: dict
  sample:
    - action: created
      api_version: v1
      kind: Namespace
      name: playhub
      namespace: ''
counts:
  description: How many objects were treated in which way.
  returned: always
  type: dict
  sample:
    created: 1
    deleted: 0
    unchanged: 41
    updated: 2
result:
  description:
    - For one object that object, with its status and without the records of field managers; empty when it was deleted.
    - For any other number of objects, RV(result.results).
    - Values of Secrets are replaced by placeholders, which are equal when the values are.
  returned: success
  type: dict
  sample:
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: flags
      namespace: playhub
    data:
      leaderboard: enabled
  contains:
    results:
      description: Each object under C(result), with C(changed) and C(method), in the order of declaration.
      returned: when the set does not have exactly one object
      type: list
      elements: dict
method:
  description: What was done, in the words of the kubernetes.core collection.
  returned: success
  type: str
  sample: apply
kept:
  description: Objects that are not declared any more and stay nevertheless, and why.
  returned: with O(inventory), on success
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
  returned: with O(inventory), on success
  type: dict
  sample:
    action: updated
    name: inventory-playhub
    namespace: playhub
    objects: 42
duration:
  description: Seconds that the task took inside the module.
  returned: success
  type: float
  sample: 0.124
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: conflict
    hint: Stop declaring these fields, or take them over with force_conflicts.
    retryable: false
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils.engine import run
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import (
    apply_spec,
    chart_spec,
    inventory_spec,
    kube_module,
    prune_spec,
    wait_spec,
)
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kubernetes_core import kubernetes_core_spec

INPUTS = ("definition", "src", "template", "kustomize", "helm_template")


def main() -> None:
    module = kube_module(
        {
            **apply_spec(),
            **chart_spec(),
            **inventory_spec(),
            **kubernetes_core_spec(),
            **prune_spec(),
            **wait_spec(),
            "adopt": {"type": "bool", "default": False},
            "definition": {"type": "raw", "aliases": ["resource_definition", "inline"], "no_log": True},
            "kubectl_path": {"type": "str", "default": "kubectl"},
            "kustomize": {"type": "path"},
            "namespace": {"type": "str"},
            "result_limit": {"type": "int", "default": 100},
            "src": {"type": "list", "elements": "path"},
            "state": {"type": "str", "choices": ["present", "absent", "patched"], "default": "present"},
            "template": {"type": "raw"},
            "wait": {"type": "bool", "default": False},
        },
        mutually_exclusive=[
            INPUTS,
            ("apply", "merge_type"),
            ("generate_name", "name"),
            ("wait_condition", "wait_for"),
        ],
        required_one_of=[(*INPUTS, "kind")],
    )
    run(module, "miniapp_infra.kube.tasks.apply", "run_apply")


if __name__ == "__main__":
    main()
