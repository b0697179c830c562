# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Manages roles of Vault's auth method for Kubernetes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vault_kubernetes_role
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Manage a role of Vault's auth method for Kubernetes
description:
  - A role says which service accounts may log in to Vault, and which policies their tokens get.
  - Options that are left out are not managed; a new role gets Vault's defaults for them.
  - A role for all service accounts of all namespaces is refused.
  - The options that begin with C(token_) are about the tokens that the role gives out, with the exception of
    O(token_file) and O(token_path), which are about the login of this task.
options:
  name:
    description: Name of the role, in lower case.
    type: str
    required: true
  auth_mount_point:
    description: Where the auth method is mounted for which the role is.
    type: str
    default: kubernetes
  bound_service_account_names:
    description: Names of the service accounts, or V(*) for all. Required with O(state=present).
    type: list
    elements: str
  bound_service_account_namespaces:
    description: Namespaces of the service accounts, or V(*) for all. Required with O(state=present).
    type: list
    elements: str
  audience:
    description: Audience that the token of the service account must have. Vault warns about a role without one.
    type: str
  alias_name_source:
    description: What identifies a service account in Vault.
    type: str
    choices: [serviceaccount_uid, serviceaccount_name]
  token_policies:
    description: Policies of the tokens.
    type: list
    elements: str
  token_ttl:
    description: How long a token is valid without being renewed, such as V(1h).
    type: str
  token_max_ttl:
    description: How long a token can be renewed.
    type: str
  token_explicit_max_ttl:
    description: Limit for the life of a token that holds also for periodic ones.
    type: str
  token_period:
    description: Makes tokens periodic, renewed by this time and without an end.
    type: str
  token_bound_cidrs:
    description: Networks from which the tokens can be used.
    type: list
    elements: str
  token_no_default_policy:
    description: Whether the policy V(default) is left out.
    type: bool
  token_num_uses:
    description: How often a token can be used; V(0) for as often as one likes.
    type: int
  token_type:
    description: Type of the tokens.
    type: str
    choices: [default, service, batch]
  state:
    description: Whether the role is there.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes
  - fuze.miniapp_infra.vault
seealso:
  - module: fuze.miniapp_infra.vault_policy
"""

EXAMPLES = r"""
- name: Let the pods of a service log in
  fuze.miniapp_infra.vault_kubernetes_role:
    url: https://vault.example.com:8200
    name: playhub
    bound_service_account_names: [playhub]
    bound_service_account_namespaces: [playhub]
    audience: vault
    token_policies: [playhub]
    token_ttl: 1h
    token_max_ttl: 24h

- name: Delete a role
  fuze.miniapp_infra.vault_kubernetes_role:
    name: old
    state: absent
"""

RETURN = r"""
role:
  description: The role as Vault has it. Times are in seconds.
  returned: success
  type: dict
  sample:
    name: playhub
    alias_name_source: serviceaccount_uid
    audience: vault
    bound_service_account_names: [playhub]
    bound_service_account_namespaces: [playhub]
    token_bound_cidrs: []
    token_explicit_max_ttl: 0
    token_max_ttl: 86400
    token_no_default_policy: false
    token_num_uses: 0
    token_period: 0
    token_policies: [playhub]
    token_ttl: 3600
    token_type: default
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: invalid_input
    retryable: false
    hint: ''
"""

from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.vault import vault_module

BOUND = ["bound_service_account_names", "bound_service_account_namespaces"]


def main() -> None:
    module = vault_module(
        {
            "alias_name_source": {"type": "str", "choices": ["serviceaccount_uid", "serviceaccount_name"]},
            "audience": {"type": "str"},
            "auth_mount_point": {"type": "str", "default": "kubernetes"},
            "bound_service_account_names": {"type": "list", "elements": "str"},
            "bound_service_account_namespaces": {"type": "list", "elements": "str"},
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "token_bound_cidrs": {"type": "list", "elements": "str", "no_log": False},
            "token_explicit_max_ttl": {"type": "str", "no_log": False},
            "token_max_ttl": {"type": "str", "no_log": False},
            "token_no_default_policy": {"type": "bool", "no_log": False},
            "token_num_uses": {"type": "int", "no_log": False},
            "token_period": {"type": "str", "no_log": False},
            "token_policies": {"type": "list", "elements": "str", "no_log": False},
            "token_ttl": {"type": "str", "no_log": False},
            "token_type": {"type": "str", "choices": ["default", "service", "batch"], "no_log": False},
        },
        required_if=[("state", "present", BOUND)],
    )
    engine.run(module, "miniapp_infra.secrets.vault.tasks", "vault_kubernetes_role")


if __name__ == "__main__":
    main()
