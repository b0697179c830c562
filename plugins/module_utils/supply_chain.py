# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Argument specifications of the supply-chain modules; each mirrors a part of the documentation fragment ``cosign``."""

from __future__ import annotations

from typing import Any

IDENTITY_EXCLUSIVE = [
    ("certificate_identity", "certificate_identity_regexp", "public_key"),
    ("certificate_oidc_issuer", "certificate_oidc_issuer_regexp", "public_key"),
]
SIGNING_EXCLUSIVE = [("key_password", "key_password_file")]
PREDICATE_TYPES = ["spdxjson", "cyclonedx", "slsaprovenance1", "vuln", "openvex"]


def cosign_spec() -> dict[str, Any]:
    """Return the options of the fragment ``cosign``: the program."""
    return {
        "cosign_binary": {"type": "str", "default": "cosign"},
        "timeout": {"type": "int", "default": 60},
    }


def registry_spec() -> dict[str, Any]:
    """Return the options of the fragment ``cosign.registry``: how the registry is reached."""
    return {
        "allow_http_registry": {"type": "bool", "default": False},
        "allow_insecure_registry": {"type": "bool", "default": False},
        "crane_binary": {"type": "str", "default": "crane"},
        "registry_ca_cert": {"type": "path"},
        "registry_password": {"type": "str", "no_log": True},
        "registry_token": {"type": "str", "no_log": True},
        "registry_username": {"type": "str"},
    }


def signing_spec() -> dict[str, Any]:
    """Return the options of the fragment ``cosign.signing``: names of keys, and the one secret."""
    return {
        "key": {"type": "str", "required": True, "no_log": False},
        "key_password": {"type": "str", "no_log": True},
        "key_password_file": {"type": "path", "no_log": False},
        "public_key": {"type": "path", "no_log": False},
    }


def formats_spec() -> dict[str, Any]:
    """Return the option ``signature_formats``."""
    choices = ["legacy", "bundle"]
    return {"signature_formats": {"type": "list", "elements": "str", "choices": choices, "default": ["legacy"]}}


def identity_spec() -> dict[str, Any]:
    """Return the options of the fragment ``cosign.identity``: who signed, by a certificate instead of a key."""
    workflow = {name: {"type": "str"} for name in ("name", "ref", "repository", "sha", "trigger")}
    return {
        "certificate_identity": {"type": "str"},
        "certificate_identity_regexp": {"type": "str"},
        "certificate_oidc_issuer": {"type": "str"},
        "certificate_oidc_issuer_regexp": {"type": "str"},
        "github_workflow": {"type": "dict", "options": workflow},
        "ignore_sct": {"type": "bool", "default": False},
        "ignore_tlog": {"type": "bool", "default": False},
        "trusted_root": {"type": "path"},
        "use_signed_timestamps": {"type": "bool", "default": False},
    }
