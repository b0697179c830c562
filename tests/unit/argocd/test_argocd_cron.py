# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules and durations, as Argo CD reads them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from miniapp_infra.argocd.cron import parse_duration, parse_schedule


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("0 22 * * 5", "2026-11-27T22:00", True),  # a Friday
        ("0 22 * * fri", "2026-11-27T22:00", True),
        ("0 22 * * FRI", "2026-11-28T22:00", False),
        ("0 22 * * 5", "2026-11-27T22:01", False),
        ("*/15 * * * *", "2026-11-27T03:45", True),
        ("*/15 * * * *", "2026-11-27T03:46", False),
        ("5/20 * * * *", "2026-11-27T03:45", True),
        ("5/20 * * * *", "2026-11-27T03:00", False),
        ("0 8-17/3 * * *", "2026-11-27T14:00", True),
        ("0 8-17/3 * * *", "2026-11-27T15:00", False),
        ("0 0 1,15 * *", "2026-11-15T00:00", True),
        ("0 0 ? dec ?", "2026-12-03T00:00", True),
        ("0 0 ? dec ?", "2026-11-03T00:00", False),
        # Both days are restricted: one of them is enough.
        ("0 0 1 * mon", "2026-11-30T00:00", True),
        ("0 0 1 * mon", "2026-12-01T00:00", True),
        ("0 0 1 * mon", "2026-12-02T00:00", False),
        # A star with a step restricts, one without does not.
        ("0 0 1 * *", "2026-11-30T00:00", False),
        ("0 0 */2 * mon", "2026-11-30T00:00", True),
        ("0 0 * * 0", "2026-11-29T00:00", True),
    ],
)
def test_when_a_schedule_begins(text: str, moment: str, expected: bool) -> None:  # noqa: FBT001 - a table
    at = datetime.fromisoformat(moment)
    minute = timedelta(minutes=1)
    assert parse_schedule(text).begins_between(at - minute, at + minute / 2) is expected


def test_the_ends_do_not_count() -> None:
    at = datetime(2026, 11, 27, 22)  # noqa: DTZ001 - local
    schedule = parse_schedule("0 22 * * *")
    hour = timedelta(hours=1)
    assert not schedule.begins_between(at, at + hour)
    assert not schedule.begins_between(at - hour, at)
    assert schedule.begins_between(at - hour, at + hour)
    assert schedule.begins_between(at - 400 * 24 * hour, at - 390 * 24 * hour)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "five fields"),
        ("@daily", "five fields"),
        ("0 0 * *", "five fields"),
        ("0 0 0 * * *", "five fields"),
        ("60 * * * *", "minute: must be between 0 and 59"),
        ("* 24 * * *", "hour: must be between 0 and 23"),
        ("* * 0 * *", "day of month: must be between 1 and 31"),
        ("* * * 13 *", "month: must be between 1 and 12"),
        ("* * * * 7", "day of week: must be between 0 and 6"),
        ("* * * * funday", "day of week: must be a number"),
        ("*/0 * * * *", "minute: must have a step"),
        ("*/x * * * *", "minute: must have a step"),
        ("30-10 * * * *", "minute: begins after its end"),
        ("1,,2 * * * *", "minute: must be a number"),
        ("-5 * * * *", "minute: must be a number"),
    ],
)
def test_what_is_no_schedule(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_schedule(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400), ("1h30m", 5400), ("1.5h", 5400), ("58h", 208800), ("1h0m30s", 3630), (".5h", 1800), ("100ms", 0.1)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "90", "1d", "h", "1h 30m", "-1h", "0s", "1h30"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_duration(text)
