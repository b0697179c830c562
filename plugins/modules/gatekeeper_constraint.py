# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Declares a guardrail of Gatekeeper: template and constraint."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gatekeeper_constraint
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Declare a Gatekeeper template and its constraint as a pair
description:
  - Declares a ConstraintTemplate, waits until every pod of Gatekeeper has compiled it and its kind exists, declares the
    constraint of that kind, and waits until it is enforced.
  - A template that Gatekeeper cannot take fails the task at once, with the words of Gatekeeper. It compiles expressions
    in CEL only when it uses them, so try those with M(fuze.miniapp_infra.gator_test) before.
  - With O(state=absent) the constraint is removed first. The template follows unless other constraints are of its kind,
    because they would go with it.
  - In check mode a constraint whose kind does not exist yet is reported as created without being checked by the server.
options:
  state:
    description: Whether there are such a constraint and its template.
    type: str
    choices: [present, absent]
    default: present
  constraint:
    description:
      - The constraint, in the form of the API. C(apiVersion) may be left out.
      - With O(state=absent) only C(kind) and C(metadata.name) count.
    type: dict
    required: true
  constraint_template:
    description:
      - The ConstraintTemplate that defines the kind of O(constraint). Its name is the kind in lower case.
      - Required when O(state=present).
    type: dict
  enforcement_action:
    description: What happens to violations, in place of what O(constraint) says.
    type: str
    choices: [deny, dryrun, warn]
  wait:
    description:
      - Whether to wait until the constraint is enforced, or until all of the pair is gone.
      - The module waits for the kind of the constraint in any case.
    type: bool
    default: true
  wait_timeout:
    description: Seconds that all of this may take.
    type: float
    default: 120.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.kube
seealso:
  - module: fuze.miniapp_infra.gatekeeper_audit_info
  - module: fuze.miniapp_infra.gator_test
"""

EXAMPLES = r"""
- name: Tell who would break the guardrail, without refusing anything
  fuze.miniapp_infra.gatekeeper_constraint:
    constraint_template: "{{ lookup('ansible.builtin.file', 'image-digest/template.yaml') | from_yaml }}"
    constraint: "{{ lookup('ansible.builtin.file', 'image-digest/constraint.yaml') | from_yaml }}"
    enforcement_action: dryrun

- name: Demand an owner of every namespace
  fuze.miniapp_infra.gatekeeper_constraint:
    constraint_template: "{{ lookup('ansible.builtin.file', 'required-labels/template.yaml') | from_yaml }}"
    constraint:
      kind: MiniappRequiredLabels
      metadata:
        name: namespaces-have-owners
      spec:
        match:
          kinds:
            - apiGroups: [""]
              kinds: [Namespace]
        parameters:
          labels:
            - key: miniapp.fuze/owner
              allowedRegex: ^[a-z-]+$

- name: Remove the constraint, and the template unless others need it
  fuze.miniapp_infra.gatekeeper_constraint:
    constraint:
      kind: MiniappRequiredLabels
      metadata:
        name: namespaces-have-owners
    state: absent
"""

RETURN = r"""
constraint:
  description: The constraint as the server has it, in check mode as it would be. Empty with O(state=absent).
  returned: success
  type: dict
  sample:
    apiVersion: constraints.gatekeeper.sh/v1beta1
    kind: MiniappImageDigest
    metadata: {name: image-digest}
    spec: {enforcementAction: deny}
objects:
  description: What was done with template and constraint, in check mode what would be.
  returned: success
  type: list
  elements: dict
  sample:
    - api_version: templates.gatekeeper.sh/v1
      kind: ConstraintTemplate
      namespace: ""
      name: miniappimagedigest
      action: created
    - api_version: constraints.gatekeeper.sh/v1beta1
      kind: MiniappImageDigest
      namespace: ""
      name: image-digest
      action: created
template_kept_for:
  description: With O(state=absent), the other constraints for which the template stays.
  returned: success
  type: list
  elements: str
  sample: [image-digest-of-the-platform]
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: timeout
    retryable: true
    hint: ""
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module


def main() -> None:
    module = kube_module(
        {
            "constraint": {"type": "dict", "required": True},
            "constraint_template": {"type": "dict"},
            "enforcement_action": {"type": "str", "choices": ["deny", "dryrun", "warn"]},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "float", "default": 120.0},
        },
        required_if=[("state", "present", ["constraint_template"])],
    )
    engine.run(module, "miniapp_infra.policy.tasks", "gatekeeper_constraint")


if __name__ == "__main__":
    main()
