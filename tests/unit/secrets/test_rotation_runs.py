# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is overtaken, one that was held up, and what check mode reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.secrets.rotation.plan import Rules, Step
from miniapp_infra.secrets.rotation.rotate import LONGEST_PREPARATION, MOST_ATTEMPTS, Rotation
from miniapp_infra.secrets.rotation.store import Held, Overtaken, needed

if TYPE_CHECKING:
    from collections.abc import Callable

    from miniapp_infra.secrets.rotation.ring import Ring

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
RULES = Rules("ec-p256", 40, 100, 10, 20, "auto")


@dataclass
class Memory:
    """A store in memory that is as strict as the real ones.

    Args:
        losses: how many exchanges fail.
    """

    losses: int = 0
    ring: Ring | None = None
    version: int = 0
    swaps: list[Ring] = field(default_factory=list)
    tidied: int = 0
    place: str = "secret a"

    def read(self) -> Held:
        return Held(self.ring, str(self.version), self.version)

    def swap(self, held: Held, ring: Ring, is_stale: Callable[[], bool]) -> Held:
        if is_stale() or held.guard != self.version:
            raise Overtaken
        if self.losses:
            self.losses -= 1
            raise Overtaken
        self.swaps.append(ring)
        self.ring, self.version = ring, self.version + 1
        return self.read()

    def tidy(self, held: Held, *, check_mode: bool) -> tuple[str, ...]:
        assert held.guard == self.version
        self.tidied += not check_mode
        return ()


def at(seconds: float, store: Memory, rules: Rules = RULES, stopwatch: Callable[[], float] = lambda: 0) -> Rotation:
    return Rotation(store, rules, clock=lambda: NOW + timedelta(seconds=seconds), stopwatch=stopwatch)


def test_a_whole_rotation() -> None:
    store = Memory()
    steps = [at(seconds, store).run(check_mode=False).steps for seconds in range(0, 121, 5)]
    expected = {0: (Step.CREATE,), 90: (Step.PUBLISH,), 100: (Step.PROMOTE,), 120: (Step.RETIRE,)}
    assert steps == [expected.get(seconds, ()) for seconds in range(0, 121, 5)]


def test_a_run_that_is_overtaken_starts_again_from_what_is_there() -> None:
    store = Memory(losses=2)
    outcome = at(0, store).run(check_mode=False)
    assert (outcome.steps, outcome.overtaken, len(store.swaps)) == ((Step.CREATE,), True, 1)


def test_a_run_that_is_always_overtaken_ends() -> None:
    store = Memory(losses=MOST_ATTEMPTS)
    with pytest.raises(MiniappInfraError, match=f"others changed it {MOST_ATTEMPTS} times meanwhile") as raised:
        at(0, store).run(check_mode=False)
    assert (raised.value.code, raised.value.retryable) == (ErrorCode.CONFLICT, True)
    assert store.swaps == []


def test_a_preparation_that_took_too_long_is_made_again() -> None:
    """Otherwise a key would count as published from a time at which nobody could see it."""
    store = Memory()
    moments = iter([0, LONGEST_PREPARATION + 1, 100, 100 + LONGEST_PREPARATION - 1])
    outcome = at(0, store, stopwatch=lambda: next(moments)).run(check_mode=False)
    assert (outcome.steps, outcome.overtaken) == ((Step.CREATE,), True)


def test_after_a_long_time_without_runs_the_phases_still_have_their_length() -> None:
    store = Memory()
    at(0, store).run(check_mode=False)
    assert at(10000, store).run(check_mode=False).steps == (Step.PUBLISH,)
    assert at(10009, store).run(check_mode=False).steps == ()
    assert at(10010, store).run(check_mode=False).steps == (Step.PROMOTE,)
    assert at(10029, store).run(check_mode=False).steps == ()
    assert at(10030, store).run(check_mode=False).steps == (Step.RETIRE,)


def test_without_waiting_times_all_steps_are_taken_at_once_and_each_once() -> None:
    store = Memory()
    at(0, store).run(check_mode=False)
    outcome = at(100, store, Rules("ec-p256", 40, 100, 0, 0, "auto")).run(check_mode=False)
    assert outcome.steps == (Step.PUBLISH, Step.PROMOTE, Step.RETIRE)


def test_check_mode_reports_and_changes_nothing() -> None:
    store = Memory()
    outcome = at(0, store).run(check_mode=True)
    assert outcome.steps == (Step.CREATE,)
    assert (store.ring, store.swaps, store.tidied) == (None, [], 0)


def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(MiniappInfraError, match="no_such_package is not installed") as raised:
        needed("no_such_package.part", "aws")
    assert (raised.value.code, raised.value.hint) == (ErrorCode.MISSING_TOOL, "pip install 'miniapp-infra[aws]'")
