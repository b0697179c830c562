# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof, without asking the server, that applying an object would do nothing.

The server records under ``metadata.managedFields`` which fields each manager declared. When the fields that we declared
last time are exactly those that we declare now, and each has the value that we declare, then server-side apply changes
nothing. In every other case, and whenever the comparison is not certain (quantities, defaults, ``stringData``, nulls),
the answer is no and the server decides.
Format: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from miniapp_infra.kube.objects import is_same

Fields = Mapping[str, Any]


def is_in_force(desired: Mapping[str, Any], live: Mapping[str, Any], manager: str) -> bool:
    """Tell whether applying ``desired`` as ``manager`` would certainly change neither values nor ownership.

    Args:
        desired: the declared object.
        live: the object in the same API version, with ``metadata.managedFields``.
        manager: name of the field manager.
    """
    fields = owned_fields(live, manager, desired["apiVersion"])
    if fields is None:
        return False
    declared = {key: value for key, value in desired.items() if key not in {"apiVersion", "kind", "status"}}
    metadata = {key: value for key, value in desired["metadata"].items() if key not in {"name", "namespace"}}
    declared.pop("metadata")
    if metadata:
        declared["metadata"] = metadata
    return "status" not in desired and _same_mapping(declared, live, fields)


def owned_fields(live: Mapping[str, Any], manager: str, api_version: str) -> Fields | None:
    """Return the field set of our last apply, None when there is none in this API version."""
    for entry in live.get("metadata", {}).get("managedFields") or ():
        if (
            entry.get("manager") == manager
            and entry.get("operation") == "Apply"
            and not entry.get("subresource")
            and entry.get("apiVersion") == api_version
        ):
            fields: Fields = entry.get("fieldsV1") or {}
            return fields
    return None


def _same(desired: Any, live: Any, fields: Fields) -> bool:
    inner = {key: value for key, value in fields.items() if key != "."}
    if not inner:
        # A scalar, or a list or mapping that is owned as a whole.
        return desired is not None and is_same(desired, live)
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        return _same_mapping(desired, live, inner)
    if isinstance(desired, list) and isinstance(live, list):
        return _same_list(desired, live, inner)
    return False


def _same_mapping(desired: Mapping[str, Any], live: Mapping[str, Any], fields: Fields) -> bool:
    names = {key[2:] for key in fields if key != "."}
    if any(not key.startswith("f:") for key in fields if key != ".") or names != set(desired):
        return False
    return all(name in live and _same(value, live[name], fields[f"f:{name}"]) for name, value in desired.items())


def _same_list(desired: list[Any], live: list[Any], fields: Fields) -> bool:
    if len(fields) != len(desired):
        return False
    if all(key.startswith("v:") for key in fields):
        owned = [json.loads(key[2:]) for key in fields]
        return all(_has(owned, item) for item in desired) and is_same(
            [item for item in live if _has(desired, item)], desired
        )
    if not all(key.startswith("k:") for key in fields):
        return False
    positions: dict[int, int] = {}
    for key, inner in fields.items():
        keys = json.loads(key[2:])
        mine = [index for index, item in enumerate(desired) if _has_keys(item, keys, partly=True)]
        theirs = [index for index, item in enumerate(live) if _has_keys(item, keys, partly=False)]
        if len(mine) != 1 or len(theirs) != 1 or not _same_mapping(desired[mine[0]], live[theirs[0]], inner):
            return False
        positions[mine[0]] = theirs[0]
    # The order of such a list is the order of declaration, and it can matter (containers, environment variables).
    found = [positions[index] for index in sorted(positions)]
    return len(positions) == len(desired) and found == sorted(found)


def _has(items: list[Any], item: Any) -> bool:
    return any(is_same(item, other) for other in items)


def _has_keys(item: Any, keys: Mapping[str, Any], *, partly: bool) -> bool:
    """Compare the keys of a list item. ``partly``: a key that the item leaves out was filled in by a default."""
    if not isinstance(item, Mapping):
        return False
    return all((partly and key not in item) or (key in item and is_same(item[key], keys[key])) for key in keys)
