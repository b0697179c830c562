# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the steps that a key ring needs, each as one exchange, and starts again from what others did meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.secrets.rotation.plan import Rules, Step, step_for
from miniapp_infra.secrets.rotation.ring import Key, Ring, promote, publish, retire
from miniapp_infra.secrets.rotation.store import Held, Overtaken

if TYPE_CHECKING:
    from collections.abc import Callable

    from miniapp_infra.secrets.rotation.store import Store

MOST_ATTEMPTS = 5
"""How often a run that was overtaken starts again."""
LONGEST_PREPARATION = 30.0
"""Seconds after which the times in a prepared ring are too old: a key would count as published before it is."""


@dataclass(frozen=True)
class Outcome:
    """What a run did, or in check mode would do.

    Attributes:
        before: the ring at the start.
        held: the ring at the end; in check mode with keys that were made up.
        steps: in their order.
        tidied: what was mended or removed beside the ring.
        overtaken: whether another run was faster at least once.
    """

    before: Held
    held: Held
    steps: tuple[Step, ...]
    tidied: tuple[str, ...]
    overtaken: bool


@dataclass
class Rotation:
    """One run.

    Args:
        store: where the ring is.
        rules: what is wanted.
        clock: the time, for ages.
        stopwatch: seconds, for how long a change takes.
    """

    store: Store
    rules: Rules
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False)
    stopwatch: Callable[[], float] = field(default=time.monotonic, repr=False)

    def run(self, *, check_mode: bool) -> Outcome:
        """Take all steps that are due, each at most once.

        Raises:
            MiniappInfraError: a step that was asked for is refused; conflict, when others are faster again and again;
                or the store refused something.
        """
        before = held = self.store.read()
        steps: list[Step] = []
        lost = 0
        while step := self._due(held.ring, steps):
            started = self.stopwatch()
            ring = self._changed(held.ring, step)
            try:
                held = self._swapped(held, ring, started, check_mode=check_mode)
            except Overtaken as error:
                lost += 1
                if lost == MOST_ATTEMPTS:
                    raise MiniappInfraError(
                        f"Failed to rotate {self.store.place}: others changed it {lost} times meanwhile",
                        code=ErrorCode.CONFLICT,
                        retryable=True,
                        hint="Is it rotated from several places?",
                    ) from error
                held = self.store.read()
                continue
            steps.append(step)
        # In check mode the exchange was not made, so there is nothing yet to be tidied after it.
        tidied = () if check_mode and steps else self.store.tidy(held, check_mode=check_mode)
        return Outcome(before, held, tuple(steps), tidied, lost > 0)

    def _due(self, ring: Ring | None, steps: list[Step]) -> Step | None:
        if steps and self.rules.phase != "auto":
            return None
        step = step_for(ring, self.rules, self.clock(), self.store.place)
        return None if step in steps else step

    def _changed(self, ring: Ring | None, step: Step) -> Ring:
        now = self.clock()
        if ring is None:
            return Ring(self._new_key(now))
        if step is Step.PUBLISH:
            return publish(ring, self._new_key(now))
        return promote(ring, now) if step is Step.PROMOTE else retire(ring, self.rules.overlap, now)

    def _new_key(self, now: datetime) -> Key:
        return Key.generate(self.rules.generator, self.rules.password_length, now)

    def _swapped(self, held: Held, ring: Ring, started: float, *, check_mode: bool) -> Held:
        if check_mode:
            return replace(held, ring=ring)
        return self.store.swap(held, ring, lambda: self.stopwatch() - started > LONGEST_PREPARATION)
