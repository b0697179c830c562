# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks on freeze windows."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miniapp_infra.catalog.models.freeze import FreezeWindow
    from miniapp_infra.catalog.problems import Location


def well_formed(freeze_windows: tuple[FreezeWindow, ...]) -> Iterator[tuple[Location, str]]:
    """A window has one length and one name."""
    seen: set[str] = set()
    for index, window in enumerate(freeze_windows):
        location = ("freeze_windows", index)
        if window.name in seen:
            yield (*location, "name"), f"duplicate name '{window.name}'"
        seen.add(window.name)
        if window.rrule is not None and (window.end is not None or window.duration is None):
            yield (*location, "duration"), "a recurring window has rrule and duration, and no end"
        elif window.rrule is None and (window.end is None) == (window.duration is None):
            yield (*location, "end"), "a one-off window has exactly one of end and duration"
        if window.end is not None and datetime.fromisoformat(window.end) <= datetime.fromisoformat(window.start):
            yield (*location, "end"), f"must be after start ({window.start}), got '{window.end}'"


CHECKS = (well_formed,)
