# SPDX-License-Identifier: GPL-3.0-or-later
"""When a Rollout has got as far as somebody waits for, as rules for the wait by watching."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miniapp_infra.kube.predicates import READY, Predicate, Verdict, waiting
from miniapp_infra.rollouts.models import Goal, Rollout
from miniapp_infra.rollouts.transformations import has_arrived, is_decidable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def decidable(goal: Goal) -> Predicate:
    """Return the rule that what the goal needs can be told."""
    return _rule(lambda rollout: is_decidable(rollout, goal))


def settled() -> Predicate:
    """Return the rule that the controller has nothing left to do: healthy, paused, degraded or aborted."""
    return _rule(lambda rollout: rollout.is_settled)


def arrived(goal: Goal) -> Predicate:
    """Return the rule that the controller has done all that the goal asks of it, well or badly."""
    return _rule(lambda rollout: has_arrived(rollout, goal))


def _rule(is_met: Callable[[Rollout], bool]) -> Predicate:
    def check(obj: Mapping[str, Any]) -> Verdict:
        rollout = Rollout.from_api(obj)
        return READY if is_met(rollout) else waiting(f"is {rollout.describe()}")

    return check
