# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of results that several modules have."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.normalise import redact
from miniapp_infra.kube.tasks.hidden_fields import Tree, without

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miniapp_infra.kube.models import Outcome
    from miniapp_infra.kube.objects import KubeObject, ObjectRef

METHODS = {"present": "apply", "patched": "update", "absent": "delete"}
"""What kubernetes.core calls what was done for a state."""


def shown(obj: KubeObject, hidden: Tree | None = None) -> dict[str, Any]:
    """Return an object as a module reports it: without the field managers' records and without secret values."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    result: dict[str, Any] = redact({**obj, "metadata": metadata})
    return without(result, hidden) if hidden else result


def in_kubernetes_core_form(
    outcomes: Sequence[Outcome],
    declared: Sequence[KubeObject],
    *,
    state: str,
    limit: int,
    states: Mapping[ObjectRef, KubeObject],
    hidden: Tree | None = None,
) -> dict[str, Any]:
    """Return what playbooks written for kubernetes.core read: one object, or ``results`` in the order of declaration.

    Args:
        outcomes: what was done.
        declared: the set as it was declared.
        state: the option ``state``.
        limit: a larger set is reported by name alone, because every object costs time at each step on its way.
        states: newer states than those of the outcomes, seen while waiting.
        hidden: fields that the caller does not want to see.
    """
    entries = []
    for outcome in in_order(outcomes, declared):
        obj = states.get(outcome.ref) or outcome.after
        if obj is None:
            entry = {}
        elif len(outcomes) > limit:
            entry = named(outcome.ref)
        else:
            entry = shown(obj, hidden)
        entries.append({"changed": outcome.changed, "method": METHODS[state], "result": entry})
    if len(entries) == 1:
        return {"result": entries[0]["result"], "method": METHODS[state]}
    return {"result": {"results": entries}, "method": METHODS[state]}


def named(ref: ObjectRef) -> dict[str, Any]:
    """Return as much of an object as says which one it is."""
    metadata = {"name": ref.name, "namespace": ref.namespace} if ref.namespace else {"name": ref.name}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}


def in_order(outcomes: Sequence[Outcome], declared: Sequence[KubeObject]) -> list[Outcome]:
    """Return outcomes in the order of declaration; what was not declared keeps its place behind the others."""
    exact: dict[tuple[str, str, str, str], int] = {}
    loose: dict[tuple[str, str, str], int] = {}
    for position, obj in enumerate(declared):
        api_version, kind, metadata = obj["apiVersion"], obj["kind"], obj["metadata"]
        exact.setdefault((api_version, kind, metadata.get("namespace") or "", metadata["name"]), position)
        loose.setdefault((api_version, kind, metadata["name"]), position)

    def rank(outcome: Outcome) -> int:
        ref = outcome.ref
        # The declaration may leave the namespace out, or name one for a kind that has none.
        for namespace in (ref.namespace, ""):
            found = exact.get((ref.api_version, ref.kind, namespace, ref.name))
            if found is not None:
                return found
        return loose.get((ref.api_version, ref.kind, ref.name), len(declared))

    return sorted(outcomes, key=rank)


def since(started: float) -> float:
    """Return the seconds since a reading of the monotonic clock."""
    return round(time.monotonic() - started, 3)
