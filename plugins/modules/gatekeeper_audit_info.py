# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells what Gatekeeper's audit found."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gatekeeper_audit_info
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Read the violations that Gatekeeper's audit found
description:
  - Returns what the last audit found in the cluster, of all constraints, of one kind, or of one constraint.
  - Counts by the total of the audit. The list of violations in a constraint is cut, which RV(truncated) tells.
  - An audit that began before the last change of a constraint says nothing about it, which RV(stale) tells.
options:
  kind:
    description: Kind of the constraints; all kinds that templates define, when left out.
    type: str
  name:
    description: Name of the constraint; all, when left out.
    type: str
  max_age:
    description: Seconds after which an audit counts as stale, by the clock of the host that runs the module.
    type: float
  max_violations:
    description:
      - Fail when there are more violations than this, in all.
      - Also fails when the audit is stale, because the number is of another time then.
    type: int
  wait:
    description: Whether to wait for an audit that has seen every constraint as it is now.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait for that. Gatekeeper audits once a minute by default.
    type: float
    default: 180.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.kube
seealso:
  - module: fuze.miniapp_infra.gatekeeper_constraint
"""

EXAMPLES = r"""
- name: See what would be refused before a guardrail is enforced
  fuze.miniapp_infra.gatekeeper_audit_info:
    kind: MiniappImageDigest
    wait: true
  register: audit

- name: Fail unless the cluster keeps every guardrail
  fuze.miniapp_infra.gatekeeper_audit_info:
    max_violations: 0
    max_age: 600
"""

RETURN = r"""
total_violations:
  description: Number of violations of all constraints.
  returned: success, and when there are too many
  type: int
  sample: 23
violations:
  description: Those that are listed, each in the form of the API with its constraint.
  returned: success, and when there are too many
  type: list
  elements: dict
  sample:
    - constraint: {kind: MiniappImageDigest, name: image-digest}
      version: v1
      kind: Pod
      namespace: playhub
      name: playhub-7f6b
      message: image of playhub-7f6b is not named by digest
      enforcementAction: deny
truncated:
  description: Whether some violations are not listed.
  returned: success, and when there are too many
  type: bool
  sample: true
audit_timestamp:
  description: When the oldest of the audits began; empty when a constraint was not audited yet.
  returned: success, and when there are too many
  type: str
  sample: "2026-11-22T10:00:00Z"
stale:
  description: Whether an audit has not seen its constraint as it is now, or is older than O(max_age).
  returned: success, and when there are too many
  type: bool
  sample: false
constraints:
  description: The same for each constraint.
  returned: success, and when there are too many
  type: list
  elements: dict
  sample:
    - kind: MiniappImageDigest
      name: image-digest
      enforcement_action: deny
      total_violations: 23
      violations:
        - {version: v1, kind: Pod, namespace: playhub, name: playhub-7f6b, message: no digest}
      truncated: true
      audit_timestamp: "2026-11-22T10:00:00Z"
      stale: false
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: refused_by_policy
    retryable: false
    hint: Mend the objects under violations, or see status.violations of the constraints.
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module


def main() -> None:
    module = kube_module(
        {
            "kind": {"type": "str"},
            "max_age": {"type": "float"},
            "max_violations": {"type": "int"},
            "name": {"type": "str"},
            "wait": {"type": "bool", "default": False},
            "wait_timeout": {"type": "float", "default": 180.0},
        }
    )
    engine.run(module, "miniapp_infra.policy.tasks", "gatekeeper_audit_info")


if __name__ == "__main__":
    main()
