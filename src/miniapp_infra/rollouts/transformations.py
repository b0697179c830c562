# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done with a Rollout to bring it to a goal. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.rollouts.models import AWAITS_PROMOTION, Goal, Guard, Rollout, Strategy, parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Patch:
    """A JSON merge patch.

    Args:
        body: what changes.
        subresource: ``status``, or empty for the object itself.
    """

    body: Mapping[str, Any]
    subresource: str = ""


# The patches of `kubectl argo rollouts` (pkg/kubectl-argo-rollouts/cmd/{promote,abort,retry,restart}).
_RESUME = Patch({"status": {"pauseConditions": None}}, "status")
_PROMOTE_FULL = Patch({"status": {"promoteFull": True}}, "status")
_ABORT = Patch({"status": {"abort": True}}, "status")
_RETRY = Patch({"status": {"abort": False}}, "status")
_UNPAUSE = Patch({"spec": {"paused": False}})


def has_arrived(rollout: Rollout, goal: Goal) -> bool:
    """Whether the controller has done all that the goal asks of it, well or badly."""
    return rollout.is_settled and not (goal is Goal.RESTARTED and rollout.restart_pending)


def is_decidable(rollout: Rollout, goal: Goal) -> bool:
    """Whether it can be told by now what the goal needs.

    A promotion needs the preview to be ready. Everything else must not wait for that: an abort above all.
    """
    return rollout.is_settled if goal is Goal.PROMOTED else rollout.observed


def plan(rollout: Rollout, goal: Goal, guard: Guard, restart_at: str = "") -> tuple[Patch, ...]:
    """Return the patches that bring a decidable Rollout nearer to a goal; none when nothing has to be asked for.

    Args:
        rollout: as it is.
        goal: what it shall be.
        guard: the version that is meant.
        restart_at: RFC 3339 time, for a restart.

    Raises:
        MiniappInfraError: ``CONFLICT`` when it has another version than is meant, or is in a state that the goal cannot
            be reached from.
    """
    require_version(rollout, goal, guard)
    if goal is Goal.RESTARTED:
        return _restart(rollout, restart_at)
    if goal is Goal.ABORTED:
        return _abort(rollout)
    if goal is Goal.RETRIED:
        return _retry(rollout)
    return _promote(rollout) if goal is Goal.PROMOTED else _promote_fully(rollout)


def require_version(rollout: Rollout, goal: Goal, guard: Guard) -> None:
    """Refuse a Rollout that asks for another version than the caller means.

    Raises:
        MiniappInfraError: ``CONFLICT``.
    """
    if guard.image and guard.image not in rollout.images:
        has = ", ".join(rollout.images) or "no pod template of its own"
        raise _conflict(
            rollout,
            goal,
            f"its new version has {has}, not {guard.image}",
            "Look at what changed in Git since; where another object has the pod template, give expected_pod_hash.",
        )
    if guard.pod_hash and guard.pod_hash != rollout.current_hash:
        raise _conflict(
            rollout,
            goal,
            f"its new version has the pod hash {rollout.current_hash or '(none)'}, not {guard.pod_hash}",
            "Look at what changed in Git since, then give the hash of the version that is meant.",
        )


def require_success(rollout: Rollout, goal: Goal) -> None:
    """Refuse a Rollout that has failed on the way to its goal.

    Raises:
        MiniappInfraError: ``UPSTREAM``; ``CONFLICT`` when somebody aborted it.
    """
    if goal is Goal.ABORTED or not rollout.is_degraded:
        return
    if rollout.aborted:
        raise _conflict(rollout, goal, f"it is {rollout.describe()}", "Use state retried to go on with this version.")
    raise MiniappInfraError(
        f"Failed to {goal.verb} {rollout.ref}: it is {rollout.describe()}",
        hint="Look at the events and the pods of its newest ReplicaSet; correct the version, or revert it in Git.",
    )


def managed(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the goals are reached by, for ``diff``."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    return {
        "spec": {"paused": bool(spec.get("paused")), "restartAt": spec.get("restartAt")},
        "status": {
            "abort": bool(status.get("abort")),
            "pauseConditions": [item.get("reason") for item in status.get("pauseConditions") or ()],
            "promoteFull": bool(status.get("promoteFull")),
        },
    }


def as_result(rollout: Rollout) -> dict[str, Any]:
    """Return a Rollout as modules report it."""
    return {
        "name": rollout.ref.name,
        "namespace": rollout.ref.namespace,
        "strategy": rollout.strategy.value,
        "phase": rollout.phase,
        "message": rollout.message,
        "observed": rollout.observed,
        "finished": rollout.is_finished,
        "awaits_promotion": rollout.awaits_promotion,
        "aborted": rollout.aborted,
        "pause_reasons": list(rollout.pause_reasons),
        "paused": rollout.paused_by_hand,
        "current_pod_hash": rollout.current_hash,
        "stable_pod_hash": rollout.stable_hash,
        "active_pod_hash": rollout.active_hash,
        "preview_pod_hash": rollout.preview_hash,
        "images": list(rollout.images),
        "replicas": dict(rollout.replicas),
        "restarted_at": rollout.restarted_at,
    }


def _promote(rollout: Rollout) -> tuple[Patch, ...]:
    require_success(rollout, Goal.PROMOTED)
    if rollout.strategy is not Strategy.BLUE_GREEN:
        raise _conflict(
            rollout,
            Goal.PROMOTED,
            f"its strategy is {rollout.strategy.value or 'not given'}, and only a blue/green one has a promotion",
            "Use state fully_promoted to skip all steps of a canary.",
        )
    if rollout.phase != "Paused":
        return ()
    others = [reason for reason in rollout.pause_reasons if reason != AWAITS_PROMOTION]
    if others:
        raise _conflict(
            rollout,
            Goal.PROMOTED,
            f"it is paused because of {', '.join(others)}",
            "Look at its analysis runs; use state fully_promoted to go on regardless, or state aborted.",
        )
    resume = (_RESUME,) if rollout.pause_reasons else ()
    return (*resume, *((_UNPAUSE,) if rollout.paused_by_hand else ()))


def _promote_fully(rollout: Rollout) -> tuple[Patch, ...]:
    require_success(rollout, Goal.FULLY_PROMOTED)
    asked = rollout.promote_full or rollout.current_hash == rollout.stable_hash
    return (*(() if asked else (_PROMOTE_FULL,)), *((_UNPAUSE,) if rollout.paused_by_hand else ()))


def _abort(rollout: Rollout) -> tuple[Patch, ...]:
    if rollout.aborted or rollout.is_finished:
        return ()
    if not rollout.stable_hash:
        raise _conflict(
            rollout,
            Goal.ABORTED,
            "this is its first version, there is none to return to",
            "Correct the version in Git, or remove the service.",
        )
    return (_ABORT,)


def _retry(rollout: Rollout) -> tuple[Patch, ...]:
    if rollout.aborted:
        return (_RETRY,)
    # Asking again does not help one that failed by itself: only another version does.
    require_success(rollout, Goal.RETRIED)
    return ()


def _restart(rollout: Rollout, restart_at: str) -> tuple[Patch, ...]:
    if parse_time(rollout.restart_at) >= parse_time(restart_at):
        return ()
    return (Patch({"spec": {"restartAt": restart_at}}),)


def _conflict(rollout: Rollout, goal: Goal, reason: str, hint: str) -> MiniappInfraError:
    return MiniappInfraError(f"Failed to {goal.verb} {rollout.ref}: {reason}", code=ErrorCode.CONFLICT, hint=hint)
