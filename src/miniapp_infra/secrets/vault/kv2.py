# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in Vault's key/value store, version 2: written only if nobody else wrote meanwhile (check-and-set)."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.http import HttpError
from miniapp_infra.secrets.durations import seconds
from miniapp_infra.secrets.vault.changes import given, outcome
from miniapp_infra.secrets.vault.client import segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.secrets.vault.client import Vault

_METADATA = ("cas_required", "custom_metadata", "delete_version_after", "max_versions")


@dataclass(frozen=True)
class Kv2Secret:
    """The newest version of a secret.

    Attributes:
        data: the values; None when there is no version, or the newest is deleted or destroyed.
        version: its number; 0 when there never was one.
        created: when it was written.
    """

    data: dict[str, Any] | None = field(repr=False)
    version: int
    created: str = ""


class CheckAndSetError(MiniappInfraError):
    """Somebody else has written the secret since it was read."""

    code = ErrorCode.CONFLICT


@dataclass(frozen=True)
class Kv2Path:
    """One secret.

    Args:
        vault: where it is.
        mount: of the engine.
        path: of the secret below the mount, as given.
    """

    vault: Vault
    mount: str
    path: str

    def __post_init__(self) -> None:
        self.url("data")

    def __str__(self) -> str:
        return f"Vault secret {self.mount.strip('/')}/{self.path.strip('/')}"

    def url(self, kind: str) -> str:
        """Return the path of a request: ``data``, ``metadata``, ``delete`` or ``destroy``.

        Raises:
            MiniappInfraError: invalid_input, when mount or path cannot be one.
        """
        return f"{segment('engine_mount_point', self.mount)}/{kind}/{segment('path', self.path)}"

    def read(self) -> Kv2Secret:
        """Return the newest version, also when it is deleted or destroyed.

        Raises:
            MiniappInfraError: nothing is mounted there, or Vault refused it.
        """
        data = self.vault.read(self.url("data"), action=f"read {self}") or {}
        metadata = data.get("metadata") or {}
        return Kv2Secret(data.get("data"), int(metadata.get("version") or 0), metadata.get("created_time") or "")

    def write(self, data: Mapping[str, Any], *, expected: int) -> Kv2Secret:
        """Write a new version if the newest is the expected one.

        Args:
            data: all values.
            expected: number of the version that was read; 0 when there was none.

        Raises:
            CheckAndSetError: another version has been written meanwhile.
            HttpError: Vault refused it for another reason.
        """
        body = {"data": dict(data), "options": {"cas": expected}}
        try:
            answer = self.vault.write(self.url("data"), body, action=f"write {self}")
        except HttpError as error:
            if error.status == HTTPStatus.BAD_REQUEST and "check-and-set" in error.message:
                raise CheckAndSetError(
                    f"Failed to write {self}: it has been changed by somebody else since version {expected} was read",
                    retryable=True,
                    hint="Run it again; it starts from what is there now.",
                ) from error
            raise
        return Kv2Secret(dict(data), int(answer["version"]), answer.get("created_time") or "")

    def metadata(self) -> dict[str, Any] | None:
        """Return the metadata, None when there is none.

        Raises:
            HttpError: Vault refused it.
        """
        return self.vault.read(self.url("metadata"), action=f"read the metadata of {self}")


def present(vault: Vault, params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Write values and metadata unless they are so already.

    Raises:
        MiniappInfraError: an option is not acceptable; conflict, when somebody else wrote meanwhile; or Vault refused
            it.
    """
    target = Kv2Path(vault, params["engine_mount_point"], params["path"])
    wanted_metadata = _wanted_metadata(params)
    current = target.read()
    _check_expected(params, current, target)
    data = _wanted_data(params, current.data)
    before_metadata = _managed(target.metadata(), wanted_metadata) if wanted_metadata else {}
    after = current
    if data is not None and data != current.data:
        after = Kv2Secret(data, current.version)
        if not check_mode:
            after = target.write(data, expected=current.version)
    if before_metadata != wanted_metadata and not check_mode:
        vault.write(target.url("metadata"), wanted_metadata, action=f"write the metadata of {target}")
    show = _Shown()
    nothing = current.version == 0 and current.data is None and before_metadata is None
    before = None if nothing else show(current.data, before_metadata or {})
    shown = outcome(before, show(after.data, wanted_metadata), diff_mode=diff_mode, **_reported(target, after))
    # Judged by the values themselves: what is shown of them is shortened.
    return {**shown, "changed": after.data != current.data or before_metadata != wanted_metadata}


def absent(vault: Vault, params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Delete the newest version, or with ``purge`` everything, if it is there.

    Raises:
        MiniappInfraError: an option is not acceptable, or Vault refused it.
    """
    target = Kv2Path(vault, params["engine_mount_point"], params["path"])
    current = target.read()
    _check_expected(params, current, target)
    exists = current.data is not None
    if params["purge"]:
        exists = exists or target.metadata() is not None
        if exists and not check_mode:
            vault.delete(target.url("metadata"), action=f"delete {target} with all its versions")
    elif exists and not check_mode:
        # By its number, so that a version that somebody writes meanwhile stays.
        vault.write(target.url("delete"), {"versions": [current.version]}, action=f"delete {target}")
    before = _Shown()(current.data, {}) if exists else None
    gone = Kv2Secret(None, 0 if params["purge"] else current.version)
    return outcome(before, None, diff_mode=diff_mode, **_reported(target, gone))


def merged(current: Any, patch: Any) -> Any:
    """Return a JSON merge patch applied: objects are merged, and null removes (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


class _Shown:
    """Replaces values by what a diff may show of them.

    That is a hash with a key that lives as long as this object: equal values of one name are recognised as equal within
    one diff, but nobody can find a short value by trying, nor compare with another diff or another name.
    """

    def __init__(self) -> None:
        self._key = os.urandom(32)

    def __call__(self, data: Mapping[str, Any] | None, metadata: Mapping[str, Any]) -> dict[str, Any]:
        shown = {name: self._fingerprint(name, value) for name, value in sorted((data or {}).items())}
        return {"data": shown, **metadata}

    def _fingerprint(self, name: str, value: Any) -> str:
        text = json.dumps([name, value], sort_keys=True).encode()
        return f"hmac:{hmac.new(self._key, text, hashlib.sha256).hexdigest()[:12]}"


def _reported(target: Kv2Path, secret: Kv2Secret) -> dict[str, Any]:
    return {
        "path": target.path.strip("/"),
        "version": secret.version,
        "created_time": secret.created,
        "keys": sorted(secret.data or {}),
    }


def _check_expected(params: Mapping[str, Any], current: Kv2Secret, target: Kv2Path) -> None:
    expected = params["cas"]
    if expected is not None and expected != current.version:
        raise CheckAndSetError(
            f"Failed to write {target}: cas is {expected}, but the newest version is {current.version}",
            hint="Somebody else has changed it. Look at the difference before you write.",
        )


def _wanted_data(params: Mapping[str, Any], current: Mapping[str, Any] | None) -> dict[str, Any] | None:
    data = params["data"]
    if data is None:
        return None
    if params["mode"] == "replace":
        return dict(data)
    result: dict[str, Any] = merged(current or {}, data)
    return result


def _wanted_metadata(params: Mapping[str, Any]) -> dict[str, Any]:
    wanted = given(params, _METADATA)
    if "custom_metadata" in wanted:
        wanted["custom_metadata"] = {str(key): str(value) for key, value in wanted["custom_metadata"].items()}
    if "delete_version_after" in wanted:
        wanted["delete_version_after"] = f"{seconds('delete_version_after', wanted['delete_version_after'])}s"
    if wanted.get("max_versions", 0) < 0:
        raise MiniappInfraError("max_versions: must not be negative", code=ErrorCode.INVALID_INPUT)
    return wanted


def _managed(metadata: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    if metadata is None:
        return None
    found = {option: metadata.get(option) for option in wanted}
    if "custom_metadata" in found:
        found["custom_metadata"] = found["custom_metadata"] or {}
    if "delete_version_after" in found:
        found["delete_version_after"] = f"{seconds('delete_version_after', found['delete_version_after'] or 0)}s"
    return found
