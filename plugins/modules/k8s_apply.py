# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Applies or deletes a set of Kubernetes objects."""

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_apply
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Apply or delete a set of Kubernetes objects
description:
  - Makes the cluster hold what a set of objects declares, with server-side apply. Fields that were declared in an
    earlier run and are not any more are removed; fields of other managers stay.
  - Treats the whole set in one task. Namespaces and custom resource definitions come first, then what workloads refer
    to, role bindings, workloads, custom resources, and admission webhooks last. Deleting takes the reverse order.
  - Objects that are as declared are recognised from one list request per kind and namespace, and are not sent.
    Everything else is decided by the server, never guessed.
  - Unknown and duplicate fields fail the task.
  - In check mode the server is asked with dry runs. Objects whose namespace or kind does not exist yet are reported as
    created; the fields of those whose kind exists are checked nevertheless.
options:
  definition:
    description:
      - The objects, as a dictionary, a list of dictionaries, or YAML text with any number of documents.
      - Exactly one of O(definition), O(src), O(kustomize) and O(helm_template) must be given.
    type: raw
    aliases: [resource_definition, inline]
  src:
    description:
      - YAML or JSON files, or directories whose C(.yaml), C(.yml) and C(.json) files are read in order of name.
      - The paths are those of the host that runs the module.
    type: list
    elements: path
  kustomize:
    description: Directory that C(kubectl kustomize) renders. It may refer to files outside of itself.
    type: path
  helm_template:
    description:
      - Chart that C(helm template) renders. Its hooks are left out, because they are steps of Helm's own installation.
    type: dict
    suboptions:
      chart:
        description: Directory, archive, C(oci://) reference, or with O(helm_template.repository) the name of the chart.
        type: str
        required: true
      repository:
        description: URL of the chart repository.
        type: str
      version:
        description: Version of the chart, where O(helm_template.chart) is not a local one.
        type: str
      release_name:
        description: Name of the release, which charts use in the names of objects.
        type: str
        required: true
      namespace:
        description: Namespace of the release. Defaults to O(namespace).
        type: str
      values:
        description: Values of the chart. They win over O(helm_template.values_files).
        type: dict
        default: {}
      values_files:
        description: Files with values. Later ones win.
        type: list
        elements: path
        default: []
      include_crds:
        description: Whether the custom resource definitions of the chart are part of the set.
        type: bool
        default: true
      ca_file:
        description: Certificate of the CA of the chart's registry, in PEM form.
        type: path
      kube_version:
        description: Kubernetes version that the chart is told.
        type: str
      api_versions:
        description: API versions that the chart is told, such as V(monitoring.coreos.com/v1).
        type: list
        elements: str
        default: []
  kubectl_path:
    description: The program that renders O(kustomize).
    type: str
    default: kubectl
  helm_path:
    description: The program that renders O(helm_template).
    type: str
    default: helm
  namespace:
    description: Namespace of those objects that do not name one, where their kind has namespaces.
    type: str
    default: default
  state:
    description: Whether the objects exist as declared, or do not exist.
    type: str
    choices: [present, absent]
    default: present
  field_manager:
    description: Name under which the server records which fields we declare.
    type: str
    default: miniapp-infra
  force_conflicts:
    description:
      - Take fields over that other managers own.
      - Otherwise such fields fail the task, each named with its manager.
    type: bool
    default: false
  missing_kind_timeout:
    description: Seconds that a kind may take to appear whose definition is made by a controller and not by the set.
    type: float
    default: 10.0
  propagation_policy:
    description: What happens to the objects that a deleted object owns.
    type: str
    choices: [Background, Foreground, Orphan]
    default: Background
  wait:
    description: Wait until the objects are ready, or with O(state=absent) gone. Not done in check mode.
    type: bool
    default: false
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.wait
seealso:
  - module: fuze.miniapp_infra.k8s_info
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

- name: Install a chart
  fuze.miniapp_infra.k8s_apply:
    helm_template:
      chart: oci://registry.example.com/charts/gatekeeper
      version: 3.23.1
      release_name: gatekeeper
      values:
        replicas: 2
    namespace: gatekeeper-system

- name: Remove an object
  fuze.miniapp_infra.k8s_apply:
    state: absent
    definition:
      apiVersion: v1
      kind: ConfigMap
      metadata:
        name: flags
        namespace: playhub
    wait: true
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
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module, wait_spec

INPUTS = ("definition", "src", "kustomize", "helm_template")
CHART = {
    "api_versions": {"type": "list", "elements": "str", "default": []},
    "ca_file": {"type": "path"},
    "chart": {"type": "str", "required": True},
    "include_crds": {"type": "bool", "default": True},
    "kube_version": {"type": "str"},
    "namespace": {"type": "str"},
    "release_name": {"type": "str", "required": True},
    "repository": {"type": "str"},
    "values": {"type": "dict", "default": {}, "no_log": True},
    "values_files": {"type": "list", "elements": "path", "default": []},
    "version": {"type": "str"},
}


def main() -> None:
    module = kube_module(
        {
            **wait_spec(),
            "definition": {"type": "raw", "aliases": ["resource_definition", "inline"], "no_log": True},
            "field_manager": {"type": "str", "default": "miniapp-infra"},
            "force_conflicts": {"type": "bool", "default": False},
            "helm_path": {"type": "str", "default": "helm"},
            "helm_template": {"type": "dict", "options": CHART},
            "kubectl_path": {"type": "str", "default": "kubectl"},
            "kustomize": {"type": "path"},
            "missing_kind_timeout": {"type": "float", "default": 10.0},
            "namespace": {"type": "str", "default": "default"},
            "propagation_policy": {
                "type": "str",
                "choices": ["Background", "Foreground", "Orphan"],
                "default": "Background",
            },
            "src": {"type": "list", "elements": "path"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "wait": {"type": "bool", "default": False},
        },
        mutually_exclusive=[INPUTS, ("wait_for", "wait_condition")],
        required_one_of=[INPUTS],
    )
    run(module, "miniapp_infra.kube.tasks.apply", "run_apply")


if __name__ == "__main__":
    main()
