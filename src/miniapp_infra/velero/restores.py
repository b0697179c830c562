# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores: guarded, started once, followed to their end, and believed only when something was restored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.objects import KubeObject, ObjectRef
from miniapp_infra.velero import downloads, runs
from miniapp_infra.velero.backups import check_available
from miniapp_infra.velero.errors import RunError, invalid
from miniapp_infra.velero.models import SCHEDULE_LABEL, Run, StorageLocation, count
from miniapp_infra.velero.targets import EVERYTHING, Target, check_confirmation, target_of
from miniapp_infra.velero.transformations import label_value, manifest, marks, modifier, restore_result, restore_spec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miniapp_infra.velero.downloads import RestoredItems
    from miniapp_infra.velero.runs import Options, Request, Result, Server

MODIFIER = "modifier"
SHOWN = 5
"""Missing objects that a message names."""


def request_of(params: Mapping[str, Any]) -> Request:
    """Return which restore the options of a module ask for.

    Raises:
        MiniappInfraError: invalid_input; names the option.
    """
    spec = restore_spec(params)
    backup, schedule = params.get("backup_name") or "", params.get("schedule_name") or ""
    if backup:
        spec["backupName"] = backup
    rules = rules_of(params)
    also = {"schedule_name": schedule, "resource_modifier": rules}
    return runs.requested(
        "Restore", params, spec, {key: value for key, value in also.items() if value}, backup or schedule
    )


def rules_of(params: Mapping[str, Any]) -> list[Any]:
    """Return the rules that change objects while they are restored."""
    return list((params.get("resource_modifier") or {}).get("rules") or ())


def present(server: Server, params: Mapping[str, Any], options: Options, *, check: bool, diff: bool) -> Result:
    """Have a restore that ended well: start it, or follow the one that is there.

    Raises:
        MiniappInfraError: the backup cannot be used, or the target is not the confirmed one; nothing was changed.
        RunError: the restore did not end well, did nothing, or did not end in time.
    """
    if bool(params.get("backup_name")) == bool(params.get("schedule_name")):
        raise invalid("backup_name: exactly one of backup_name and schedule_name must be given")
    request = request_of(params)
    found = runs.find(server, request)
    if found is not None:
        result: Result = {"changed": False, "restore": restore_result(found)}
        return _finished(server, found, params, options, result, check=check)
    backup = source_of(server, params, accept_partial=options.accept_partial)
    target = target_of(request.spec, backup.spec)
    check_confirmation(params.get("confirm_target") or (), target)
    check_overwriting(server, params, target)
    location = server.location(backup.spec.get("storageLocation") or "")
    if location is not None:
        check_available(location)
    wanted = _manifest(server, request, backup, has_rules=bool(rules_of(params)))
    result = {"changed": True, "restore": restore_result(Run.from_api(wanted))}
    if diff:
        result["diff"] = runs.made_diff(wanted)
    if rules_of(params):
        server.objects.present(modifier(f"{request.name}-{MODIFIER}", server.namespace, rules_of(params)))
    try:
        run, is_ours = runs.start(server, request, wanted)
    except MiniappInfraError:
        server.objects.absent(_modifier_ref(server, request.name))
        raise
    result |= {"changed": is_ours, "restore": restore_result(run)}
    if not is_ours:
        result.pop("diff", None)
    return _finished(server, run, params, options, result, check=check)


def _manifest(server: Server, request: Request, backup: Run, *, has_rules: bool) -> KubeObject:
    # The backup is named even where a schedule was asked for: what was confirmed is what is restored.
    spec: KubeObject = {**request.spec, "backupName": backup.name}
    if has_rules:
        spec["resourceModifier"] = {"kind": "ConfigMap", "name": f"{request.name}-{MODIFIER}"}
    return manifest("Restore", server.namespace, request.name, spec, **marks(request.hash, request.key))


def source_of(server: Server, params: Mapping[str, Any], *, accept_partial: bool) -> Run:
    """Return the backup to restore from: the named one, or the newest good one of a schedule.

    Raises:
        MiniappInfraError: there is none, or it is not good.
    """
    if schedule := params.get("schedule_name") or "":
        made = server.runs("Backup", f"{SCHEDULE_LABEL}={label_value(schedule)}")
        good = [item for item in made if item.is_over and not item.failure(accept_partial=accept_partial)]
        if not good:
            raise MiniappInfraError(
                f"schedule_name: none of the {count(len(made), 'backup')} of {schedule} was successful",
                code=ErrorCode.NOT_FOUND,
            )
        return max(good, key=lambda item: item.started_at)
    name = params["backup_name"]
    raw = server.find("Backup", name)
    if raw is None:
        raise MiniappInfraError(
            f"backup_name: there is no Backup {server.namespace}/{name}",
            code=ErrorCode.NOT_FOUND,
            hint="In a new cluster backups appear a minute after their storage location is available.",
        )
    backup = Run.from_api(raw)
    if not backup.is_over:
        raise MiniappInfraError(
            f"backup_name: {name} cannot be restored yet: {backup.describe()}", code=ErrorCode.CONFLICT, retryable=True
        )
    if reason := backup.failure(accept_partial=accept_partial):
        raise MiniappInfraError(
            f"backup_name: {name} is no good backup: {reason}",
            code=ErrorCode.CONFLICT,
            hint="What is in a partial one can be restored with accept_partial.",
        )
    return backup


def check_overwriting(server: Server, params: Mapping[str, Any], target: Target) -> None:
    """Refuse to write over what the backup comes from, unless that is asked for.

    A namespace that does not exist any more is not written over: to bring it back is what a backup is for.

    Raises:
        MiniappInfraError: refused_by_policy; names the namespaces.
    """
    if params.get("allow_overwrite_source") or params.get("existing_resource_policy") == "update":
        return
    in_danger = sorted(name for name in target.over_source if name == EVERYTHING or _exists(server, name))
    if in_danger:
        what = "all namespaces of the cluster" if EVERYTHING in in_danger else ", ".join(in_danger)
        raise MiniappInfraError(
            f"Failed to start a restore: it would write into the source itself: {what}",
            code=ErrorCode.REFUSED_BY_POLICY,
            hint="Restore into other namespaces with namespace_mapping, or say allow_overwrite_source: true.",
        )


def _exists(server: Server, name: str) -> bool:
    try:
        return server.objects.get(ObjectRef("v1", "Namespace", "", name)) is not None
    except MiniappInfraError as error:
        if error.code is not ErrorCode.FORBIDDEN:
            raise
        return True  # who may not look must not assume the harmless


def _finished(
    server: Server,
    run: Run,
    params: Mapping[str, Any],
    options: Options,
    result: Result,
    *,
    check: bool,
) -> Result:
    """Complete the result of a module; wait for the end before, where that is asked for."""
    warnings: list[str] = []
    if check:
        if run.is_over and (reason := run.failure(accept_partial=options.accept_partial)):
            raise _failed(run, reason, result)
        return result
    if options.wait:
        run, result["wait"] = runs.follow(server, run, options, result)
        result["restore"] = restore_result(run)
    if not run.is_over:
        return result
    if rules_of(params):
        server.objects.absent(_modifier_ref(server, run.name))
    location = _location_of(server, run)
    reason = run.failure(accept_partial=options.accept_partial)
    if reason or run.errors or run.warnings:
        result["results"] = runs.results(server, run, location, warnings)
    items = None if run.phase == "FailedValidation" else _items(server, run, location, warnings)
    if items is not None:
        result |= {"restored_items": dict(items.by_action), "restored_objects": dict(items.by_kind)}
    reason = reason or _objection(server, run, params, items)
    result["log_tail"] = runs.log_tail(server, run, location, options, warnings, failed=bool(reason))
    if reason:
        raise _failed(run, reason, {**result, "warnings": warnings})
    if run.errors:
        warnings.append(f"Restore {run.name} is not complete: {count(run.errors, 'error')} accepted by accept_partial")
    return {**result, "warnings": warnings}


def _location_of(server: Server, run: Run) -> StorageLocation | None:
    raw = server.find("Backup", run.spec.get("backupName") or "none")
    return None if raw is None else server.location((raw.get("spec") or {}).get("storageLocation") or "")


def _items(server: Server, run: Run, location: StorageLocation | None, warnings: list[str]) -> RestoredItems | None:
    data = runs.download(server, run, "RestoreResourceList", location, warnings)
    return None if data is None else downloads.items_of(data)


def _objection(server: Server, run: Run, params: Mapping[str, Any], items: RestoredItems | None) -> str:
    """Return why a restore that Velero calls Completed is no success after all; empty when it is one."""
    if run.warnings and not params["accept_warnings"]:
        return f"phase {run.phase}, {count(run.warnings, 'warning')}, which accept_warnings does not accept"
    if not params["accept_empty"]:
        if items is not None and not items.written:
            return f"phase {run.phase}, but nothing was restored: {items.describe()}"
        if items is None and not run.items_total:
            return f"phase {run.phase}, but nothing was restored: it found no items"
    if absent := missing(server, params.get("expect_resources") or ()):
        more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
        return f"phase {run.phase}, but expected objects do not exist: {', '.join(absent[:SHOWN])}{more}"
    return ""


def missing(server: Server, expected: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return which of the objects do not exist."""
    refs = [ObjectRef(item["api_version"], item["kind"], item["namespace"] or "", item["name"]) for item in expected]
    return [str(one) for one in refs if server.objects.get(one) is None]


def _failed(run: Run, reason: str, result: Result) -> RunError:
    told = downloads.messages(result.get("results") or {}, "errors")
    return RunError(
        f"Failed to restore {run.namespace}/{run.name}: {reason}" + (f": {'; '.join(told[:3])}" if told else ""),
        result,
        hint="Names of restores are not used twice: mend the cause, then take another name or idempotency_key.",
    )


def _modifier_ref(server: Server, name: str) -> ObjectRef:
    return ObjectRef("v1", "ConfigMap", server.namespace, f"{name}-{MODIFIER}")


def absent(server: Server, params: Mapping[str, Any], options: Options, *, check: bool, diff: bool) -> Result:
    """Have no record of a restore. What it restored stays.

    Raises:
        MiniappInfraError: it still runs, or could not be deleted in time.
    """
    run = runs.located(server, request_of(params))
    if run is None:
        return {"changed": False}
    if run.phase and not run.is_over:
        raise MiniappInfraError(
            f"Failed to delete Restore {run.namespace}/{run.name}: it still runs: {run.describe()}",
            code=ErrorCode.CONFLICT,
            retryable=True,
            hint="Velero does not stop it; wait for its end.",
        )
    result: Result = {"changed": True, "restore": restore_result(run)}
    if diff:
        result["diff"] = runs.gone_diff(run)
    server.objects.absent(run.ref)
    server.objects.absent(_modifier_ref(server, run.name))
    if options.wait and not check:
        # Velero holds it until its files are out of the bucket.
        server.objects.wait(run.ref, None, options.patience.timeout)
    return result
