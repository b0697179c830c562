# SPDX-License-Identifier: GPL-3.0-or-later
"""When a freeze window is in force."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from miniapp_infra.catalog.freeze import active
from miniapp_infra.catalog.models.freeze import FreezeWindow, parse_duration

BASE = {"timezone": "Europe/Berlin", "reason": "because", "owner": "platform"}
# Friday 16:00 to Monday 08:00.
WEEKEND = {
    "name": "weekend",
    "start": "2026-01-02T16:00:00",
    "rrule": "FREQ=WEEKLY;BYDAY=FR",
    "duration": "P2DT16H",
    **BASE,
}
YEAR_END = {"name": "year-end", "start": "2026-12-18T18:00:00", "end": "2027-01-04T08:00:00", **BASE}


def names(moment: str, *windows: dict[str, Any]) -> list[str]:
    found = active([FreezeWindow.model_validate(window) for window in windows], datetime.fromisoformat(moment))
    return [freeze.window.name for freeze in found]


@pytest.mark.parametrize(
    ("moment", "frozen"),
    [
        ("2026-12-18T17:59:59+01:00", False),
        ("2026-12-18T18:00:00+01:00", True),
        ("2026-12-18T17:00:00+00:00", True),
        ("2027-01-04T07:59:59+01:00", True),
        ("2027-01-04T08:00:00+01:00", False),
    ],
)
def test_one_off(moment: str, *, frozen: bool) -> None:
    assert names(moment, YEAR_END) == (["year-end"] if frozen else [])


@pytest.mark.parametrize(
    ("moment", "frozen"),
    [
        ("2026-01-02T15:59:00+01:00", False),
        ("2026-01-02T16:00:00+01:00", True),
        ("2026-01-05T07:59:00+01:00", True),
        ("2026-01-05T08:00:00+01:00", False),
        ("2026-01-07T12:00:00+01:00", False),
        # In summer the wall clock stays: 16:00 in Berlin is 14:00 UTC instead of 15:00.
        ("2026-07-03T13:59:00+00:00", False),
        ("2026-07-03T14:00:00+00:00", True),
        # Before its first occurrence a recurring window does not exist.
        ("2025-12-27T12:00:00+01:00", False),
    ],
)
def test_recurring(moment: str, *, frozen: bool) -> None:
    assert names(moment, WEEKEND) == (["weekend"] if frozen else [])


def test_one_off_with_a_duration() -> None:
    window = {**YEAR_END, "end": None, "duration": "PT30M"}

    assert names("2026-12-18T18:29:00+01:00", window) == ["year-end"]
    assert names("2026-12-18T18:30:00+01:00", window) == []


def test_the_one_that_lasts_longest_comes_first() -> None:
    assert names("2026-12-19T12:00:00+01:00", WEEKEND, YEAR_END) == ["year-end", "weekend"]


def test_message_says_until_when_and_why() -> None:
    (freeze,) = active([FreezeWindow.model_validate(YEAR_END)], datetime(2026, 12, 24, tzinfo=UTC))

    assert str(freeze) == "year-end until 2027-01-04T08:00:00+01:00 (because; owner platform)"


def test_a_moment_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        active([], datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake that is tested


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "1D", "P1W", "PT0H"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration(text)
