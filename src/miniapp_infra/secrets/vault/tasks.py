# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for modules: parameters in, results out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.secrets.vault import kubernetes_role, kv2, policy, transit
from miniapp_infra.secrets.vault.client import VaultOptions, connect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

Result = dict[str, Any]


def vault_policy(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Make or delete an ACL policy."""
    return _run(policy, params, check_mode=check_mode, diff_mode=diff_mode)


def vault_kubernetes_role(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Make or delete a role of the Kubernetes auth method."""
    return _run(kubernetes_role, params, check_mode=check_mode, diff_mode=diff_mode)


def vault_transit_key(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Make, rotate or delete a transit key."""
    return _run(transit, params, check_mode=check_mode, diff_mode=diff_mode)


def vault_kv2_secret(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Write or delete a secret of the key/value store."""
    return _run(kv2, params, check_mode=check_mode, diff_mode=diff_mode)


def _run(kind: ModuleType, params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    apply = kind.absent if params["state"] == "absent" else kind.present
    with connect(VaultOptions.from_params(params)) as vault:
        result: Result = apply(vault, params, check_mode=check_mode, diff_mode=diff_mode)
        return {**result, "warnings": vault.warnings}
