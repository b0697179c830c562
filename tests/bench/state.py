# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether two namespaces hold the same, apart from what differs between any two runs of the same program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

KubeObject = dict[str, Any]
Identity = tuple[str, str]

INVENTORY = "miniapp.fuze/inventory"
"""The label of our inventories, and the annotation of the objects that one of them records."""
_METADATA = frozenset({"creationTimestamp", "generation", "managedFields", "namespace", "resourceVersion", "uid"})
_TIMES = frozenset({"lastTransitionTime", "lastUpdateTime", "startTime", "startedAt"})
_BOOKKEEPING = frozenset(
    {
        "app.kubernetes.io/managed-by",
        "kubectl.kubernetes.io/last-applied-configuration",
        "meta.helm.sh/release-name",
        "meta.helm.sh/release-namespace",
        INVENTORY,
    }
)
_ALLOCATED = {"Service": frozenset({"clusterIP", "clusterIPs"})}
_ALLOCATED_STATUS = {"Pod": frozenset({"podIP", "podIPs", "hostIP", "hostIPs"})}
_SHOWN = 5


class DifferentStateError(Exception):
    """Two contenders left different things behind."""


def comparable(objects: Sequence[Mapping[str, Any]]) -> dict[Identity, Any]:
    """Return what of the objects of one namespace must be equal, by kind and name."""
    return {(obj["kind"], obj["metadata"]["name"]): _stripped(obj) for obj in objects if not is_bookkeeping(obj)}


def is_bookkeeping(obj: Mapping[str, Any]) -> bool:
    """Tell whether an object is one in which a release tool remembers what it has installed."""
    labels = obj["metadata"].get("labels") or {}
    return obj.get("type") == "helm.sh/release.v1" or (obj["kind"] == "ConfigMap" and INVENTORY in labels)


def require_same(ours: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]], name: str) -> int:
    """Compare two namespaces; return the number of objects in each.

    Raises:
        DifferentStateError: names the first objects and fields that differ, or there is nothing to compare.
    """
    left, right = comparable(ours), comparable(other)
    if not left:
        raise DifferentStateError(f"nothing to compare with {name}: our namespace is empty")
    problems = [f"{_label(key)} exists for us only" for key in sorted(left.keys() - right.keys())]
    problems += [f"{_label(key)} exists for {name} only" for key in sorted(right.keys() - left.keys())]
    for key in sorted(left.keys() & right.keys()):
        problems += [f"{_label(key)} {text}" for text in _differences(left[key], right[key])]
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise DifferentStateError(
            f"the final state differs from that of {name}: " + "; ".join(problems[:_SHOWN]) + more
        )
    return len(left)


def _stripped(obj: Mapping[str, Any]) -> KubeObject:
    kind = obj["kind"]
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _METADATA}
    for section in ("labels", "annotations"):
        kept = {key: value for key, value in (metadata.pop(section, None) or {}).items() if key not in _BOOKKEEPING}
        if kept:
            metadata[section] = kept
    result = {**obj, "metadata": metadata}
    for section, left_out in (("spec", _ALLOCATED), ("status", _ALLOCATED_STATUS)):
        if isinstance(result.get(section), Mapping):
            result[section] = {k: v for k, v in result[section].items() if k not in left_out.get(kind, ())}
    return _without_times(result)


def _without_times(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_times(item) for key, item in value.items() if key not in _TIMES}
    if isinstance(value, list):
        return [_without_times(item) for item in value]
    return value


def _differences(left: Any, right: Any, path: str = "") -> list[str]:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        keys = sorted(left.keys() | right.keys())
        return [text for key in keys for text in _differences(left.get(key), right.get(key), f"{path}.{key}")]
    return [] if left == right else [f"{path} is {left!r} for us and {right!r} for the other"]


def _label(key: Identity) -> str:
    return f"{key[0]} {key[1]}"
