# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Argument specification of the modules that speak to Vault; it mirrors the documentation fragment ``vault``."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule, env_fallback

SHORTEST_CENSORED = 8
"""Characters below which a value is not looked for in results."""


def _from(*variables: str, **spec: Any) -> dict[str, Any]:
    return {**spec, "fallback": (env_fallback, list(variables))}


def vault_spec() -> dict[str, Any]:
    """Return the options of the fragment ``vault``: how Vault is reached, and how a module logs in."""
    return {
        "auth_method": _from(
            "ANSIBLE_HASHI_VAULT_AUTH_METHOD", type="str", choices=["token", "approle", "kubernetes"], default="token"
        ),
        "ca_cert": _from("ANSIBLE_HASHI_VAULT_CA_CERT", "VAULT_CACERT", type="path", aliases=["cacert"]),
        "client_cert": _from("VAULT_CLIENT_CERT", type="path"),
        "client_key": _from("VAULT_CLIENT_KEY", type="path", no_log=False),
        "jwt": _from("ANSIBLE_HASHI_VAULT_JWT", type="str", no_log=True),
        "mount_point": {"type": "str"},
        "namespace": _from("ANSIBLE_HASHI_VAULT_NAMESPACE", "VAULT_NAMESPACE", type="str"),
        "retries": {"type": "int", "default": 3},
        "role_id": _from("ANSIBLE_HASHI_VAULT_ROLE_ID", type="str"),
        "secret_id": _from("ANSIBLE_HASHI_VAULT_SECRET_ID", type="str", no_log=True),
        "timeout": {"type": "float", "default": 30.0},
        "token": _from("ANSIBLE_HASHI_VAULT_TOKEN", "VAULT_TOKEN", type="str", no_log=True),
        "token_file": _from("ANSIBLE_HASHI_VAULT_TOKEN_FILE", type="str", default=".vault-token", no_log=False),
        "token_path": _from("ANSIBLE_HASHI_VAULT_TOKEN_PATH", type="path", no_log=False),
        "url": _from("ANSIBLE_HASHI_VAULT_ADDR", "VAULT_ADDR", type="str"),
        "validate_certs": {"type": "bool", "default": True},
    }


def vault_module(argument_spec: dict[str, Any], **options: Any) -> AnsibleModule:
    """Parse the options of a module that reaches Vault.

    Ansible looks for the values of all no_log options in the result, and censors them wherever they occur. That guards
    real secrets. A value such as "a" would be censored in every word, which makes the result useless and tells
    everybody that the value is "a"; engines never return values, so the short ones are left out.
    """
    module = AnsibleModule(argument_spec={**vault_spec(), **argument_spec}, supports_check_mode=True, **options)
    # Under an alias an option would be there twice.
    for option in module.argument_spec.values():
        for alias in option.get("aliases", ()):
            module.params.pop(alias, None)
    module.no_log_values = {value for value in module.no_log_values if len(str(value)) >= SHORTEST_CENSORED}
    return module
