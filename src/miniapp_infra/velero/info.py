# SPDX-License-Identifier: GPL-3.0-or-later
"""How old the newest good backup is, and whether that meets the recovery point objective."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from miniapp_infra.velero import durations
from miniapp_infra.velero.errors import RunError
from miniapp_infra.velero.models import SCHEDULE_LABEL, Run, count
from miniapp_infra.velero.transformations import backup_result, label_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from miniapp_infra.velero.runs import Result, Server


def backup_info(server: Server, params: Mapping[str, Any], now: dt.datetime | None = None) -> Result:
    """Return backups, newest first, and the age of the newest good one.

    Args:
        server: the Velero to ask.
        params: of the module.
        now: replaced in tests.

    Raises:
        RunError: the newest good backup is older than ``max_age``, or there is none; carries the same result.
    """
    limit = durations.seconds_or_days(params["max_age"], "max_age") if params.get("max_age") else None
    moment = now or dt.datetime.now(dt.UTC)
    selected = _selected(server, params)
    good = [run for run in selected if run.is_over and not run.failure(accept_partial=params["accept_partial"])]
    newest = max(good, key=lambda run: run.started_at, default=None)
    age = newest.age(moment) if newest is not None else None
    result: Result = {
        "changed": False,
        "backups": [backup_result(run) for run in sorted(selected, key=_when, reverse=True)],
        "latest_successful": {
            name: {**backup_result(run), "age_seconds": run.age(moment)} for name, run in _by_schedule(good).items()
        },
        "age_seconds": age,
    }
    if limit is None:
        return result
    result |= {"max_age_seconds": limit, "rpo_met": age is not None and age <= limit}
    if not result["rpo_met"] and params["fail_on_rpo"]:
        raise RunError(
            f"Failed to meet the recovery point objective{_of(params)}: {_reason(newest, age, limit, len(selected))}",
            result,
            hint="Look at the schedule, at the phases of the last backups, and at the storage location.",
        )
    return result


def _selected(server: Server, params: Mapping[str, Any]) -> list[Run]:
    if name := params.get("name"):
        raw = server.find("Backup", name)
        return [] if raw is None else [Run.from_api(raw)]
    schedule = params.get("schedule")
    return server.runs("Backup", f"{SCHEDULE_LABEL}={label_value(schedule)}" if schedule else "")


def _by_schedule(good: Iterable[Run]) -> dict[str, Run]:
    """Return the newest backup of each schedule; under an empty name that of those without one."""
    newest: dict[str, Run] = {}
    for run in sorted(good, key=_when):
        newest[run.schedule] = run
    return newest


def _when(run: Run) -> tuple[str, str]:
    return run.started_at, run.name


def _of(params: Mapping[str, Any]) -> str:
    for option in ("name", "schedule"):
        if params.get(option):
            return f" of {option} {params[option]}" if option == "schedule" else f" by Backup {params[option]}"
    return ""


def _reason(newest: Run | None, age: float | None, limit: float, number: int) -> str:
    if newest is None or age is None:
        return f"there is no successful backup, only {count(number, 'other')}" if number else "there is no backup"
    return f"{newest.name} began {age:.0f} s ago, and at most {limit:.0f} s are allowed"
