# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles of Vault's auth method for Kubernetes: which service accounts get which policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.secrets.durations import seconds
from miniapp_infra.secrets.vault.changes import given, outcome
from miniapp_infra.secrets.vault.client import segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.secrets.vault.client import Vault

_LISTS = ("bound_service_account_names", "bound_service_account_namespaces", "token_bound_cidrs", "token_policies")
_DURATIONS = ("token_explicit_max_ttl", "token_max_ttl", "token_period", "token_ttl")
_PLAIN = ("alias_name_source", "audience", "token_no_default_policy", "token_num_uses", "token_type")


def present(vault: Vault, params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Write a role unless what is managed of it is already so.

    Raises:
        MiniappInfraError: an option is not acceptable, or Vault refused it.
    """
    name, path = _where(params)
    wanted = normalised(given(params, (*_LISTS, *_DURATIONS, *_PLAIN)))
    _check(wanted)
    before = _read(vault, name, path)
    differs = before is None or any(before.get(option) != value for option, value in wanted.items())
    after = {**(before or {}), **wanted}
    if differs and not check_mode:
        vault.write(path, wanted, action=f"write Vault Kubernetes role {name}")
        after = _read(vault, name, path) or {}
    shown = {option: before.get(option) for option in wanted} if before is not None else None
    result = {option: after.get(option) for option in wanted}
    return outcome(shown, result, diff_mode=diff_mode, role={"name": name, **after})


def absent(vault: Vault, params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Delete a role if it is there.

    Raises:
        MiniappInfraError: Vault refused it.
    """
    name, path = _where(params)
    before = _read(vault, name, path)
    if before is not None and not check_mode:
        vault.delete(path, action=f"delete Vault Kubernetes role {name}")
    return outcome(before, None, diff_mode=diff_mode, role={"name": name})


def normalised(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of a role in one form, whether they come from options or from Vault.

    Raises:
        MiniappInfraError: invalid_input, when a duration is none.
    """
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if name in _LISTS:
            found[name] = sorted({_entry(name, item) for item in value or ()})
        elif name in _DURATIONS:
            found[name] = seconds(name, value or 0)
        elif name in _PLAIN:
            found[name] = value
    return found


def _entry(name: str, item: str) -> str:
    if name == "token_policies":
        return item.strip().lower()  # as Vault stores them
    if name == "token_bound_cidrs":
        return item.strip().removesuffix("/32").removesuffix("/128")  # Vault shows a single address without its mask
    return item.strip()


def _check(wanted: Mapping[str, Any]) -> None:
    names, namespaces = wanted.get("bound_service_account_names"), wanted.get("bound_service_account_namespaces")
    for option, value in (
        ("bound_service_account_names", names),
        ("bound_service_account_namespaces", namespaces),
    ):
        if not value:
            raise MiniappInfraError(f"{option}: must name at least one", code=ErrorCode.INVALID_INPUT)
    if names == ["*"] and namespaces == ["*"]:
        raise MiniappInfraError(
            "bound_service_account_names: must not be '*' in all namespaces, because every pod could log in",
            code=ErrorCode.INVALID_INPUT,
        )


def _where(params: Mapping[str, Any]) -> tuple[str, str]:
    name, mount = params["name"], segment("auth_mount_point", params["auth_mount_point"])
    if name != name.lower() or "/" in name:
        # Vault stores names in lower case.
        raise MiniappInfraError(
            f"name: must be in lower case and without slashes, not {name!r}", code=ErrorCode.INVALID_INPUT
        )
    return name, f"auth/{mount}/role/{segment('name', name)}"


def _read(vault: Vault, name: str, path: str) -> dict[str, Any] | None:
    found = vault.read(path, action=f"read Vault Kubernetes role {name}")
    # Vault leaves out an audience that is not set.
    return None if found is None else normalised({"audience": "", **found})
