# SPDX-License-Identifier: GPL-3.0-or-later
"""ACL policies of Vault (``sys/policies/acl``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.secrets.vault.changes import outcome
from miniapp_infra.secrets.vault.client import segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.secrets.vault.client import Vault


def present(vault: Vault, params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Write a policy unless it is there with the same text.

    Raises:
        MiniappInfraError: the name or the text is not acceptable, or Vault refused it.
    """
    name, path = _checked(params["name"])
    if name == "root":
        raise _invalid("name: the policy root is Vault's own and cannot be changed")
    wanted = normalised(params["policy"] or "")
    if not wanted:
        raise _invalid("policy: must not be empty; state=absent deletes a policy")
    before = _read(vault, name, path)
    if before != wanted and not check_mode:
        vault.write(path, {"policy": wanted}, action=f"write Vault policy {name}")
    return outcome(_shown(before), _shown(wanted), diff_mode=diff_mode, name=name)


def absent(vault: Vault, params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Delete a policy if it is there.

    Raises:
        MiniappInfraError: it is one of Vault's own, or Vault refused it.
    """
    name, path = _checked(params["name"])
    if name in {"root", "default"}:
        raise _invalid(f"name: the policy {name} is Vault's own and cannot be deleted")
    before = _read(vault, name, path)
    if before is not None and not check_mode:
        vault.delete(path, action=f"delete Vault policy {name}")
    return outcome(_shown(before), None, diff_mode=diff_mode, name=name)


def normalised(text: str) -> str:
    """Return a policy without white space at the ends of its lines and of the whole."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return "\n".join(lines) + "\n" if lines else ""


def _checked(name: str) -> tuple[str, str]:
    # Vault stores names in lower case, and another spelling of the same name would be a change in every run.
    if name != name.lower() or "/" in name:
        raise _invalid(f"name: must be in lower case and without slashes, not {name!r}")
    return name, f"sys/policies/acl/{segment('name', name)}"


def _read(vault: Vault, name: str, path: str) -> str | None:
    found = vault.read(path, action=f"read Vault policy {name}")
    return None if found is None else normalised(found["policy"])


def _shown(text: str | None) -> dict[str, Any] | None:
    return None if text is None else {"policy": text}


def _invalid(message: str) -> MiniappInfraError:
    return MiniappInfraError(message, code=ErrorCode.INVALID_INPUT)
