# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure changes of Application objects and their reduction to results."""

from __future__ import annotations

import copy
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from miniapp_infra.argocd.models import RUN_INFO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miniapp_infra.argocd.models import Application, Deployment

_PLAIN_FINALIZER = "resources-finalizer.argocd.argoproj.io"
FINALIZERS = {"foreground": _PLAIN_FINALIZER, "background": f"{_PLAIN_FINALIZER}/background", "orphan": ""}
"""What tells Argo CD how the objects of a deleted application go (application_defaults.go of its API)."""
_CASCADING = frozenset({*FINALIZERS.values(), f"{_PLAIN_FINALIZER}/foreground"} - {""})


def with_cascade(finalizers: Sequence[str], cascade: str) -> list[str]:
    """Return the finalizers with which a deletion goes the wanted way; those of others stay."""
    wanted = FINALIZERS[cascade]
    return [item for item in finalizers if item not in _CASCADING] + ([wanted] if wanted else [])


def with_operation(
    raw: dict[str, Any],
    *,
    run: str,
    user: str,
    prune: bool = False,
    revisions: Sequence[str] = (),
    sync_options: Sequence[str] = (),
    resources: Sequence[dict[str, str]] = (),
    retry_limit: int = 0,
    strategy: str = "",
    past: Deployment | None = None,
) -> dict[str, Any]:
    """Return an Application that asks for a synchronisation, as Argo CD's own command does it.

    The last operation's state is removed: whoever waits must not read the result of an earlier one.

    Args:
        raw: the object with its resource version.
        run: marks the operation, so that it is recognised later.
        user: recorded as the initiator.
        prune: delete objects that are no longer wanted.
        revisions: one per source; empty for those of the specification.
        sync_options: such as ``ServerSideApply=true``; in addition to the application's own.
        resources: only these, each with group, kind, name and namespace; empty for all.
        retry_limit: how often Argo CD tries again by itself; zero for what the application says.
        strategy: ``apply`` without hooks, ``hook`` with them; empty for Argo CD's default.
        past: an earlier deployment to go back to, with its sources instead of those of the specification.
    """
    changed = copy.deepcopy(raw)
    spec = changed["spec"]
    policy = spec.get("syncPolicy") or {}
    options = [*(policy.get("syncOptions") or []), *sync_options]
    operation: dict[str, Any] = {"prune": prune}
    if past is not None:
        # As the API server does it: sources and revisions of then, without hooks (server/application, Rollback).
        operation |= {
            key: copy.deepcopy(past.raw[key])
            for key in ("source", "sources", "revision", "revisions")
            if past.raw.get(key)
        }
    elif spec.get("sources"):
        operation["sources"] = copy.deepcopy(spec["sources"])
        operation["revisions"] = list(revisions) or [source.get("targetRevision", "") for source in spec["sources"]]
    else:
        operation["revision"] = revisions[0] if revisions else (spec.get("source") or {}).get("targetRevision", "")
    if options:
        operation["syncOptions"] = list(dict.fromkeys(options))
    if strategy:
        operation["syncStrategy"] = {strategy: {}}
    if resources:
        operation["resources"] = [dict(item) for item in resources]
    changed["operation"] = {
        "sync": operation,
        "initiatedBy": {"username": user},
        "info": [{"name": RUN_INFO, "value": run}],
        "retry": {"limit": retry_limit} if retry_limit else copy.deepcopy(policy.get("retry") or {}),
    }
    (changed.get("status") or {}).pop("operationState", None)
    return changed


def as_result(application: Application) -> dict[str, Any]:
    """Return an Application as a module reports it."""
    operation = application.operation
    return {
        "name": application.name,
        "namespace": application.namespace,
        "project": application.project,
        "sync": {"status": application.sync_status, "revisions": list(application.revisions)},
        "health": {"status": application.health, "message": application.health_message},
        "operation": None
        if operation is None
        else {
            "phase": operation.phase,
            "message": operation.message,
            "started_at": operation.started_at,
            "finished_at": operation.finished_at,
            "retry_count": operation.retry_count,
        },
        "conditions": [asdict(condition) for condition in application.conditions],
        "resources": [asdict(resource) for resource in application.resources],
        "failed_resources": [] if operation is None else [asdict(item) for item in operation.failed_resources],
        "images": list(application.images),
        "history_id": application.history_id,
        "history": [
            {"id": entry.id, "deployed_at": entry.deployed_at, "revisions": list(entry.revisions)}
            for entry in application.history
        ],
        "auto_sync": application.auto_sync,
        "application_set": application.owner,
    }


def merged(live: dict[str, Any], manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a live object with what is declared put in; labels, annotations, finalizers and fields of others stay.

    A field of ``spec`` that is declared is replaced as a whole, because a value that left it has to go.
    """
    result = copy.deepcopy(live)
    metadata, declared = result["metadata"], manifest["metadata"]
    for key in ("labels", "annotations"):
        if declared.get(key):
            metadata[key] = {**(metadata.get(key) or {}), **declared[key]}
    if declared.get("finalizers"):
        metadata["finalizers"] = list(dict.fromkeys([*(metadata.get("finalizers") or []), *declared["finalizers"]]))
    result["spec"] = {**(result.get("spec") or {}), **copy.deepcopy(manifest["spec"])}
    return result


def is_as_declared(live: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Compare two states of an object as Argo CD keeps them: it leaves out what is empty, false or zero."""
    keys = ("labels", "annotations", "finalizers")
    mine, theirs = (
        {"metadata": {key: item["metadata"].get(key) for key in keys}, "spec": item.get("spec")}
        for item in (live, wanted)
    )
    return bool(_significant(mine) == _significant(theirs))


# Fields whose empty value says something: an empty ``automated`` switches it on, and ``enabled: false`` off again.
_MEANS_SOMETHING_EMPTY = frozenset({"automated", "enabled"})
_OPAQUE = frozenset({"valuesObject", "labels", "annotations"})
_NOTHING: tuple[Any, ...] = (None, "", 0, False, {}, [])


def _significant(value: Any) -> Any:
    if isinstance(value, dict):
        reduced = {key: item if key in _OPAQUE else _significant(item) for key, item in value.items()}
        return {
            key: item
            for key, item in reduced.items()
            if item is not None and (key in _MEANS_SOMETHING_EMPTY or item not in _NOTHING)
        }
    if isinstance(value, list):
        return [_significant(item) for item in value]
    return value
