# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups: taken once, followed to their end, and deleted by asking Velero for it."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.errors import WaitTimeoutError
from miniapp_infra.kube.objects import KubeObject, lookup
from miniapp_infra.velero import downloads, runs
from miniapp_infra.velero.errors import RunError
from miniapp_infra.velero.models import BACKUP_LABEL, BACKUP_UID_LABEL, SCHEDULE_LABEL, Run, StorageLocation, count
from miniapp_infra.velero.transformations import LONGEST_NAME, backup_result, backup_spec, label_value, manifest, marks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from miniapp_infra.velero.runs import Options, Request, Result, Server

PAUSES = (0.5, 1.0, 2.0, 5.0)
"""Seconds between two looks at a request for deletion, while the backup is watched; the last one repeats."""


def request_of(params: Mapping[str, Any]) -> Request:
    """Return which backup the options of a module ask for.

    Raises:
        MiniappInfraError: invalid_input; names the option.
    """
    schedule = params.get("from_schedule") or ""
    also = {"from_schedule": schedule} if schedule else {}
    return runs.requested("Backup", params, backup_spec(params), also, schedule or "backup")


def present(server: Server, params: Mapping[str, Any], options: Options, *, check: bool, diff: bool) -> Result:
    """Have a backup that ended well: take it, or follow the one that is there.

    Raises:
        MiniappInfraError: an option or the storage location cannot be used; nothing was changed.
        RunError: the backup did not end well, or not in time.
    """
    request = request_of(params)
    found = runs.find(server, request)
    replaced = found is not None and (found.is_over or found.phase == "Deleting") and _replaced(found, params, options)
    if found is not None and not replaced:
        result: Result = {"changed": False, "backup": backup_result(found)}
        return _finished(server, found, options, result, check=check)
    wanted = _manifest(server, request, params)
    location = check_location(server, wanted["spec"].get("storageLocation") or "")
    result = {"changed": True, "backup": backup_result(Run.from_api(wanted))}
    if diff:
        result["diff"] = runs.made_diff(wanted)
    if found is not None:
        if check:
            return result
        delete(server, found, options.patience.timeout, options.patience.clock)
    run, is_ours = runs.start(server, request, wanted)
    result |= {"changed": is_ours, "backup": backup_result(run)}
    if not is_ours:
        result.pop("diff", None)
    return _finished(server, run, options, result, check=check, location=location)


def _replaced(found: Run, params: Mapping[str, Any], options: Options) -> bool:
    """Tell whether a backup that is there is no use and may be replaced."""
    return bool(params["recreate"] and found.failure(accept_partial=options.accept_partial))


def _manifest(server: Server, request: Request, params: Mapping[str, Any]) -> KubeObject:
    schedule = params.get("from_schedule") or ""
    own = marks(request.hash, request.key)
    if not schedule:
        return manifest("Backup", server.namespace, request.name, request.spec, **own)
    raw = server.find("Schedule", schedule)
    if raw is None:
        raise MiniappInfraError(
            f"from_schedule: there is no Schedule {server.namespace}/{schedule}", code=ErrorCode.NOT_FOUND
        )
    template = lookup(raw, "spec", "template") or {}
    # As Velero does for the backups that it takes itself (pkg/builder, FromSchedule).
    inherited = lookup(template, "metadata", "labels") or lookup(raw, "metadata", "labels") or {}
    labels = {**inherited, SCHEDULE_LABEL: label_value(schedule), **own["labels"]}
    spec = {**template, **request.spec}
    return manifest("Backup", server.namespace, request.name, spec, **{**own, "labels": labels})


def check_location(server: Server, name: str) -> StorageLocation | None:
    """Return where a backup will go.

    Raises:
        MiniappInfraError: Velero would refuse it, because the location is missing, read-only or not available.
    """
    location = server.location(name)
    if location is None:
        if not name:
            return None  # the server may have a default of its own
        raise MiniappInfraError(
            f"storage_location: there is no BackupStorageLocation {server.namespace}/{name}", code=ErrorCode.NOT_FOUND
        )
    if location.access_mode == "ReadOnly":
        raise MiniappInfraError(
            f"storage_location: {location.name} is read-only, so no backup can be written or deleted there",
            code=ErrorCode.CONFLICT,
            hint="Set its access_mode to ReadWrite with velero_backup_storage_location when the recovery is over.",
        )
    check_available(location)
    return location


def check_available(location: StorageLocation) -> None:
    """Refuse a location that Velero cannot use now.

    Raises:
        MiniappInfraError: unavailable.
    """
    if location.phase != "Available":
        raise MiniappInfraError(
            f"storage_location: {location.name} is not available: {location.describe()}",
            code=ErrorCode.UNAVAILABLE,
            retryable=True,
            hint="Is the bucket there, and are address and credentials right? Velero looks again every minute.",
        )


def _finished(
    server: Server,
    run: Run,
    options: Options,
    result: Result,
    *,
    check: bool,
    location: StorageLocation | None = None,
) -> Result:
    """Complete the result of a module; wait for the end before, where that is asked for."""
    warnings: list[str] = []
    if check:
        if run.is_over and (reason := run.failure(accept_partial=options.accept_partial)):
            raise _failed(run, reason, result)
        return result
    if options.wait:
        run, result["wait"] = runs.follow(server, run, options, result)
        result["backup"] = backup_result(run)
    if not run.is_over and run.phase != "Deleting":
        return result
    where = location or server.location(run.spec.get("storageLocation") or "")
    reason = run.failure(accept_partial=options.accept_partial)
    if reason or run.errors or run.warnings:
        result["results"] = runs.results(server, run, where, warnings)
    result["log_tail"] = runs.log_tail(server, run, where, options, warnings, failed=bool(reason))
    if reason:
        raise _failed(run, reason, {**result, "warnings": warnings})
    if run.errors:
        warnings.append(f"Backup {run.name} is not complete: {count(run.errors, 'error')} accepted by accept_partial")
    result["rpo_age"] = run.age(dt.datetime.now(dt.UTC))
    return {**result, "warnings": warnings}


def _failed(run: Run, reason: str, result: Result) -> RunError:
    told = downloads.messages(result.get("results") or {}, "errors")
    return RunError(
        f"Failed to back up {run.namespace}/{run.name}: {reason}" + (f": {'; '.join(told[:3])}" if told else ""),
        result,
        hint="Mend the cause, then take another name, or have it replaced with recreate.",
    )


def absent(server: Server, params: Mapping[str, Any], options: Options, *, check: bool, diff: bool) -> Result:
    """Have no such backup, neither in the cluster nor in the bucket.

    Raises:
        MiniappInfraError: Velero could not delete it, or not in time.
    """
    run = runs.located(server, request_of(params))
    if run is None:
        return {"changed": False}
    result: Result = {"changed": True, "backup": backup_result(run)}
    if diff:
        result["diff"] = runs.gone_diff(run)
    if not check:
        if options.wait:
            delete(server, run, options.patience.timeout, options.patience.clock)
        else:
            ask_for_deletion(server, run)
    return result


def delete(server: Server, run: Run, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Ask Velero to delete a backup, and wait until it is gone.

    The object itself is never deleted: Velero would make it again from what is in the bucket.

    Raises:
        MiniappInfraError: Velero reports why it did not; ``TIMEOUT``.
    """
    request = ask_for_deletion(server, run)
    deadline = clock() + timeout
    looks = 0
    while True:
        pause = min(PAUSES[min(looks, len(PAUSES) - 1)], max(0.05, deadline - clock()))
        looks += 1
        try:
            server.objects.wait(run.ref, None, pause)
        except WaitTimeoutError:
            _check_deletion(server, run, request, timed_out=clock() >= deadline, timeout=timeout)
            continue
        return


def _check_deletion(server: Server, run: Run, request: str, *, timed_out: bool, timeout: float) -> None:
    raw = server.find("DeleteBackupRequest", request)
    phase = str(lookup(raw, "status", "phase") or ("New" if raw else "gone"))
    errors = lookup(raw, "status", "errors") or []
    if phase == "Processed" and errors:
        raise MiniappInfraError(
            f"Failed to delete Backup {run.namespace}/{run.name}: {'; '.join(errors)}",
            retryable=any("still in progress" in error or "Unavailable" in error for error in errors),
            hint="Nothing was removed from the bucket that Velero does not name; mend the cause and run it again.",
        )
    if timed_out:
        raise MiniappInfraError(
            f"Timed out after {timeout:g} s waiting until Backup {run.namespace}/{run.name} is deleted: "
            f"its DeleteBackupRequest is {phase}, the backup is in {run.describe()}",
            code=ErrorCode.TIMEOUT,
            retryable=True,
            hint="Does the Velero server run? Running it again continues to wait.",
        )


def ask_for_deletion(server: Server, run: Run) -> str:
    """Return the name of a request to delete a backup: the one that is there and not answered yet, or a new one."""
    labels = {BACKUP_LABEL: label_value(run.name), BACKUP_UID_LABEL: run.uid}
    for item in server.objects.list("velero.io/v1", "DeleteBackupRequest", server.namespace):
        if lookup(item, "spec", "backupName") == run.name and lookup(item, "status", "phase") != "Processed":
            return str(item["metadata"]["name"])
    name = f"{run.name[:LONGEST_NAME]}-{uuid.uuid4().hex[:8]}"
    server.objects.create(
        manifest("DeleteBackupRequest", server.namespace, name, {"backupName": run.name}, labels=labels)
    )
    return name
