# SPDX-License-Identifier: GPL-3.0-or-later
"""Freeze windows as cron schedules, compared with the catalogue's own answer to "is it frozen now"."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dateutil import tz

from miniapp_infra.catalog import freeze
from miniapp_infra.catalog.models.freeze import FreezeWindow
from miniapp_infra.delivery.sync_windows import sync_windows

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def window(**changes):
    options = {
        "name": "w",
        "start": "2026-01-05T22:30:00",
        "duration": "PT4H",
        "timezone": "UTC",
        "reason": "r",
        "owner": "o",
        **changes,
    }
    return FreezeWindow(**options)


@pytest.mark.parametrize(
    ("rule", "schedule"),
    [
        ("FREQ=DAILY", "30 22 * * *"),
        ("RRULE:FREQ=DAILY;BYMONTH=12", "30 22 * 12 *"),
        ("FREQ=DAILY;BYDAY=SA,SU", "30 22 * * 0,6"),
        ("FREQ=WEEKLY", "30 22 * * 1"),
        ("FREQ=WEEKLY;BYDAY=FR;WKST=MO", "30 22 * * 5"),
        ("FREQ=MONTHLY", "30 22 5 * *"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", "30 22 1,15 * *"),
        ("FREQ=YEARLY", "30 22 5 1 *"),
        ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24", "30 22 24 12 *"),
    ],
)
def test_what_cron_can_say_is_one_schedule(rule, schedule):
    (rendered,) = sync_windows([window(rrule=rule)], NOW)
    assert rendered["schedule"] == schedule
    assert rendered["duration"] == "4h0m"


RULES = [
    "FREQ=DAILY",
    "FREQ=DAILY;BYDAY=SA,SU",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=WEEKLY",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR",
    "FREQ=WEEKLY;BYDAY=MO;BYMONTH=12",
    "FREQ=MONTHLY;BYDAY=2TU",
    "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=DAILY;UNTIL=20261201T000000",
    "FREQ=WEEKLY;COUNT=3",
    "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24",
]


def cron_matches(schedule, moment):
    fields = zip(
        schedule.split(),
        (moment.minute, moment.hour, moment.day, moment.month, moment.isoweekday() % 7),
        strict=True,
    )
    return all(field == "*" or str(value) in field.split(",") for field, value in fields)


def blocked(rendered, moment):
    """Evaluate rendered windows as Argo CD does: did one begin within its duration before now."""
    for item in rendered:
        hours, minutes = item["duration"].removesuffix("m").split("h")
        local = moment.astimezone(tz.gettz(item["timeZone"]))
        # Only moments with the schedule's minute can be starts.
        first = (local.minute - int(item["schedule"].split()[0])) % 60
        starts = (local - timedelta(minutes=back) for back in range(first, int(hours) * 60 + int(minutes), 60))
        if any(cron_matches(item["schedule"], start) for start in starts):
            return True
    return False


@pytest.mark.parametrize("zone", ["UTC", "Asia/Bangkok"])
@pytest.mark.parametrize("rule", RULES)
def test_same_answer_as_the_catalogue(rule, zone):
    given = window(rrule=rule, timezone=zone)
    rendered = sync_windows([given], NOW)
    # Odd minutes, so that no look falls on the edge of a window.
    for step in range(0, 24 * 40, 5):
        moment = NOW + timedelta(hours=step, minutes=7)
        assert blocked(rendered, moment) == bool(freeze.active([given], moment)), moment


def test_one_off_in_force_and_in_the_future():
    (running,) = sync_windows([window(start="2026-11-22T10:15:00", end="2026-11-22T13:45:00", duration=None)], NOW)
    assert (running["schedule"], running["duration"]) == ("15 10 22 11 *", "3h30m")
    assert len(sync_windows([window(start="2026-12-20T00:00:00")], NOW)) == 1


def test_over_is_left_out():
    assert sync_windows([window(start="2026-11-22T00:00:00")], NOW) == []


def test_far_away_is_left_to_a_later_convergence():
    assert sync_windows([window(start="2027-06-01T00:00:00")], NOW) == []


def test_recurrence_that_has_not_begun_does_not_block_before():
    rendered = sync_windows([window(start="2026-12-10T22:30:00", rrule="FREQ=DAILY")], NOW)
    assert not blocked(rendered, datetime(2026, 11, 25, 23, 0, tzinfo=UTC))
    assert blocked(rendered, datetime(2026, 12, 11, 23, 0, tzinfo=UTC))
