# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for modules that read and operate applications: parameters in, results out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.argocd.client import APPLICATION
from miniapp_infra.argocd.connect import open_door
from miniapp_infra.argocd.door import SyncRequest
from miniapp_infra.argocd.models import RUN_INFO, Application
from miniapp_infra.argocd.operate import Operator, is_fixed, reported
from miniapp_infra.argocd.transformations import as_result
from miniapp_infra.argocd.waiters import Expectation
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.argocd.models import Deployment

Result = dict[str, Any]


def application_info(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Return applications, all of them or one by name."""
    del check_mode, diff_mode  # reads only
    door = open_door(params, check=True, project=params["project"] or "")
    if params["name"]:
        one = door.find(APPLICATION, params["name"])
        raw = [] if one is None else [one]
    else:
        raw = door.all_of(APPLICATION)
    found = [Application.from_api(item) for item in raw]
    if params["project"]:
        found = [item for item in found if item.project == params["project"]]
    results = [as_result(item) for item in found]
    if params["windows"]:
        for item, result in zip(found, results, strict=True):
            result["windows"] = door.windows(item).as_result()
    return {"changed": False, "applications": results}


def application_sync(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Synchronise an application unless it is already where it should be, and wait for it."""
    operator = Operator.of(params, check=check_mode)
    before = operator.required()
    wanted = _wanted_revisions(params, before)
    is_override = bool(wanted) and wanted != _targets(before)
    expectation = Expectation(
        accept_health=tuple(params["accept_health"]), require_synced=params["require_synced"] and not is_override
    )
    key = params["idempotency_key"] or ""
    if key and _carries(before, key):
        return _attached(operator, before, key, expectation)
    if is_override and before.auto_sync:
        raise MiniappInfraError(
            f"revision: application {before.name} synchronises automatically and would go back to "
            f"{', '.join(_targets(before))}",
            code=ErrorCode.CONFLICT,
            hint="Change the revision in its specification, or switch its automatic synchronisation off.",
        )
    before = operator.refreshed(operator.idle(before), params["refresh"])
    needed = params["force"] or not _is_synchronised(before, wanted, is_override=is_override)
    result: Result = {"changed": needed, "application": as_result(before)}
    request = None
    if needed:
        operator.refuse_frozen(before)
        request = SyncRequest(
            revisions=wanted,
            prune=params["prune"],
            sync_options=tuple(params["sync_options"]),
            resources=tuple(params["resources"]),
            retry_limit=params["retry_limit"],
            strategy=params["strategy"] or "",
            **({"run": key} if key else {}),
        )
        if not check_mode:
            operator.start(before, lambda application: operator.door.sync(application, request))
            expectation = _of_run(expectation, request.run)
    if params["wait"] and not check_mode:
        result |= reported(operator.follow(expectation, request))
    if diff_mode and needed:
        pending = [item for item in before.resources if item.status != "Synced"]
        result["diff"] = {
            "before": "".join(f"{item.kind} {item.namespace}/{item.name}: {item.status}\n" for item in pending),
            "after": "".join(f"{item.kind} {item.namespace}/{item.name}: Synced\n" for item in pending),
        }
    return result


def application_rollback(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Deploy again what an earlier entry of the history deployed, unless that is what is there."""
    operator = Operator.of(params, check=check_mode)
    before = operator.required()
    past = _past(params, before)
    needed = not _is_deployed(before, past)
    suspends = needed and before.auto_sync
    if suspends:
        _refuse_automatic(params, before)
    result: Result = {
        "changed": needed,
        "application": as_result(before),
        "history_id": past.id,
        "revisions": list(past.revisions),
        "auto_sync_suspended": suspends,
    }
    request = SyncRequest(prune=params["prune"], strategy="apply")
    expectation = Expectation(accept_health=tuple(params["accept_health"]), require_synced=False)
    if needed:
        before = operator.idle(before)
        operator.refuse_frozen(before)
    if needed and not check_mode:
        if suspends:
            operator.door.set_auto_sync(before, enabled=False)
        operator.start(before, lambda application: operator.door.roll_back(application, past, request))
        # The REST interface gives a rollback no room for a mark of ours.
        by_revision = params["mode"] == "api"
        expectation = Expectation(
            description=f"run what deployment {past.id} deployed",
            accept_health=expectation.accept_health,
            require_synced=False,
            run="" if by_revision else request.run,
            revisions=past.revisions if by_revision else (),
        )
    if suspends:
        result["warnings"] = [
            f"Automatic synchronisation of application {before.name} is switched off"
            + (" by a real run." if check_mode else ". It stays so until somebody sets automated.enabled to true.")
        ]
    if params["wait"] and not check_mode:
        result |= reported(operator.follow(expectation, request if needed else None))
    if diff_mode and needed:
        present = before.history[-1].revisions if before.history else before.revisions
        result["diff"] = {"before": {"revisions": list(present)}, "after": {"revisions": list(past.revisions)}}
    return result


def _wanted_revisions(params: Mapping[str, Any], application: Application) -> tuple[str, ...]:
    """Return the revisions that were asked for, one per source; none for those of the specification.

    Raises:
        MiniappInfraError: ``INVALID_INPUT``, when their number is not that of the sources.
    """
    option = "revision" if params["revision"] else "revisions"
    wanted = (params["revision"],) if params["revision"] else tuple(params["revisions"] or ())
    if wanted and len(wanted) != len(application.sources):
        raise MiniappInfraError(
            f"{option}: application {application.name} has {len(application.sources)} sources, "
            f"got {len(wanted)} revisions",
            code=ErrorCode.INVALID_INPUT,
            hint="Give revision for one source, or revisions with one entry for each.",
        )
    return wanted


def _targets(application: Application) -> tuple[str, ...]:
    return tuple(source.get("targetRevision") or "HEAD" for source in application.sources)


def _is_synchronised(application: Application, wanted: tuple[str, ...], *, is_override: bool) -> bool:
    """Whether nothing is left to do. A branch may have moved since, so only a fixed revision can be there already."""
    if not is_override:
        return application.sync_status == "Synced"
    operation = application.operation
    if operation is None or operation.phase != "Succeeded" or not all(map(is_fixed, wanted)):
        return False
    deployed = application.history[-1].revisions if application.history else ()
    return wanted in (operation.requested, deployed)


def _carries(application: Application, key: str) -> bool:
    """Whether the last operation, or the one that is asked for, has this idempotency key."""
    if application.operation is not None and application.operation.run == key:
        return True
    info = (application.raw.get("operation") or {}).get("info") or []
    return {"name": RUN_INFO, "value": key} in info


def _attached(operator: Operator, before: Application, key: str, expectation: Expectation) -> Result:
    """Follow the operation that an earlier task began with the same key."""
    operation = before.operation
    if not before.is_running and operation is not None and operation.phase != "Succeeded":
        raise MiniappInfraError(
            f"Failed to synchronise application {before.name}: the operation with this idempotency_key ended in phase "
            f"{operation.phase}: {operation.message}",
            hint="It is not started again. Give another idempotency_key to try once more.",
        )
    if operator.check or not operator.params["wait"]:
        return {"changed": False, "application": as_result(before)}
    return {"changed": False, **reported(operator.follow(_of_run(expectation, key), SyncRequest(run=key)))}


def _of_run(expectation: Expectation, run: str) -> Expectation:
    return Expectation(accept_health=expectation.accept_health, require_synced=expectation.require_synced, run=run)


def _past(params: Mapping[str, Any], application: Application) -> Deployment:
    """Return the entry of the history to go back to.

    Raises:
        MiniappInfraError: ``NOT_FOUND``, names what there is.
    """
    for entry in reversed(application.history):
        if params["history_id"] is not None:
            if entry.id == params["history_id"]:
                return entry
        elif params["revision"] in entry.revisions:
            return entry
    known = ", ".join(f"{entry.id} ({' '.join(entry.revisions)})" for entry in application.history)
    asked = f"id {params['history_id']}" if params["history_id"] is not None else f"revision {params['revision']}"
    raise MiniappInfraError(
        f"Failed to roll application {application.name} back: its history has no deployment with {asked}; "
        f"it has {known or 'none'}",
        code=ErrorCode.NOT_FOUND,
        hint="The field revisionHistoryLimit of the application says how many are kept.",
    )


def _is_deployed(application: Application, past: Deployment) -> bool:
    operation = application.operation
    return application.history[-1].is_same_as(past) and (operation is None or operation.phase == "Succeeded")


def _refuse_automatic(params: Mapping[str, Any], application: Application) -> None:
    """Refuse what Argo CD would undo."""
    if not params["suspend_auto_sync"]:
        raise MiniappInfraError(
            f"Failed to roll application {application.name} back: its automatic synchronisation is on "
            "and would undo it",
            code=ErrorCode.CONFLICT,
            hint="Revert the change in Git instead, or set suspend_auto_sync.",
        )
    if application.owner:
        raise MiniappInfraError(
            f"Failed to roll application {application.name} back: ApplicationSet {application.owner} makes it "
            "and would switch its automatic synchronisation on again",
            code=ErrorCode.CONFLICT,
            hint=f"Change ApplicationSet {application.owner}, or revert the change in Git.",
        )
