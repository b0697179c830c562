# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Argument specifications that modules share; each mirrors a documentation fragment, which a test compares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule, env_fallback

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Keys whose values are secret, in the section "users" of a kubeconfig.
_SECRET_KEYS = frozenset(
    {"access-token", "client-key-data", "client-secret", "id-token", "password", "refresh-token", "token", "value"}
)


def _from(*variables: str, **spec: Any) -> dict[str, Any]:
    return {**spec, "fallback": (env_fallback, [f"K8S_AUTH_{variable}" for variable in variables])}


def kube_spec() -> dict[str, Any]:
    """Return the options of the fragment ``kube``: how the API server is reached."""
    return {
        "api_key": _from("API_KEY", type="str", no_log=True),
        "ca_cert": _from("CA_CERT", "SSL_CA_CERT", type="path", aliases=["ssl_ca_cert"]),
        "client_cert": _from("CLIENT_CERT", "CERT_FILE", type="path", aliases=["cert_file"]),
        "client_key": _from("CLIENT_KEY", "KEY_FILE", type="path", aliases=["key_file"], no_log=False),
        "context": _from("CONTEXT", type="str"),
        "host": _from("HOST", type="str"),
        "impersonate_groups": _from("IMPERSONATE_GROUPS", type="list", elements="str"),
        "impersonate_user": _from("IMPERSONATE_USER", type="str"),
        "kubeconfig": _from("KUBECONFIG", type="raw", no_log=True),
        "no_proxy": _from("NO_PROXY", type="str"),
        "password": _from("PASSWORD", type="str", no_log=True),
        "persist_config": _from("PERSIST_CONFIG", type="bool"),
        "proxy": _from("PROXY", type="str"),
        "proxy_headers": {
            "type": "dict",
            "options": {
                "basic_auth": {"type": "str", "no_log": True},
                "proxy_basic_auth": {"type": "str", "no_log": True},
                "user_agent": {"type": "str"},
            },
        },
        "request_timeout": {"type": "float", "default": 60.0},
        "retry_timeout": {"type": "float", "default": 60.0},
        "tls_server_name": {"type": "str"},
        "username": _from("USERNAME", type="str"),
        "validate_certs": _from("VALIDATE_CERTS", "VERIFY_SSL", type="bool", aliases=["verify_ssl"]),
    }


def chart_spec() -> dict[str, Any]:
    """Return the options of the fragment ``chart``: a Helm chart as the source of objects."""
    chart = {
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
    return {
        "helm_path": {"type": "str", "default": "helm"},
        "helm_template": {"type": "dict", "options": chart},
    }


def wait_spec() -> dict[str, Any]:
    """Return the options of the fragment ``wait``: what is waited for, and how long."""
    condition = {
        "type": {"type": "str", "required": True},
        "status": {"type": "str", "default": "True", "choices": ["True", "False", "Unknown"]},
        "reason": {"type": "str"},
    }
    return {
        "wait_condition": {"type": "dict", "options": condition},
        "wait_for": {"type": "str"},
        "wait_timeout": {"type": "float", "default": 120.0},
    }


def apply_spec() -> dict[str, Any]:
    """Return the options of the fragment ``apply``: how a set is applied."""
    return {
        "field_manager": {"type": "str", "default": "miniapp-infra"},
        "force_conflicts": {"type": "bool", "default": False},
        "missing_kind_timeout": {"type": "float", "default": 10.0},
    }


def inventory_spec() -> dict[str, Any]:
    """Return the option that names the inventory of a set."""
    options = {"name": {"type": "str", "required": True}, "namespace": {"type": "str"}}
    return {"inventory": {"type": "dict", "options": options}}


def prune_spec() -> dict[str, Any]:
    """Return the options of the fragment ``prune``: how much may be deleted of what is not declared any more."""
    return {
        "propagation_policy": {
            "type": "str",
            "choices": ["Background", "Foreground", "Orphan"],
            "default": "Background",
        },
        "protected_kinds": {
            "type": "list",
            "elements": "str",
            "default": ["CustomResourceDefinition", "Namespace", "PersistentVolume", "PersistentVolumeClaim"],
        },
        "prune_budget": {"type": "float", "default": 50.0},
    }


def kube_module(argument_spec: dict[str, Any], **options: Any) -> AnsibleModule:
    """Parse the options of a module that reaches an API server.

    Options with large content, such as ``kubeconfig`` and ``definition``, are no_log so that they never get into a log.
    Ansible would then also censor each of their values, such as the name of a context, wherever it occurs. Only
    those that are a text by themselves are kept for that, such as ``api_key``, and the secrets of a kubeconfig; the
    engine redacts Secrets by path.
    """
    module = AnsibleModule(argument_spec={**kube_spec(), **argument_spec}, supports_check_mode=True, **options)
    # Under an alias an option would be there twice, once under a name of which nobody knows that it is no_log.
    for option in module.argument_spec.values():
        for alias in option.get("aliases", ()):
            module.params.pop(alias, None)
    kubeconfig = module.params["kubeconfig"]
    censor_texts_only(module, _secrets(kubeconfig, secret=False))
    return module


def censor_texts_only(module: AnsibleModule, others: Iterable[str] = ()) -> None:
    """Let Ansible censor the values of no_log options that are one text, such as passwords, and of no other options.

    Args:
        module: a parsed module.
        others: further secret values, taken out of options that are more than a text.
    """
    kept = {*_texts(module.params, module.argument_spec), *others}
    module.no_log_values = {value for value in module.no_log_values if value in kept}


def _texts(params: Mapping[str, Any], spec: Mapping[str, Any]) -> list[str]:
    """Return the values of no_log options of type str, of lists of those, and of suboptions."""
    found: list[str] = []
    for name, option in spec.items():
        value = params.get(name)
        values = value if isinstance(value, list) else [value]
        kind = option.get("elements") if isinstance(value, list) else option.get("type", "str")
        if option.get("no_log") and kind == "str":
            found += [item for item in values if isinstance(item, str) and item]
        elif option.get("options"):
            found += [text for item in values if isinstance(item, dict) for text in _texts(item, option["options"])]
    return found


def _secrets(value: Any, *, secret: bool) -> list[str]:
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in _secrets(item, secret=key in _SECRET_KEYS)]
    if isinstance(value, list):
        return [found for item in value for found in _secrets(item, secret=secret)]
    return [str(value)] if secret and value else []
