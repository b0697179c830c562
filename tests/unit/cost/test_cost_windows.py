# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows in OpenCost's words: the rules of OpenCost, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miniapp_infra.cost.windows import WORDS, parse_window
from miniapp_infra.errors import ErrorCode, MiniappInfraError

NOW = datetime(2026, 11, 24, 12, 34, 56, tzinfo=UTC)  # a Tuesday


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("today", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"),
        ("yesterday", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"),
        ("week", "2026-11-22T00:00:00Z", "2026-11-24T12:34:56Z"),
        ("lastweek", "2026-11-15T00:00:00Z", "2026-11-22T00:00:00Z"),
        ("month", "2026-11-01T00:00:00Z", "2026-11-24T12:34:56Z"),
        ("lastmonth", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("1d", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"),
        ("7d", "2026-11-18T00:00:00Z", "2026-11-25T00:00:00Z"),
        ("1w", "2026-11-18T00:00:00Z", "2026-11-25T00:00:00Z"),
        ("12h", "2026-11-24T01:00:00Z", "2026-11-24T13:00:00Z"),
        ("30m", "2026-11-24T12:05:00Z", "2026-11-24T12:35:00Z"),
        ("2026-11-01T00:00:00Z,2026-11-01T06:00:00+05:00", "2026-11-01T00:00:00Z", "2026-11-01T01:00:00Z"),
        ("2026-11-01T00:00:00Z, 2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"),
    ],
)
def test_windows(text, start, end):
    assert str(parse_window(text, NOW)) == f"{start},{end}"


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "7", "d", "0d", "-1d", "7y", "1.5h", "7d ", "1693526400,1693612800", "2026-11-01,2026-11-02", ","],
)
def test_what_opencost_would_answer_with_an_error_and_a_result_is_never_asked(text):
    with pytest.raises(MiniappInfraError, match=r"^window: must ") as caught:
        parse_window(text, NOW)
    assert caught.value.code is ErrorCode.INVALID_INPUT


@pytest.mark.parametrize("end", ["2026-11-01T00:00:00Z", "2026-10-31T00:00:00Z"])
def test_an_empty_window_is_refused(end):
    with pytest.raises(MiniappInfraError, match=r"^window: the end .* must be after the start"):
        parse_window(f"2026-11-01T00:00:00Z,{end}", NOW)


def test_a_week_begins_on_sunday_also_on_sunday():
    sunday = datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert str(parse_window("week", sunday)) == "2026-11-22T00:00:00Z,2026-11-22T08:00:00Z"


@given(
    st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants it so
    st.sampled_from([*WORDS, "1m", "59m", "24h", "31d", "5w"]),
)
def test_a_window_is_never_empty_and_never_in_the_future(now, text):
    if text in {"week", "month"} and now == now.replace(hour=0, minute=0, second=0, microsecond=0):
        now += timedelta(microseconds=1)
    window = parse_window(text, now)
    assert window.start < window.end <= now + timedelta(days=1)
    assert window.start <= now
