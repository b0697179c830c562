# SPDX-License-Identifier: GPL-3.0-or-later
"""Read Rollouts, and bring one to a goal."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.errors import ApiError, WaitTimeoutError
from miniapp_infra.kube.objects import ObjectRef, lookup
from miniapp_infra.rollouts import waiters
from miniapp_infra.rollouts.models import API_VERSION, HASH_LABEL, KIND, Goal, Guard, Rollout
from miniapp_infra.rollouts.transformations import (
    Patch,
    has_arrived,
    is_decidable,
    plan,
    require_success,
    require_version,
)

if TYPE_CHECKING:
    from miniapp_infra.kube.custom import CustomObjects
    from miniapp_infra.kube.predicates import Predicate

ATTEMPTS = 10
"""Rounds of looking and asking: one is enough, unless somebody else changes the Rollout at the same time."""

SHORTEST_LOOK = 1.0
"""Seconds. Less does not reach the server and back, and an error without the last phase helps nobody."""


@dataclass(frozen=True)
class Ensured:
    """What was done with a Rollout.

    Args:
        changed: whether something was asked for, or would be in check mode.
        before: the Rollout when it was read first.
        after: the Rollout as it was seen last.
    """

    changed: bool
    before: Rollout
    after: Rollout


def find_rollout(objects: CustomObjects, namespace: str, name: str) -> Rollout | None:
    """Return a Rollout, None when there is none.

    Raises:
        KubeError: the server does not have the kind, or does not answer.
    """
    raw = objects.get(_ref(namespace, name))
    return None if raw is None else Rollout.from_api(raw)


def list_rollouts(objects: CustomObjects, namespace: str = "", labels: str = "") -> list[Rollout]:
    """Return the Rollouts of a namespace, or of all of them, by name."""
    return [Rollout.from_api(raw) for raw in objects.list(API_VERSION, KIND, namespace, labels)]


def refusal(objects: CustomObjects, rollout: Rollout) -> str:
    """Return why the new version gets no ReplicaSet or no pods, such as a refusal by admission; empty when it does.

    Of its pods the Rollout itself only says that they are missing.
    """
    if rollout.not_created:
        return rollout.not_created
    if not rollout.current_hash:
        return ""
    try:
        sets = objects.list("apps/v1", "ReplicaSet", rollout.ref.namespace, f"{HASH_LABEL}={rollout.current_hash}")
    except MiniappInfraError as error:
        if error.code is not ErrorCode.FORBIDDEN:
            raise
        return ""
    owner = lookup(rollout.raw, "metadata", "uid")
    for item in sets:
        if any(reference.get("uid") == owner for reference in item["metadata"].get("ownerReferences") or ()):
            for condition in lookup(item, "status", "conditions") or ():
                if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
                    return f"ReplicaSet {item['metadata']['name']}: {condition.get('message', '')}"
    return ""


def wait_until_settled(objects: CustomObjects, namespace: str, name: str, timeout: float) -> Rollout:
    """Wait until a Rollout is healthy, waits for its promotion, or has failed.

    Args:
        objects: of the server.
        namespace: of the Rollout.
        name: of the Rollout, which may not exist yet.
        timeout: seconds.

    Raises:
        WaitTimeoutError: names the last phase and message, and a refusal of its pods.
    """
    return _wait(objects, _ref(namespace, name), waiters.settled(), time.monotonic() + timeout)


def ensure(
    objects: CustomObjects,
    namespace: str,
    name: str,
    goal: Goal,
    guard: Guard,
    *,
    restart_at: str = "",
    timeout: float | None = None,
) -> Ensured:
    """Bring a Rollout to a goal.

    Each patch names the resource version that was judged, so that nothing is promoted that was not looked at.

    Args:
        objects: of the server; with its option ``check`` nothing is changed.
        namespace: of the Rollout.
        name: of the Rollout.
        goal: what it shall be.
        guard: the version that is meant.
        restart_at: RFC 3339 time, for a restart.
        timeout: seconds to wait until it is; None: do not wait.

    Raises:
        MiniappInfraError: ``NOT_FOUND``; ``CONFLICT`` for another version or an unfit state; ``UPSTREAM`` when it
            failed; ``TIMEOUT`` with the last phase and message.
    """
    ref = _ref(namespace, name)
    before = current = _required(objects, ref, goal)
    # Before any wait: what is asked for by mistake must not be waited for.
    require_version(current, goal, guard if current.observed else replace(guard, pod_hash=""))
    deadline = None if timeout is None else time.monotonic() + timeout
    changed = False
    for _ in range(ATTEMPTS):
        # From the first look on it is about this one version, also when the caller named none: while we wait, Git may
        # bring the next one, which nobody has looked at.
        guard = _pinned(guard, current)
        if deadline is not None and not is_decidable(current, goal):
            current = _wait(objects, ref, waiters.decidable(goal), deadline)
            guard = _pinned(guard, current)
        patches = plan(current, goal, guard, restart_at) if is_decidable(current, goal) else ()
        try:
            for number, patch in enumerate(patches):
                current = _send(objects, current, patch, judged=number == 0)
                changed = True
        except ApiError as error:
            if error.code is not ErrorCode.CONFLICT:
                raise
            current = _required(objects, ref, goal)
            continue
        if deadline is None:
            return Ensured(changed, before, current)
        if not has_arrived(current, goal):
            current = _wait(objects, ref, waiters.arrived(goal), deadline)
        require_success(current, goal)
        if not patches:
            return Ensured(changed, before, current)
    raise MiniappInfraError(
        f"Failed to {goal.verb} {ref}: it was changed by others again and again; it is {current.describe()}",
        code=ErrorCode.CONFLICT,
        retryable=True,
        hint="Find out who else works on it, then run it again.",
    )


def _ref(namespace: str, name: str) -> ObjectRef:
    return ObjectRef(API_VERSION, KIND, namespace, name)


def _required(objects: CustomObjects, ref: ObjectRef, goal: Goal) -> Rollout:
    found = find_rollout(objects, ref.namespace, ref.name)
    if found is None:
        raise MiniappInfraError(f"Failed to {goal.verb} {ref}: there is none of this name", code=ErrorCode.NOT_FOUND)
    return found


def _pinned(guard: Guard, rollout: Rollout) -> Guard:
    return guard if guard.pod_hash or not rollout.observed else replace(guard, pod_hash=rollout.current_hash)


def _send(objects: CustomObjects, rollout: Rollout, patch: Patch, *, judged: bool) -> Rollout:
    """Send a patch.

    Args:
        objects: of the server.
        rollout: as it was judged.
        patch: what to send.
        judged: refuse it when the Rollout has changed since.
    """
    version = rollout.version if judged else ""
    try:
        raw = objects.merge_patch(rollout.ref, patch.body, subresource=patch.subresource, resource_version=version)
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND or not patch.subresource:
            raise
        # Definitions before 0.10 have no status subresource: the object itself takes the same patch.
        raw = objects.merge_patch(rollout.ref, patch.body, resource_version=version)
    return Rollout.from_api(raw)


def _wait(objects: CustomObjects, ref: ObjectRef, predicate: Predicate, deadline: float) -> Rollout:
    try:
        raw = objects.wait(ref, predicate, max(SHORTEST_LOOK, round(deadline - time.monotonic(), 1)))
    except WaitTimeoutError as error:
        found = find_rollout(objects, ref.namespace, ref.name)
        reason = refusal(objects, found) if found is not None else ""
        if not reason:
            raise
        raise WaitTimeoutError(f"{error.message}; {reason}", retryable=True, hint=error.hint) from error
    assert raw is not None  # noqa: S101 - only a wait for absence returns none
    return Rollout.from_api(raw)
