# SPDX-License-Identifier: GPL-3.0-or-later
"""When a request is sent again, and how long in all."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import tenacity

from miniapp_infra.kube.errors import ApiError, KubeError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """How patient the client is.

    Args:
        timeout: seconds in which a request is repeated; long enough for an API server to restart.
        first_contact: the same as long as the server has never answered, because then the address is more likely wrong.
        base: seconds before the first repetition; doubles each time.
        cap: the most seconds between two repetitions.
        sleep: replaced in tests.
    """

    timeout: float = 60.0
    first_contact: float = 8.0
    base: float = 0.2
    cap: float = 5.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def call(self, function: Callable[[], T], *, answered: Callable[[], bool] = lambda: True) -> T:
        """Call the function until it succeeds, fails for good, or the time is over.

        Args:
            function: must be safe to repeat. All of ours are: reads, server-side apply, delete by name, dry run.
            answered: whether the server has ever answered.

        Raises:
            KubeError: the last failure.
        """

        def is_over(state: tenacity.RetryCallState) -> bool:
            limit = self.timeout if answered() else min(self.timeout, self.first_contact)
            return (state.seconds_since_start or 0) + state.upcoming_sleep > limit

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, KubeError) and error.retryable),
            wait=self._pause,
            stop=is_over,
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(function)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, ApiError) and error.retry_after is not None:
            # A little more than asked for, and not the same for every client that was turned away at this moment.
            return error.retry_after + random.uniform(0, self.base)  # noqa: S311 - jitter needs no secrecy
        ceiling = min(self.cap, self.base * 2 ** (state.attempt_number - 1))
        return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter needs no secrecy
