# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for what has to be asked again and again: the clouds and other APIs that offer no watch.

Kubernetes objects are watched instead (``miniapp_infra.kube.wait``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import tenacity

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

LONGEST_PAUSE = 15.0
"""Seconds between two looks at most: what takes hours is still noticed soon."""


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often to look.

    Args:
        timeout: seconds in all.
        interval: seconds before the second look; grows by half each time up to ``LONGEST_PAUSE``.
        clock: replaced in tests.
        sleep: replaced in tests.
    """

    timeout: float
    interval: float = 1.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)


@dataclass(frozen=True)
class Goal(Generic[T]):
    """What a wait is for.

    Args:
        description: completes "Timed out after 10 s waiting for ...", such as "cluster orders to be IDLE".
        is_met: whether nothing is left to wait for.
        failure: why it never will be met; empty as long as it may.
        describe: the last phase and message, for the error of a timeout.
    """

    description: str
    is_met: Callable[[T], bool]
    failure: Callable[[T], str] = lambda _: ""
    describe: Callable[[T], str] = str


@dataclass(frozen=True)
class Waited(Generic[T]):
    """How a wait ended.

    Attributes:
        value: what was read last.
        elapsed: seconds.
        polls: number of looks.
        last: the last phase and message.
    """

    value: T
    elapsed: float
    polls: int
    last: str

    def as_result(self) -> dict[str, Any]:
        """Return what modules report under ``wait``."""
        return {"elapsed": round(self.elapsed, 3), "polls": self.polls, "last": self.last}


def wait_for(read: Callable[[], T], goal: Goal[T], patience: Patience) -> Waited[T]:
    """Read until a goal is met.

    Args:
        read: returns the present state. Its errors end the wait, unless they are retryable and time is left.
        goal: what to wait for.
        patience: how long.

    Raises:
        MiniappInfraError: ``TIMEOUT``, with what was seen last; ``UPSTREAM``, when the goal can no longer be met; or
            the last error of ``read``.
    """
    start = patience.clock()
    looks: list[T] = []

    def look() -> T:
        value = read()
        looks.append(value)
        if reason := goal.failure(value):
            raise MiniappInfraError(f"Failed to wait for {goal.description}: {reason}")
        return value

    def is_over(state: tenacity.RetryCallState) -> bool:
        return patience.clock() - start + state.upcoming_sleep > patience.timeout

    passing = tenacity.retry_if_exception(lambda error: isinstance(error, MiniappInfraError) and error.retryable)
    retrying = tenacity.Retrying(
        retry=passing | tenacity.retry_if_result(lambda value: not goal.is_met(value)),
        wait=tenacity.wait_exponential(multiplier=patience.interval, exp_base=1.5, max=LONGEST_PAUSE),
        stop=is_over,
        sleep=patience.sleep,
    )
    try:
        value: T = retrying(look)
    except tenacity.RetryError as error:
        attempt = error.last_attempt
        if attempt.failed:
            failure = attempt.exception()
            assert failure is not None  # noqa: S101 - a failed attempt has one
            raise failure from error
        raise MiniappInfraError(
            f"Timed out after {patience.timeout:g} s waiting for {goal.description}: {goal.describe(attempt.result())}",
            code=ErrorCode.TIMEOUT,
            retryable=True,
            hint="It goes on by itself; running it again continues to wait.",
        ) from error
    return Waited(value, patience.clock() - start, len(looks), goal.describe(value))
