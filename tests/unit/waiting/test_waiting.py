# SPDX-License-Identifier: GPL-3.0-or-later
"""``wait_for``, with a clock that stands still but for the pauses."""

from __future__ import annotations

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.waiting import LONGEST_PAUSE, Goal, Patience, wait_for


class Clock:
    """Advances by what is slept."""

    def __init__(self):
        self.time = 1000.0
        self.pauses = []

    def __call__(self):
        return self.time

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.time += seconds


@pytest.fixture
def clock():
    return Clock()


def patience(clock, timeout=60.0, interval=1.0):
    return Patience(timeout, interval, clock=clock, sleep=clock.sleep)


def reading(*states):
    """Return these one after the other, the last one for ever; exceptions are raised."""
    left = list(states)

    def read():
        state = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(state, Exception):
            raise state
        return state

    return read


IDLE = Goal(
    "cluster orders to be IDLE",
    is_met=lambda state: state == "IDLE",
    failure=lambda state: "it was deleted" if state == "DELETED" else "",
    describe=lambda state: f"phase {state}",
)


def test_what_is_reached_already_needs_one_look_and_no_pause(clock):
    waited = wait_for(reading("IDLE"), IDLE, patience(clock))
    assert (waited.value, waited.polls, waited.elapsed, waited.last) == ("IDLE", 1, 0, "phase IDLE")
    assert clock.pauses == []


def test_it_looks_until_the_goal_is_met_and_tells_how_long_that_took(clock):
    waited = wait_for(reading("CREATING", "UPDATING", "IDLE"), IDLE, patience(clock))
    assert waited.as_result() == {"elapsed": 2.5, "polls": 3, "last": "phase IDLE"}
    assert clock.pauses == [1.0, 1.5]


def test_pauses_grow_by_half_up_to_a_limit(clock):
    with pytest.raises(MiniappInfraError):
        wait_for(reading("CREATING"), IDLE, patience(clock, timeout=200, interval=2))
    assert clock.pauses[:4] == [2, 3, 4.5, 6.75]
    assert max(clock.pauses) == LONGEST_PAUSE
    assert clock.pauses == sorted(clock.pauses)


def test_the_time_limit_is_never_passed_and_its_error_tells_the_last_state(clock):
    with pytest.raises(MiniappInfraError) as caught:
        wait_for(reading("CREATING", "UPDATING"), IDLE, patience(clock, timeout=10))
    assert caught.value.message == "Timed out after 10 s waiting for cluster orders to be IDLE: phase UPDATING"
    assert caught.value.code is ErrorCode.TIMEOUT
    assert caught.value.retryable
    assert "again" in caught.value.hint
    assert clock.time - 1000 <= 10


def test_without_time_there_is_one_look(clock):
    assert wait_for(reading("IDLE"), IDLE, patience(clock, timeout=0)).polls == 1
    with pytest.raises(MiniappInfraError, match=r"^Timed out after 0 s .*: phase CREATING$"):
        wait_for(reading("CREATING", "IDLE"), IDLE, patience(clock, timeout=0))


def test_what_can_never_succeed_ends_the_wait_at_once(clock):
    with pytest.raises(MiniappInfraError) as caught:
        wait_for(reading("CREATING", "DELETED", "IDLE"), IDLE, patience(clock))
    assert caught.value.message == "Failed to wait for cluster orders to be IDLE: it was deleted"
    assert caught.value.code is ErrorCode.UPSTREAM
    assert not caught.value.retryable
    assert clock.pauses == [1.0]


def test_passing_errors_of_the_read_are_outlasted(clock):
    passing = MiniappInfraError("Failed to read: 503", code=ErrorCode.UNAVAILABLE, retryable=True)
    assert wait_for(reading("CREATING", passing, passing, "IDLE"), IDLE, patience(clock)).value == "IDLE"
    assert len(clock.pauses) == 3


def test_passing_errors_that_do_not_pass_are_raised_themselves(clock):
    passing = MiniappInfraError("Failed to read: 503", code=ErrorCode.UNAVAILABLE, retryable=True)
    with pytest.raises(MiniappInfraError) as caught:
        wait_for(reading("CREATING", passing), IDLE, patience(clock, timeout=10))
    assert caught.value is passing


@pytest.mark.parametrize(
    "error", [MiniappInfraError("Failed to read: 403", code=ErrorCode.FORBIDDEN), ValueError("bug")]
)
def test_other_errors_of_the_read_end_the_wait(clock, error):
    with pytest.raises(type(error)) as caught:
        wait_for(reading("CREATING", error, "IDLE"), IDLE, patience(clock))
    assert caught.value is error
    assert clock.pauses == [1.0]


def test_states_are_described_by_themselves_when_nothing_else_is_said(clock):
    goal = Goal("it", is_met=lambda state: state == 3)
    assert wait_for(reading(1, 2, 3), goal, patience(clock)).last == "3"
