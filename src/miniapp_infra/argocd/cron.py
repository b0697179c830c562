# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules and durations of sync windows, as Argo CD reads them.

It parses schedules with github.com/robfig/cron (five fields, no descriptors such as ``@daily``) and durations with Go's
``time.ParseDuration``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from miniapp_infra.cron import FIELDS

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


@dataclass(frozen=True)
class Schedule:
    """When a window begins.

    Args:
        minutes: of the hour.
        hours: of the day.
        days: of the month.
        months: of the year.
        weekdays: zero is Sunday.
        either_day: day of month and day of week are both restricted, so that one of them is enough (crontab(5)).
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def has_day(self, moment: datetime) -> bool:
        """Whether a window can begin on the day of this moment."""
        in_month = moment.day in self.days
        in_week = (moment.weekday() + 1) % 7 in self.weekdays
        return moment.month in self.months and ((in_month or in_week) if self.either_day else (in_month and in_week))

    def begins_between(self, start: datetime, end: datetime) -> bool:
        """Whether a window begins after ``start`` and before ``end``; both without a time zone."""
        day = datetime(start.year, start.month, start.day)  # noqa: DTZ001 - both are local times of the window
        while day < end:
            if self.has_day(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        if start < day + timedelta(hours=hour, minutes=minute) < end:
                            return True
            day += timedelta(days=1)
        return False


def parse_schedule(text: str) -> Schedule:
    """Read a schedule.

    Raises:
        ValueError: says what is wrong with which field.
    """
    fields = text.split()
    if len(fields) != len(FIELDS):
        raise ValueError(f"must have five fields (minute, hour, day of month, month, day of week), got {text!r}")
    values: list[frozenset[int]] = []
    stars: list[bool] = []
    for field, (name, low, high, names) in zip(fields, FIELDS, strict=True):
        numbers: set[int] = set()
        star = False
        for part in field.split(","):
            found, is_star = _range(part, name, low, high, names)
            numbers |= found
            star = star or is_star
        values.append(frozenset(numbers))
        stars.append(star)
    minutes, hours, days, months, weekdays = values
    return Schedule(minutes, hours, days, months, weekdays, either_day=not stars[2] and not stars[4])


def parse_duration(text: str) -> timedelta:
    """Read a duration such as ``1h30m``.

    Raises:
        ValueError: it is none, or not longer than nothing.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"must be a duration such as 90m or 1h30m, got {text!r}")
    total = timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    if total <= timedelta(0):
        raise ValueError(f"must be longer than nothing, got {text!r}")
    return total


def _range(part: str, name: str, low: int, high: int, names: dict[str, int]) -> tuple[set[int], bool]:
    """Read ``*``, ``n``, ``n-m`` or one of them with ``/step``; also tell whether it leaves the field unrestricted."""
    span, slash, step_text = part.partition("/")
    first, dash, last = span.partition("-")
    is_star = span in {"*", "?"}
    if is_star:
        start, end = low, high
    else:
        start = _number(first, name, names)
        end = _number(last, name, names) if dash else start
        if slash and not dash:
            end = high  # "5/10" begins at 5
    step = 1
    if slash:
        if not step_text.isdigit() or int(step_text) == 0:
            raise ValueError(f"{name}: must have a step of at least 1, got {part!r}")
        step = int(step_text)
    if start < low or end > high:
        raise ValueError(f"{name}: must be between {low} and {high}, got {part!r}")
    if start > end:
        raise ValueError(f"{name}: begins after its end: {part!r}")
    return set(range(start, end + 1, step)), is_star and step == 1


def _number(text: str, name: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not text.isdigit():
        raise ValueError(f"{name}: must be a number, a range or *, got {text!r}")
    return int(text)
