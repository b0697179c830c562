# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure changes of Application objects and their reduction to results."""

from __future__ import annotations

import copy
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from miniapp_infra.argocd.models import RUN_INFO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miniapp_infra.argocd.models import Application


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
        retry_limit: how often Argo CD tries again by itself.
    """
    changed = copy.deepcopy(raw)
    spec = changed["spec"]
    options = [*((spec.get("syncPolicy") or {}).get("syncOptions") or []), *sync_options]
    operation: dict[str, Any] = {"prune": prune}
    if spec.get("sources"):
        operation["sources"] = copy.deepcopy(spec["sources"])
        operation["revisions"] = list(revisions) or [source.get("targetRevision", "") for source in spec["sources"]]
    else:
        operation["revision"] = revisions[0] if revisions else (spec.get("source") or {}).get("targetRevision", "")
    if options:
        operation["syncOptions"] = list(dict.fromkeys(options))
    if resources:
        operation["resources"] = [dict(item) for item in resources]
    changed["operation"] = {
        "sync": operation,
        "initiatedBy": {"username": user},
        "info": [{"name": RUN_INFO, "value": run}],
        "retry": {"limit": retry_limit} if retry_limit else {},
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
    }
