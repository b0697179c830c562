# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Argument specifications of the modules for Argo CD; each mirrors a documentation fragment, which a test compares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import env_fallback
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_module

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def argocd_spec() -> dict[str, Any]:
    """Return the options of the fragment ``argocd``: which way to Argo CD, and where its objects are."""
    return {
        "api_ca_cert": {"type": "path"},
        "api_token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["ARGOCD_AUTH_TOKEN"])},
        "api_url": {"type": "str"},
        "api_validate_certs": {"type": "bool", "default": True},
        "mode": {"type": "str", "choices": ["core", "api"], "default": "core"},
        "namespace": {"type": "str", "default": "argocd"},
    }


def operation_spec() -> dict[str, Any]:
    """Return the options of the fragment ``argocd.operation``: how a synchronisation begins and how it is followed."""
    return {
        "accept_health": {"type": "list", "elements": "str", "default": ["Healthy"]},
        "name": {"type": "str", "required": True},
        "on_running": {"type": "str", "choices": ["wait", "fail", "terminate"], "default": "wait"},
        "project": {"type": "str"},
        "prune": {"type": "bool", "default": False},
        "respect_sync_windows": {"type": "bool", "default": True},
        "terminate_on_timeout": {"type": "bool", "default": False},
        "wait": {"type": "bool", "default": True},
        "wait_interval": {"type": "float", "default": 2.0},
        "wait_timeout": {"type": "float", "default": 300.0},
    }


def argocd_module(argument_spec: dict[str, Any], **options: Any) -> AnsibleModule:
    """Parse the options of a module for Argo CD."""
    rules = [("mode", "api", ("api_url", "api_token")), *options.pop("required_if", ())]
    return kube_module({**argocd_spec(), **argument_spec}, required_if=rules, **options)
