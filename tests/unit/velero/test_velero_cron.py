# SPDX-License-Identifier: GPL-3.0-or-later
"""Cron expressions: what Velero's parser (github.com/robfig/cron/v3, ParseStandard) takes, and what it does not."""

from __future__ import annotations

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.velero import cron, durations


@pytest.mark.parametrize(
    "expression",
    [
        "0 2 * * *",
        "*/15 * * * *",
        "5/10 0-6,22 ? jan-jun mon-fri",
        "0 0 1,15 * SUN",
        "@daily",
        "@every 6h",
        "@every 1h30m",
        "CRON_TZ=Europe/Zurich 0 2 * * *",
        "TZ=UTC @hourly",
        "  0 2 * * 0  ",
    ],
)
def test_accepted(expression):
    cron.check(expression)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "must have 5 fields (minute, hour, day of month, month, day of week)"),
        ("0 2 * *", "must have 5 fields"),
        ("0 0 2 * * *", "must have 5 fields"),
        ("60 * * * *", "minute '60': '60' must be from 0 to 59"),
        ("* 24 * * *", "hour '24'"),
        ("* * 0 * *", "day of month '0'"),
        ("* * * 13 *", "month '13'"),
        ("* * * * 7", "day of week '7': '7' must be from 0 to 6"),
        ("* * * foo *", "month 'foo'"),
        ("* 5-2 * * *", "hour '5-2' ends before it begins"),
        ("*/0 * * * *", "the step must be a number above 0"),
        ("*/x * * * *", "the step must be a number above 0"),
        ("1,,2 * * * *", "minute ''"),
        ("-1 * * * *", "minute '-1'"),
        ("@reboot", "must be one of"),
        ("@every soon", "must be a duration"),
        ("@every 10ms", "must be at least a second"),
        ("CRON_TZ=Europe/Zurich", "has a time zone and nothing after it"),
        ("CRON_TZ=Mars/Base 0 2 * * *", "time zone 'Mars/Base' does not exist"),
        ("CRON_TZ=../../etc/passwd 0 2 * * *", "does not exist"),
    ],
)
def test_refused(expression, words):
    with pytest.raises(MiniappInfraError) as caught:
        cron.check(expression)
    assert caught.value.message.startswith("schedule: ")
    assert words in caught.value.message
    assert caught.value.code is ErrorCode.INVALID_INPUT


@pytest.mark.parametrize(
    ("text", "seconds"), [("720h", 2592000), ("1h30m", 5400), ("90s", 90), ("1.5h", 5400), ("1m0s", 60), ("0s", 0)]
)
def test_durations(text, seconds):
    assert durations.seconds_of(text, "ttl") == seconds


@pytest.mark.parametrize("text", ["", "30d", "1 h", "h", "-1h", "10", "1h,", "1hh"])
def test_what_is_no_duration(text):
    with pytest.raises(MiniappInfraError, match="ttl: must be a duration"):
        durations.seconds_of(text, "ttl")


@pytest.mark.parametrize(("text", "seconds"), [("900", 900), ("7d", 604800), ("1.5d", 129600), ("15m", 900)])
def test_ages(text, seconds):
    assert durations.seconds_or_days(text, "max_age") == seconds
