# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for modules: parameters in, results out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.custom import CustomObjects
from miniapp_infra.rollouts import api
from miniapp_infra.rollouts.models import Goal, Guard, Rollout, parse_time
from miniapp_infra.rollouts.transformations import as_result, is_decidable, managed

if TYPE_CHECKING:
    from collections.abc import Mapping

Result = dict[str, Any]


def rollout(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Promote, abort, retry or restart a Rollout."""
    goal = Goal(params["state"])
    restart_at = _restart_at(params, goal)
    done = api.ensure(
        CustomObjects.of(params, check_mode=check_mode),
        params["namespace"],
        params["name"],
        goal,
        Guard(params["image"] or "", params["expected_pod_hash"] or ""),
        restart_at=restart_at,
        timeout=params["wait_timeout"] if params["wait"] and not check_mode else None,
    )
    result: Result = {
        "changed": done.changed,
        "rollout": as_result(done.after),
        "warnings": _warnings(done.after, goal, changed=done.changed, check_mode=check_mode),
    }
    if diff_mode and done.changed:
        before, after = managed(done.before.raw), managed(done.after.raw)
        result["diff"] = {"before_header": str(done.before.ref), "after_header": str(done.after.ref)}
        result["diff"] |= {"before": before, "after": after}
    return result


def rollout_info(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Return Rollouts, and why the newest pods of one cannot be made."""
    del diff_mode  # reads only
    objects = CustomObjects.of(params)
    namespace, name = params["namespace"] or "", params["name"]
    if name and not namespace:
        raise MiniappInfraError("namespace: must be given with name", code=ErrorCode.INVALID_INPUT)
    if params["wait"] and not name:
        raise MiniappInfraError("name: must be given with wait", code=ErrorCode.INVALID_INPUT)
    if params["wait"] and not check_mode:
        found = [api.wait_until_settled(objects, namespace, name, params["wait_timeout"])]
    elif name:
        one = api.find_rollout(objects, namespace, name)
        found = [] if one is None else [one]
    else:
        found = api.list_rollouts(objects, namespace, ",".join(params["label_selectors"]))
    return {"changed": False, "rollouts": [_with_refusal(objects, item) for item in found]}


def _with_refusal(objects: CustomObjects, item: Rollout) -> Result:
    reason = "" if item.phase in {"Healthy", "Paused"} else api.refusal(objects, item)
    return {**as_result(item), "refusal": reason}


def _restart_at(params: Mapping[str, Any], goal: Goal) -> str:
    """Return the time of the restart in the form in which the controller writes it.

    Raises:
        MiniappInfraError: ``INVALID_INPUT``.
    """
    given = params["restart_at"]
    if goal is not Goal.RESTARTED:
        if given:
            raise MiniappInfraError(
                f"restart_at: must be left out with state {goal.value}", code=ErrorCode.INVALID_INPUT
            )
        return ""
    try:
        moment = parse_time(given) if given else datetime.now(UTC)
    except ValueError as error:
        raise MiniappInfraError(
            f"restart_at: must be an RFC 3339 time such as 2026-11-22T10:00:00Z, got {given!r}",
            code=ErrorCode.INVALID_INPUT,
        ) from error
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _warnings(found: Rollout, goal: Goal, *, changed: bool, check_mode: bool) -> list[str]:
    """Return what the caller has to know although nothing failed."""
    if goal is Goal.ABORTED and (found.aborted or (changed and check_mode)):
        images = ", ".join(found.images) or "unknown"
        text = f"{found.ref} is aborted, but Git still asks for the new version ({images}): revert it there, or"
        return [f"{text} the next change brings it back"]
    if not changed and not is_decidable(found, goal):
        return [f"Nothing was asked of {found.ref} yet: it is {found.describe()}"]
    return []
