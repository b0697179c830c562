# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of Vault's transit engine, which encrypts and signs without giving its keys away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.secrets.durations import seconds
from miniapp_infra.secrets.vault.changes import given, outcome
from miniapp_infra.secrets.vault.client import segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.secrets.vault.client import Vault

_FIXED = ("type", "derived", "convergent_encryption")
"""Decided when a key is made."""
_CONFIGURED = ("deletion_allowed", "min_decryption_version", "min_encryption_version")
_ONLY_ON = ("exportable", "allow_plaintext_backup")
"""Can be allowed later, but never be forbidden again."""
_SHOWN = (*_FIXED, *_CONFIGURED, *_ONLY_ON, "auto_rotate_period", "latest_version")


@dataclass(frozen=True)
class TransitKey:
    """A key as Vault describes it.

    Attributes:
        fields: its settings, and ``latest_version``.
        created: when each version was made, by its number.
    """

    fields: dict[str, Any]
    created: dict[int, datetime]

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> TransitKey:
        """Return a key from the answer of ``transit/keys/<name>``."""
        # Symmetric keys have seconds for each version, asymmetric ones an object with the public key.
        created = {int(number): _moment(value) for number, value in data["keys"].items()}
        fields = {name: data.get(name) for name in _SHOWN}
        # Vault leaves out what does not apply to the type of a key.
        off = {name: False for name in ("derived", "convergent_encryption") if not fields[name]}
        return cls({**fields, **off, "auto_rotate_period": int(data.get("auto_rotate_period") or 0)}, created)

    @property
    def latest(self) -> int:
        """Number of the newest version."""
        return int(self.fields["latest_version"])

    def is_older_than(self, limit: int, now: datetime) -> bool:
        """Tell whether the newest version is at least so many seconds old."""
        # Vault's clock is read in whole seconds, so a part of one must not make a version younger than nothing.
        return now.timestamp() - int(self.created[self.latest].timestamp()) >= limit


def present(vault: Vault, params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Make a key unless it is there, set what is managed of it, and rotate it in the state ``rotated`` when it is old.

    Raises:
        MiniappInfraError: an option is not acceptable or contradicts the key that is there, or Vault refused it.
    """
    name, path = _where(params)
    wanted = _wanted(params)
    limit = _rotate_after(params)
    before = _read(vault, name, path)
    rotate = before is not None and limit is not None and before.is_older_than(limit, vault.now())
    latest = 1 if before is None else before.latest + rotate
    _check(wanted, before, latest)
    settings = {option: value for option, value in wanted.items() if option not in _FIXED}
    changed = {} if before is None else {k: v for k, v in settings.items() if before.fields[k] != v}
    expected = {**(before.fields if before else {}), **wanted, "latest_version": latest}
    after = TransitKey(expected, before.created if before else {})
    if not check_mode and (before is None or rotate or changed):
        if before is None:
            _create(vault, name, path, wanted)
            changed = {option: value for option, value in settings.items() if option in _CONFIGURED}
        if rotate:
            # Vault has no condition for this. Two runs at the same time make two versions, which is harmless.
            vault.write(f"{path}/rotate", {}, action=f"rotate Vault transit key {name}")
        if changed:
            vault.write(f"{path}/config", changed, action=f"configure Vault transit key {name}")
        after = _read(vault, name, path) or after
    names = (*wanted, "latest_version")
    shown = None if before is None else {option: before.fields[option] for option in names}
    result = {option: after.fields.get(option) for option in names}
    return outcome(shown, result, diff_mode=diff_mode, key=_described(name, after), rotated=rotate)


def absent(vault: Vault, params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Delete a key if it is there.

    Raises:
        MiniappInfraError: refused_by_policy, when neither the key nor this task allows its deletion; or Vault refused
            it.
    """
    name, path = _where(params)
    before = _read(vault, name, path)
    if before is not None:
        allow = not before.fields["deletion_allowed"]
        if allow and not params["deletion_allowed"]:
            raise MiniappInfraError(
                f"Failed to delete Vault transit key {name}: the key does not allow it (deletion_allowed)",
                code=ErrorCode.REFUSED_BY_POLICY,
                hint="What it encrypted could never be read again. Set deletion_allowed in this task if that is meant.",
            )
        if not check_mode:
            if allow:
                vault.write(f"{path}/config", {"deletion_allowed": True}, action=f"allow to delete transit key {name}")
            vault.delete(path, action=f"delete Vault transit key {name}")
    shown = None if before is None else before.fields
    return outcome(shown, None, diff_mode=diff_mode, key={"name": name}, rotated=False)


def _where(params: Mapping[str, Any]) -> tuple[str, str]:
    name, mount = params["name"], segment("engine_mount_point", params["engine_mount_point"])
    if "/" in name:
        raise _invalid(f"name: must be without slashes, not {name!r}")
    return name, f"{mount}/keys/{segment('name', name)}"


def _wanted(params: Mapping[str, Any]) -> dict[str, Any]:
    wanted = given(params, (*_FIXED, *_CONFIGURED, *_ONLY_ON, "auto_rotate_period"))
    if "auto_rotate_period" in wanted:
        period = seconds("auto_rotate_period", wanted["auto_rotate_period"])
        if 0 < period < seconds("auto_rotate_period", "1h"):
            raise _invalid("auto_rotate_period: must be 0 or at least 1h")
        wanted["auto_rotate_period"] = period
    return wanted


def _rotate_after(params: Mapping[str, Any]) -> int | None:
    if params["state"] != "rotated":
        return None
    if params["rotate_after"] is None:
        raise _invalid("rotate_after: must be given with state=rotated")
    return seconds("rotate_after", params["rotate_after"])


def _check(wanted: Mapping[str, Any], before: TransitKey | None, latest: int) -> None:
    if before is not None:
        for option in _FIXED:
            if option in wanted and before.fields[option] != wanted[option]:
                raise _invalid(
                    f"{option}: the key has {before.fields[option]!r}, which cannot be changed to {wanted[option]!r}"
                )
        for option in _ONLY_ON:
            if wanted.get(option) is False and before.fields[option]:
                raise _invalid(f"{option}: is allowed for this key and can never be forbidden again")
    current = before.fields if before is not None else {"min_decryption_version": 1, "min_encryption_version": 0}
    lowest = wanted.get("min_decryption_version", current["min_decryption_version"])
    encrypt = wanted.get("min_encryption_version", current["min_encryption_version"])
    for option, value in (("min_decryption_version", lowest), ("min_encryption_version", encrypt)):
        if not 0 <= value <= latest:
            raise _invalid(f"{option}: must be at most {latest}, the newest version, not {value}")
    # Zero stands for the newest version. Both may be the same (Vault accepts that).
    if 0 < encrypt < lowest:
        raise _invalid(f"min_encryption_version: must not be below min_decryption_version ({lowest}), is {encrypt}")


def _create(vault: Vault, name: str, path: str, wanted: Mapping[str, Any]) -> None:
    body = {option: value for option, value in wanted.items() if option not in _CONFIGURED}
    vault.write(path, body, action=f"create Vault transit key {name}")


def _read(vault: Vault, name: str, path: str) -> TransitKey | None:
    found = vault.read(path, action=f"read Vault transit key {name}")
    return None if found is None else TransitKey.from_api(found)


def _described(name: str, key: TransitKey) -> dict[str, Any]:
    created = {str(number): moment.isoformat() for number, moment in sorted(key.created.items())}
    return {"name": name, **key.fields, "created": created}


def _moment(value: Any) -> datetime:
    if isinstance(value, dict):
        return _rfc3339(value["creation_time"])
    return datetime.fromtimestamp(int(value), tz=UTC)


def _rfc3339(text: str) -> datetime:
    # Go writes nanoseconds, and Python reads no more than microseconds.
    whole, dot, rest = text.partition(".")
    digits = rest.rstrip("Z").partition("+")[0].partition("-")[0]
    zone = rest[len(digits) :] if dot else ""
    return datetime.fromisoformat(f"{whole}.{digits[:6]}{zone}" if dot else whole).astimezone(UTC)


def _invalid(message: str) -> MiniappInfraError:
    return MiniappInfraError(message, code=ErrorCode.INVALID_INPUT)
