# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules: declared like any object, except for the one field that Velero itself turns back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.diff import render
from miniapp_infra.kube.objects import KubeObject, lookup
from miniapp_infra.kube.predicates import READY, Predicate, Verdict, failed, waiting
from miniapp_infra.velero import cron
from miniapp_infra.velero.models import ref, validation_errors
from miniapp_infra.velero.transformations import backup_spec, check_name, manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.kube.models import Outcome
    from miniapp_infra.velero.runs import Result, Server


def present(server: Server, params: Mapping[str, Any], *, check: bool, diff: bool) -> Result:
    """Have a schedule as declared, and wait until Velero has accepted it.

    Raises:
        MiniappInfraError: an option cannot be used, Velero refuses the schedule, or has not looked at it in time.
    """
    wanted = declared(params, server.namespace, server.find("Schedule", params["name"]))
    outcome = server.objects.present(wanted)
    after = outcome.after or wanted
    if params["wait"] and not check and not lookup(after, "spec", "paused"):  # Velero does not look at paused ones
        is_enabled = enabled(validation_errors(outcome.before) if outcome.changed else ())
        after = server.objects.wait(outcome.ref, is_enabled, params["wait_timeout"], outcome) or after
    return _result(outcome, after, diff=diff)


def declared(params: Mapping[str, Any], namespace: str, live: KubeObject | None) -> KubeObject:
    """Return the schedule as the options declare it.

    ``skipImmediately`` counts only when the schedule is made: Velero sets it to false as soon as it has skipped
    (``schedule_controller.go``). Afterwards it is declared as it is, whatever that is, so that it never differs.

    Raises:
        MiniappInfraError: invalid_input; names the option.
    """
    check_name(params["name"])
    cron.check(params["schedule"])
    spec: KubeObject = {"schedule": params["schedule"].strip(), "template": backup_spec(params)}
    skip = params.get("skip_immediately") if live is None else lookup(live, "spec", "skipImmediately")
    optional = {
        "paused": params.get("paused"),
        "skipImmediately": skip,
        "useOwnerReferencesInBackup": params.get("use_owner_references_in_backup"),
    }
    spec |= {field: value for field, value in optional.items() if value is not None}
    return manifest("Schedule", namespace, params["name"], spec, labels=params.get("labels") or {})


def enabled(stale: tuple[str, ...]) -> Predicate:
    """Return the rule that Velero has accepted a schedule.

    Args:
        stale: what it held against the schedule before this change, which it has not looked at yet.
    """

    def judge(obj: Any) -> Verdict:
        phase, errors = lookup(obj, "status", "phase"), validation_errors(obj)
        if phase == "Enabled":
            return READY
        if phase == "FailedValidation" and not (stale and errors == stale):
            return failed("; ".join(errors) or "it is not valid")
        return waiting(f"phase {phase}: {'; '.join(errors)}" if errors else "Velero has not looked at it yet")

    return judge


def absent(server: Server, params: Mapping[str, Any], *, diff: bool) -> Result:
    """Have no such schedule. Its backups stay.

    Raises:
        MiniappInfraError: the API server refuses it.
    """
    check_name(params["name"])
    outcome = server.objects.absent(ref("Schedule", server.namespace, params["name"]))
    return _result(outcome, outcome.before, diff=diff)


def _result(outcome: Outcome, raw: KubeObject | None, *, diff: bool) -> Result:
    result: Result = {"changed": outcome.changed}
    if raw is not None:
        result["schedule"] = schedule_result(raw)
    if diff and outcome.changed:
        result["diff"] = render(outcome.ref, outcome.before, outcome.after)
    return result


def schedule_result(raw: KubeObject) -> dict[str, Any]:
    """Return what modules report of a schedule."""
    return {
        "name": raw["metadata"]["name"],
        "schedule": lookup(raw, "spec", "schedule") or "",
        "paused": bool(lookup(raw, "spec", "paused")),
        "phase": lookup(raw, "status", "phase") or "",
        "last_backup": lookup(raw, "status", "lastBackup") or "",
        "last_skipped": lookup(raw, "status", "lastSkipped") or "",
        "validation_errors": list(validation_errors(raw)),
    }
