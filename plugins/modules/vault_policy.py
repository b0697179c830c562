# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Manages ACL policies of Vault."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vault_policy
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Manage an ACL policy of Vault
description:
  - Writes or deletes a policy, which says what the holder of a token may do with which paths.
  - White space at the ends of lines does not count as a difference.
  - Vault itself checks the rules when they are written. Check mode cannot tell whether Vault would accept them.
options:
  name:
    description: Name of the policy, in lower case. V(root) cannot be changed, V(default) cannot be deleted.
    type: str
    required: true
  policy:
    description: The rules, as HCL or JSON. Required with O(state=present).
    type: str
  state:
    description: Whether the policy is there.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.vault
seealso:
  - module: fuze.miniapp_infra.vault_kubernetes_role
"""

EXAMPLES = r"""
- name: Let a service read its own secrets
  fuze.miniapp_infra.vault_policy:
    url: https://vault.example.com:8200
    name: playhub
    policy: |
      path "secret/data/playhub/*" {
        capabilities = ["read"]
      }

- name: Take a policy from a file, and log in with a role
  fuze.miniapp_infra.vault_policy:
    auth_method: approle
    role_id: "{{ vault_role_id }}"
    secret_id: "{{ vault_secret_id }}"
    name: payhub
    policy: "{{ lookup('ansible.builtin.file', 'policies/payhub.hcl') }}"

- name: Delete a policy
  fuze.miniapp_infra.vault_policy:
    name: old
    state: absent
"""

RETURN = r"""
name:
  description: Name of the policy.
  returned: success
  type: str
  sample: playhub
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: forbidden
    retryable: false
    hint: ''
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.vault import vault_module


def main() -> None:
    module = vault_module(
        {
            "name": {"type": "str", "required": True},
            "policy": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["policy"])],
    )
    engine.run(module, "miniapp_infra.secrets.vault.tasks", "vault_policy")


if __name__ == "__main__":
    main()
