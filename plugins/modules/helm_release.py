# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Installs, upgrades and removes what a Helm chart declares."""

from __future__ import annotations

DOCUMENTATION = r"""
module: helm_release
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Install, upgrade or remove a Helm chart
description:
  - Renders a chart with C(helm template) and applies it as M(fuze.miniapp_infra.k8s_apply) does, with an inventory.
    What has left the chart since the last run is deleted.
  - Objects that are as the chart declares them are not sent, and objects that somebody changed are put right. Helm
    compares with its last release instead, and overlooks such changes.
  - Custom resource definitions of the chart are upgraded as well.
  - The chart is told the version of the API server and the API versions that it serves.
  - When too many objects would go, or one of a protected kind, the task fails before it changes anything. So it does
    when the release is one of Helm, or when objects belong to another release or inventory, unless O(adopt).
  - Stays and is reported in RV(kept) what belongs to somebody else by now, and what has one of the annotations
    C(miniapp.fuze/keep=true), C(helm.sh/resource-policy=keep) and C(argocd.argoproj.io/sync-options=Prune=false).
  - Takes the options of M(kubernetes.core.helm) that make sense without Helm's history.
options:
  release_name:
    description: Name of the release, which charts use in the names of objects.
    type: str
    required: true
    aliases: [name]
  release_namespace:
    description:
      - Namespace of the release, and of those objects that do not name one. The inventory is the ConfigMap
        C(release-<name>) in it.
    type: str
    required: true
    aliases: [namespace]
  release_state:
    description:
      - V(present) makes the cluster hold what the chart declares.
      - V(absent) deletes everything that the inventory records, and the inventory. This is asked for by name, so
        O(prune_budget) does not count; O(protected_kinds) does. The chart is not needed.
    type: str
    choices: [present, absent]
    default: present
    aliases: [state]
  chart_ref:
    description:
      - Directory, archive, URL, C(oci://) reference, or with O(chart_repo_url) the name of the chart.
      - Needed with O(release_state=present).
    type: path
  chart_repo_url:
    description: URL of the chart repository.
    type: str
  chart_version:
    description: Version of the chart, where O(chart_ref) is not a local one. The latest one when left out.
    type: str
  chart_ca_cert:
    description: Certificate of the CA of the chart's registry or repository, in PEM form.
    type: path
  release_values:
    description:
      - Values of the chart. They win over O(values_files).
      - They reach C(helm) on its standard input, never on a command line or in a file.
    type: dict
    default: {}
    aliases: [values]
  values_files:
    description: Files with values, on the host that runs the module. Later ones win.
    type: list
    elements: path
    default: []
  create_namespace:
    description:
      - Make O(release_namespace) when it does not exist.
      - It is not part of the release, and stays when the release is removed.
    type: bool
    default: false
  skip_crds:
    description: Leave out the custom resource definitions that are in the directory C(crds) of the chart.
    type: bool
    default: false
  disable_hook:
    description: Hooks are never run. V(true) says that this is known, and there is no warning.
    type: bool
    default: false
  dependency_update:
    description: Fetch the dependencies of the chart that are missing.
    type: bool
    default: false
    aliases: [dep_up]
  insecure_skip_tls_verify:
    description: Do not check the certificate of the server of the chart.
    type: bool
    default: false
    aliases: [skip_tls_certs_check]
  plain_http:
    description: Fetch the chart from a registry without TLS.
    type: bool
    default: false
  skip_schema_validation:
    description: Do not check the values with the schema of the chart.
    type: bool
    default: false
  adopt:
    description:
      - Take over objects that belong to another release or inventory, and a release that Helm manages.
      - Helm's own record of the release stays. The task names it in a warning.
    type: bool
    default: false
    aliases: [take_ownership]
  helm_path:
    description: The program that renders the chart.
    type: str
    default: helm
    aliases: [binary_path]
  wait:
    description:
      - Wait until the objects are ready, and delete what has left the chart only then. Not done in check mode.
      - With O(release_state=absent), wait until the objects are gone, stage by stage.
    type: bool
    default: false
extends_documentation_fragment:
  - fuze.miniapp_infra.apply
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
  - fuze.miniapp_infra.prune
  - fuze.miniapp_infra.wait
notes:
  - Hooks of the chart are steps of Helm's own installation. They are not run, and are named in RV(hooks_skipped) and in
    a warning. Use Helm for charts that cannot do without.
  - There is no history. To go back, apply the former version or values. So C(atomic), C(force), C(history_max),
    C(purge), C(replace), C(reset_values), C(reuse_values) and C(reset_then_reuse_values) of kubernetes.core.helm do not
    exist. Instead of C(set_values) use O(release_values); C(helm) would get such values on its command line.
  - The chart is always rendered as for an installation, so that the same input gives the same objects. C(lookup) finds
    nothing, and what a template draws at random is new on each run and changes the objects.
  - C(helm list) does not show the release. Labels and annotations that Helm writes are not forged.
requirements:
  - C(helm) 3.8 or later on the host that runs the module.
seealso:
  - module: fuze.miniapp_infra.k8s_apply
  - module: fuze.miniapp_infra.k8s_prune
"""

EXAMPLES = r"""
- name: Install a chart and wait until it runs
  fuze.miniapp_infra.helm_release:
    name: gatekeeper
    namespace: gatekeeper-system
    create_namespace: true
    chart_ref: oci://registry.example.com/charts/gatekeeper
    chart_version: 3.23.1
    values:
      replicas: 2
    wait: true
    wait_timeout: 300

- name: Install a chart from a repository
  fuze.miniapp_infra.helm_release:
    name: ingress
    namespace: ingress-nginx
    chart_ref: ingress-nginx
    chart_repo_url: https://charts.example.com/ingress
    values_files:
      - /srv/ingress/values.yaml

- name: Take over what was installed with helm
  fuze.miniapp_infra.helm_release:
    name: ingress
    namespace: ingress-nginx
    chart_ref: /srv/charts/ingress-nginx
    adopt: true
    force_conflicts: true

- name: Remove a release, its definitions included
  fuze.miniapp_infra.helm_release:
    name: gatekeeper
    namespace: gatekeeper-system
    state: absent
    protected_kinds:
      - Namespace
      - PersistentVolume
      - PersistentVolumeClaim
    wait: true
"""

RETURN = r"""
objects:
  description: What was done with each object, or in check mode would be done, in the order in which it was done.
  returned: always
  type: list
  elements: dict
  sample:
    - action: updated
      api_version: apps/v1
      kind: Deployment
      name: gatekeeper
      namespace: gatekeeper-system
counts:
  description: How many objects were treated in which way.
  returned: always
  type: dict
  sample:
    created: 0
    deleted: 1
    unchanged: 41
    updated: 1
kept:
  description: Objects that are not declared any more and stay nevertheless, and why.
  returned: success
  type: list
  elements: dict
  sample:
    - api_version: v1
      kind: PersistentVolumeClaim
      name: data
      namespace: gatekeeper-system
      reason: "it has the annotation helm.sh/resource-policy: keep"
inventory:
  description: The ConfigMap that records the release, how many objects it records now, and what was done with it.
  returned: success
  type: dict
  sample:
    action: updated
    name: release-gatekeeper
    namespace: gatekeeper-system
    objects: 42
hooks_skipped:
  description: Hooks of the chart, its tests left out, and when Helm would run them.
  returned: success
  type: list
  elements: str
  sample:
    - Job gatekeeper-update-crds (pre-install, pre-upgrade)
duration:
  description: Seconds that the task took inside the module.
  returned: success
  type: float
  sample: 0.318
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: conflict
    hint: Uninstall it with helm, or take its objects over with adopt.
    retryable: false
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils.engine import run
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import (
    apply_spec,
    kube_module,
    prune_spec,
    wait_spec,
)

OFF = {"type": "bool", "default": False}


def main() -> None:
    module = kube_module(
        {
            **apply_spec(),
            **prune_spec(),
            **wait_spec(),
            "adopt": {**OFF, "aliases": ["take_ownership"]},
            "chart_ca_cert": {"type": "path"},
            "chart_ref": {"type": "path"},
            "chart_repo_url": {"type": "str"},
            "chart_version": {"type": "str"},
            "create_namespace": OFF,
            "dependency_update": {**OFF, "aliases": ["dep_up"]},
            "disable_hook": OFF,
            "helm_path": {"type": "str", "default": "helm", "aliases": ["binary_path"]},
            "insecure_skip_tls_verify": {**OFF, "aliases": ["skip_tls_certs_check"]},
            "plain_http": OFF,
            "release_name": {"type": "str", "required": True, "aliases": ["name"]},
            "release_namespace": {"type": "str", "required": True, "aliases": ["namespace"]},
            "release_state": {
                "type": "str",
                "choices": ["present", "absent"],
                "default": "present",
                "aliases": ["state"],
            },
            "release_values": {"type": "dict", "default": {}, "aliases": ["values"], "no_log": True},
            "skip_crds": OFF,
            "skip_schema_validation": OFF,
            "values_files": {"type": "list", "elements": "path", "default": []},
            "wait": OFF,
        },
        mutually_exclusive=[("wait_for", "wait_condition")],
        required_if=[("release_state", "present", ("chart_ref",))],
    )
    run(module, "miniapp_infra.kube.tasks.helm_release", "run_helm_release")


if __name__ == "__main__":
    main()
