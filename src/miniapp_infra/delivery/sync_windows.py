# SPDX-License-Identifier: GPL-3.0-or-later
"""Freeze windows as sync windows of an AppProject, so that Argo CD keeps still as well.

Argo CD knows cron schedules only. A recurrence that cron can say exactly becomes one schedule; any other, and a one-off
window, becomes its next occurrences, rendered again by each convergence. A cron date without a year would come back
every year: an occurrence that is over is left out by the next convergence.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from dateutil import rrule, tz

from miniapp_infra.catalog.models.freeze import FreezeWindow, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# cron counts the days of the week from Sunday; RFC 5545 names them.
_WEEKDAYS = {"SU": 0, "MO": 1, "TU": 2, "WE": 3, "TH": 4, "FR": 5, "SA": 6}
_CRON_WEEKDAY_OF_MONDAY = 1
_HORIZON = timedelta(days=90)
_MOST_OCCURRENCES = 20


def sync_windows(windows: Iterable[FreezeWindow], now: datetime) -> list[dict[str, Any]]:
    """Return the deny windows for all applications of a project.

    Args:
        windows: of the inventory.
        now: with a time zone; occurrences that ended before are left out.
    """
    return [rendered for window in windows for rendered in _render(window, now)]


def _render(window: FreezeWindow, now: datetime) -> Iterator[dict[str, Any]]:
    # Wall clock of the window, as in the catalogue: a window begins at the same hour in summer and winter.
    local = now.astimezone(tz.gettz(window.timezone)).replace(tzinfo=None)
    start = datetime.fromisoformat(window.start)
    schedule = _cron(window, start) if start <= local else None
    if schedule is not None:
        yield _deny(window, schedule, _duration(window, start))
        return
    for occurrence in _occurrences(window, start, local):
        yield _deny(
            window,
            f"{occurrence.minute} {occurrence.hour} {occurrence.day} {occurrence.month} *",
            _duration(window, occurrence),
        )


def _deny(window: FreezeWindow, schedule: str, duration: timedelta) -> dict[str, Any]:
    hours, minutes = divmod(int(duration.total_seconds()) // 60, 60)
    return {
        "kind": "deny",
        "schedule": schedule,
        "duration": f"{hours}h{minutes}m",
        "applications": ["*"],
        "manualSync": False,
        "timeZone": window.timezone,
        "description": f"{window.name}: {window.reason} (owner {window.owner})",
    }


def _duration(window: FreezeWindow, start: datetime) -> timedelta:
    if window.end is not None:
        return datetime.fromisoformat(window.end) - start
    return parse_duration(window.duration) if window.duration else timedelta()


def _occurrences(window: FreezeWindow, start: datetime, local: datetime) -> Iterator[datetime]:
    """Yield the occurrences that are not over and begin before the horizon."""
    duration = _duration(window, start)
    if window.rrule is None:
        found: Iterable[datetime] = [start]
    else:
        found = rrule.rrulestr(window.rrule, dtstart=start).xafter(local - duration, inc=False)
    current = (moment for moment in found if moment + duration > local)
    for moment in islice(current, _MOST_OCCURRENCES):
        if moment > local + _HORIZON:
            return
        yield moment


def _cron(window: FreezeWindow, start: datetime) -> str | None:
    """Return the cron schedule that means exactly the window's rule, None when there is none."""
    if window.rrule is None:
        return None
    rule = dict(part.split("=", 1) for part in window.rrule.upper().removeprefix("RRULE:").split(";"))
    rule.pop("WKST", None)  # matters only together with an interval
    frequency, interval = rule.pop("FREQ"), rule.pop("INTERVAL", "1")
    days, month_days, months = (rule.pop(key, "") for key in ("BYDAY", "BYMONTHDAY", "BYMONTH"))
    weekdays = [_WEEKDAYS.get(day) for day in days.split(",") if day]
    # What is left (COUNT, UNTIL, BYSETPOS ...), "the second Tuesday" and "the last day" have no place in cron.
    if rule or interval != "1" or None in weekdays or "-" in month_days:
        return None
    # cron joins a day of the month and a day of the week by "or", RFC 5545 by "and".
    if weekdays and (month_days or frequency in {"MONTHLY", "YEARLY"}):
        return None
    day_of_week = ",".join(sorted(str(day) for day in weekdays)) or "*"
    if frequency == "WEEKLY" and not weekdays and not month_days:
        day_of_week = str((start.weekday() + _CRON_WEEKDAY_OF_MONDAY) % 7)
    if frequency == "YEARLY":
        months = months or str(start.month)
    if frequency in {"MONTHLY", "YEARLY"}:
        month_days = month_days or str(start.day)
    if frequency not in {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}:
        return None
    return f"{start.minute} {start.hour} {month_days or '*'} {months or '*'} {day_of_week}"
