# SPDX-License-Identifier: GPL-3.0-or-later
"""Which freeze window covers a moment, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from dateutil import rrule, tz

from miniapp_infra.catalog.models.freeze import FreezeWindow, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Freeze:
    """A window that is in force.

    Args:
        window: the window of the inventory.
        until: when this occurrence ends, in the window's time zone.
    """

    window: FreezeWindow
    until: datetime

    def __str__(self) -> str:
        return f"{self.window.name} until {self.until.isoformat()} ({self.window.reason}; owner {self.window.owner})"


def active(windows: Iterable[FreezeWindow], moment: datetime) -> tuple[Freeze, ...]:
    """Return the windows in force at ``moment``, the one that ends last first.

    A window includes its start and excludes its end.

    Raises:
        ValueError: ``moment`` has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("the moment needs a time zone")
    found = [freeze for window in windows if (freeze := _freeze(window, moment)) is not None]
    return tuple(sorted(found, key=lambda freeze: freeze.until, reverse=True))


def _freeze(window: FreezeWindow, moment: datetime) -> Freeze | None:
    zone = tz.gettz(window.timezone)
    if zone is None:
        raise ValueError(f"freeze window {window.name}: the time zone {window.timezone} is not known on this machine")
    start = _latest_start(window, moment, zone)
    if start is None:
        return None
    until = _end(window, start, zone)
    return Freeze(window, until) if moment < until else None


def _latest_start(window: FreezeWindow, moment: datetime, zone: tzinfo) -> datetime | None:
    """Return the last occurrence that is not after ``moment``, as a local time without zone."""
    first = datetime.fromisoformat(window.start)
    local = moment.astimezone(zone).replace(tzinfo=None)
    if window.rrule is None:
        return first if first <= local else None
    # Recurrence is computed on local times: RFC 5545 section 3.3.10 keeps the wall clock across daylight saving.
    return rrule.rrulestr(window.rrule, dtstart=first).before(local, inc=True)


def _end(window: FreezeWindow, start: datetime, zone: tzinfo) -> datetime:
    if window.end is not None:
        return datetime.fromisoformat(window.end).replace(tzinfo=zone)
    length = parse_duration(window.duration) if window.duration else timedelta()
    return (start + length).replace(tzinfo=zone)
