# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tests manifests against policies of Gatekeeper without a cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gator_test
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Test manifests against Gatekeeper policies without a cluster
description:
  - Evaluates constraints on manifests with Gatekeeper's own program C(gator), and returns what is broken.
  - Of the policies only what configures Gatekeeper is used, so that a folder of policies may hold suites and samples.
  - The result names the objects and does not repeat their content.
options:
  manifests:
    description:
      - Objects to test, with the namespaces that selectors of the policies need.
      - One of O(manifests) and O(manifest_files) is required.
    type: list
    elements: dict
  manifest_files:
    description: Files with objects to test, and directories with such files, which are searched all the way down.
    type: list
    elements: path
  policies:
    description:
      - Templates and constraints. There must be at least one constraint.
      - One of O(policies) and O(policy_files) is required.
    type: list
    elements: dict
  policy_files:
    description: Files with templates and constraints, and directories with such files.
    type: list
    elements: path
  deny_only:
    description: Whether to leave violations out that would be admitted, with enforcement action V(warn) or V(dryrun).
    type: bool
    default: false
  fail_on_denied:
    description: Whether the module fails when something is denied. Otherwise RV(denied) tells.
    type: bool
    default: true
  gator_binary:
    description: Name or path of the C(gator) program.
    type: str
    default: gator
  timeout:
    description: Seconds that the evaluation may take.
    type: float
    default: 120.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
requirements:
  - The Python package C(miniapp-infra), of the collection's version, on the host that runs the module.
  - C(gator) on the host that runs the module.
seealso:
  - module: fuze.miniapp_infra.gatekeeper_constraint
"""

EXAMPLES = r"""
- name: Refuse manifests that the cluster would refuse
  fuze.miniapp_infra.gator_test:
    manifest_files: [manifests]
    policy_files: [policies/gatekeeper]

- name: See what a rendered workload would break
  fuze.miniapp_infra.gator_test:
    manifests:
      - apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: playhub}
        spec:
          containers:
            - {name: web, image: "registry.example.com/web:1"}
      - apiVersion: v1
        kind: Namespace
        metadata:
          name: playhub
          labels: {miniapp.fuze/tenant: "true"}
    policy_files: [policies/gatekeeper/image-digest]
    fail_on_denied: false
  register: tested
"""

RETURN = r"""
violations:
  description: What is broken, sorted by object.
  returned: success, and when something is denied
  type: list
  elements: dict
  contains:
    message:
      description: What the policy says.
      type: str
      sample: Pod playhub/web image of web (registry.example.com/web:1) is not named by digest alone
    constraint:
      description: Kind and name of the constraint.
      type: dict
      sample: {kind: MiniappImageDigest, name: image-digest}
    enforcement_action:
      description: What the constraint says about violations.
      type: str
      sample: deny
    denies:
      description: Whether the object would be kept out.
      type: bool
      sample: true
    object:
      description: Which object.
      type: dict
      sample: {api_version: v1, kind: Pod, namespace: playhub, name: web}
denied:
  description: How many violations would keep an object out.
  returned: success, and when something is denied
  type: int
  sample: 1
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: refused_by_policy
    retryable: false
    hint: Mend the objects under violations.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import censor_texts_only


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "deny_only": {"type": "bool", "default": False},
            "fail_on_denied": {"type": "bool", "default": True},
            "gator_binary": {"type": "str", "default": "gator"},
            "manifest_files": {"type": "list", "elements": "path"},
            # Objects may hold secrets, so they are shown nowhere; their names are no secrets.
            "manifests": {"type": "list", "elements": "dict", "no_log": True},
            "policies": {"type": "list", "elements": "dict"},
            "policy_files": {"type": "list", "elements": "path"},
            "timeout": {"type": "float", "default": 120.0},
        },
        required_one_of=[("manifests", "manifest_files"), ("policies", "policy_files")],
        supports_check_mode=True,
    )
    censor_texts_only(module)
    engine.run(module, "miniapp_infra.policy.tasks", "gator_test")


if __name__ == "__main__":
    main()
