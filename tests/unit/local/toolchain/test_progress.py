# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io

import pytest
from rich.console import Console

from miniapp_infra.local.toolchain.progress import Estimate, LiveReporter, PlainReporter, clock, reporter_for


def estimate() -> Estimate:
    return Estimate({"small": 60.0, "large": 600.0, "last": 240.0})


def test_first_estimate_is_the_sum() -> None:
    assert estimate().remaining() == 900


def test_estimate_follows_the_speed_of_this_machine() -> None:
    slow = estimate()
    slow.finished("small", 180)
    assert slow.factor == pytest.approx(2)
    assert slow.remaining() == pytest.approx(1680)


def test_short_first_tool_does_not_swing_the_estimate() -> None:
    made = Estimate({"tiny": 1.0, "large": 600.0})
    made.finished("tiny", 10)
    assert made.remaining() < 750


def test_running_tool_counts_down_and_never_reaches_zero() -> None:
    running = estimate()
    assert running.remaining("large", 100) == 800
    assert running.remaining("large", 10_000) == pytest.approx(60 + 30 + 240)


def test_skipped_tool_is_not_waited_for() -> None:
    made = estimate()
    made.skipped("large")
    assert made.remaining() == 300


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (754, "12:34"), (3600, "60:00")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_plain_output_has_one_line_per_event() -> None:
    sink = io.StringIO()
    reporter = PlainReporter(Console(file=sink, width=40))
    made = estimate()
    with reporter.plan(made):
        reporter.started("small", "v1")
        made.finished("small", 60)
        reporter.finished("small", "built in 1:00")
        reporter.started("large", "v2")
    assert sink.getvalue().splitlines() == [
        "Building 3 tools from source, about 15:00 min on two cores",
        "[1/3] small v1 ... (about 15:00 min left)",
        "[1/3] small: built in 1:00",
        "[2/3] large v2 ... (about 14:00 min left)",
    ]


def test_live_output_shows_position_and_estimate() -> None:
    sink = io.StringIO()
    console = Console(file=sink, force_terminal=True, width=120, no_color=True)
    reporter = LiveReporter(console)
    made = estimate()
    with reporter.plan(made):
        reporter.started("small", "v1")
        made.finished("small", 60)
        reporter.finished("small", "built in 1:00")
        reporter.started("large", "v2")
        console.print("drawn")
    text = sink.getvalue()
    assert "large v2" in text
    assert "tool 2 of 3" in text
    assert "about 1" in text
    assert "small: built in 1:00" in text


def test_terminal_decides_the_reporter() -> None:
    assert isinstance(reporter_for(Console(file=io.StringIO())), PlainReporter)
    assert isinstance(reporter_for(Console(file=io.StringIO(), force_terminal=True)), LiveReporter)
