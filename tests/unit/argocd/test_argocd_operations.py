# SPDX-License-Identifier: GPL-3.0-or-later
"""When a synchronisation and a rollback begin, when they do not, and how they end."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_door import NEW, OLD, OPTIONS, SOURCE, Clock, ScriptedDoor, application, ended, running

from miniapp_infra.argocd import operate, tasks
from miniapp_infra.errors import ErrorCode, MiniappInfraError

BLOCKED = "Sync operation blocked by sync window"
OTHER = {"sync": {"revision": "main"}, "info": []}
SYNCED = application(status__sync__status="Synced")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time that passes only while a wait sleeps."""
    clock = Clock()
    original = operate.Operator.of.__func__  # type: ignore[attr-defined]

    def of(cls: Any, params: Any, *, check: bool) -> operate.Operator:
        made = original(cls, params, check=check)
        return operate.Operator(made.door, made.name, made.params, made.check, clock, clock.sleep)

    monkeypatch.setattr(operate.Operator, "of", classmethod(of))
    return clock


def call(function: Any, door: ScriptedDoor, *, check: bool = False, **options: Any) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (operate, tasks):
            patch.setattr(module, "open_door", lambda *_, **__: door)
        result: dict[str, Any] = function({**OPTIONS, **options}, check_mode=check, diff_mode=True)
    return result


def sync(door: ScriptedDoor, **options: Any) -> dict[str, Any]:
    return call(tasks.application_sync, door, **options)


def rollback(door: ScriptedDoor, **options: Any) -> dict[str, Any]:
    return call(tasks.application_rollback, door, **options)


def fails(function: Any, door: ScriptedDoor, code: ErrorCode, message: str, **options: Any) -> MiniappInfraError:
    with pytest.raises(MiniappInfraError, match=message) as caught:
        function(door, **options)
    assert caught.value.code is code
    return caught.value


def test_a_synchronisation_is_started_once_and_followed_to_its_end() -> None:
    door = ScriptedDoor(application(), running(), running(), ended())
    result = sync(door)
    assert result["changed"]
    assert door.calls == ["windows", "sync"]
    assert result["application"]["operation"]["phase"] == "Succeeded"
    assert result["wait"] == {"elapsed": 2.0, "polls": 3, "last": "sync Synced; health Healthy"}
    again = sync(door)
    assert not again["changed"]
    assert again["wait"]["polls"] == 1, "already there before the wait begins"
    assert door.calls == ["windows", "sync"]


def test_check_mode_starts_nothing() -> None:
    door = ScriptedDoor(application(status__resources=[{"kind": "Service", "name": "x", "status": "OutOfSync"}]))
    result = sync(door, check=True)
    assert result["changed"]
    assert result["diff"] == {"before": "Service /x: OutOfSync\n", "after": "Service /x: Synced\n"}
    assert door.calls == ["windows"]


@pytest.mark.parametrize(
    ("options", "starts"),
    [
        ({}, False),
        ({"force": True}, True),
        ({"revision": "main"}, False),
        ({"revision": NEW}, False),
        ({"revision": OLD}, True),
        ({"revision": "release"}, True),
        ({"revision": "v1.2.3"}, True),
    ],
)
def test_what_is_there_already_is_not_started_again(options: dict[str, Any], starts: bool) -> None:  # noqa: FBT001
    door = ScriptedDoor(application(status__sync__status="Synced"), ended())
    assert sync(door, **options)["changed"] is starts
    assert ("sync" in door.calls) is starts


def test_a_revision_that_was_deployed_is_not_deployed_again() -> None:
    """It is not what the specification asks for, so the application stays out of sync."""
    door = ScriptedDoor(application(), ended(sync="OutOfSync"))
    assert sync(door, revision=OLD)["changed"]
    again = sync(door, revision=OLD)
    assert not again["changed"]
    assert door.calls.count("sync") == 1


def test_a_revision_whose_deployment_failed_is_deployed_again() -> None:
    raw = application(status__operationState__phase="Failed")
    assert sync(ScriptedDoor(raw, ended(sync="OutOfSync")), revision=NEW)["changed"]


def test_another_revision_is_refused_while_argo_cd_synchronises_by_itself() -> None:
    door = ScriptedDoor(application(spec__syncPolicy={"automated": {}}))
    fails(sync, door, ErrorCode.CONFLICT, "revision: .* would go back to main", revision=OLD)
    assert not door.calls


def test_the_number_of_revisions_is_that_of_the_sources() -> None:
    fails(sync, ScriptedDoor(application()), ErrorCode.INVALID_INPUT, "revisions: .* 1 sources", revisions=[OLD, NEW])
    two = application(spec__sources=[SOURCE, SOURCE])
    fails(sync, ScriptedDoor(two), ErrorCode.INVALID_INPUT, "revision: .* 2 sources", revision=OLD)


def test_a_window_is_reported_and_nothing_is_started() -> None:
    for check in (True, False):
        door = ScriptedDoor(application(), can_sync=False)
        fails(sync, door, ErrorCode.FROZEN, "blocked by sync window of AppProject payments: open: deny", check=check)
        assert door.calls == ["windows"]


def test_a_window_does_not_matter_where_nothing_is_to_be_done() -> None:
    assert not sync(ScriptedDoor(application(status__sync__status="Synced"), can_sync=False))["changed"]


def test_an_operation_that_argo_cd_parks_is_ended_again(clock: Clock) -> None:
    """Else it would begin when the window lets it pass."""
    door = ScriptedDoor(application(), running(BLOCKED), can_sync=False)
    error = fails(sync, door, ErrorCode.FROZEN, BLOCKED, respect_sync_windows=False)
    assert door.calls == ["sync", "terminate"]
    assert "the operation was terminated" in error.message
    assert clock.now < 10, "it is reported, not waited for"


def test_an_operation_of_somebody_else_that_is_parked_is_left_alone() -> None:
    door = ScriptedDoor(application(operation=OTHER, status__operationState__phase="Running"), running(BLOCKED))
    door.raw["status"]["operationState"]["message"] = BLOCKED  # type: ignore[index]
    fails(sync, door, ErrorCode.FROZEN, BLOCKED)
    assert not door.calls


RUNNING = {"phase": "Running", "message": "syncing", "startedAt": "2026-11-22T10:30:00Z", "operation": OTHER}
RETRYING = {**RUNNING, "message": "one or more objects failed", "finishedAt": "2026-11-22T10:31:00Z", "retryCount": 1}


@pytest.mark.parametrize("state", [RUNNING, RETRYING], ids=["running", "retry-pending"])
def test_an_operation_that_runs(state: dict[str, Any]) -> None:
    def door(*steps: Any) -> ScriptedDoor:
        return ScriptedDoor(application(operation=dict(OTHER), status__operationState=dict(state)), *steps)

    refusing = door()
    error = fails(
        sync, refusing, ErrorCode.CONFLICT, "another operation is in progress: phase Running", on_running="fail"
    )
    assert ("waits to be tried again" in error.message) is ("finishedAt" in state)
    assert not refusing.calls

    same = {key: value for key, value in state.items() if key in {"finishedAt", "retryCount", "message"}}
    waiting = door(running(**same), running(**same), ended(sync="OutOfSync"), running(), ended())
    result = sync(waiting, on_running="wait")
    assert waiting.calls == ["windows", "sync"], "it begins after the other one has ended"
    assert result["application"]["operation"]["phase"] == "Succeeded"

    ending = door(
        running(**same), running(phase="Terminating"), ended("Failed", "terminated", sync="OutOfSync"), ended()
    )
    sync(ending, on_running="terminate")
    assert ending.calls == ["terminate", "windows", "sync"]


def test_an_operation_that_runs_makes_check_mode_neither_wait_nor_end_it() -> None:
    door = ScriptedDoor(application(operation=OTHER, status__operationState=RUNNING))
    assert sync(door, check=True, on_running="terminate")["changed"]
    assert "terminate" not in door.calls


def test_a_running_operation_with_an_end_is_a_retry_and_no_end() -> None:
    failed = running("failed", finishedAt="2026-11-22T11:00:03Z", retryCount=1)
    door = ScriptedDoor(application(), running(), failed, failed, ended())
    assert sync(door)["wait"]["polls"] == 4


def test_a_failed_operation_is_not_waited_for(clock: Clock) -> None:
    door = ScriptedDoor(application(), running(), ended("Failed", "denied by policy", sync="OutOfSync"))
    fails(sync, door, ErrorCode.UPSTREAM, "denied by policy")
    assert clock.now < 10


def test_the_time_limit_names_the_phase_and_can_end_the_operation() -> None:
    door = ScriptedDoor(application(), running("waiting for hook"))
    fails(sync, door, ErrorCode.TIMEOUT, "operation Running: waiting for hook", wait_timeout=5.0)
    assert "terminate" not in door.calls
    door = ScriptedDoor(application(), running("waiting for hook"))
    fails(sync, door, ErrorCode.TIMEOUT, "terminated", wait_timeout=5.0, terminate_on_timeout=True)
    assert door.calls[-1] == "terminate"


def test_the_same_idempotency_key_starts_nothing_twice() -> None:
    door = ScriptedDoor(application(), running(), ended())
    assert sync(door, idempotency_key="run-1", force=True)["changed"]
    assert not sync(door, idempotency_key="run-1", force=True)["changed"]
    assert door.calls.count("sync") == 1
    door.steps.extend([ended()])
    assert sync(door, idempotency_key="run-2", force=True)["changed"]
    assert door.calls.count("sync") == 2


def test_a_key_whose_operation_runs_is_followed() -> None:
    """The first task may have lost its connection after it had started the operation."""
    door = ScriptedDoor(application(), running(), running(), ended())
    sync(door, idempotency_key="run-1", wait=False)
    result = sync(door, idempotency_key="run-1", on_running="fail")
    assert not result["changed"]
    assert result["application"]["operation"]["phase"] == "Succeeded"
    assert door.calls.count("sync") == 1


def test_a_key_whose_operation_failed_fails_again_without_a_new_try() -> None:
    door = ScriptedDoor(application(), ended("Failed", "denied", sync="OutOfSync"))
    fails(sync, door, ErrorCode.UPSTREAM, "denied", idempotency_key="run-1")
    fails(sync, door, ErrorCode.UPSTREAM, "idempotency_key ended in phase Failed", idempotency_key="run-1")
    assert door.calls.count("sync") == 1


def test_an_automatic_operation_that_comes_in_between_is_waited_for() -> None:
    door = ScriptedDoor(application(), ended(sync="OutOfSync"), ended())
    original = door.windows

    def windows(given: Any) -> Any:
        door.raw["operation"] = dict(OTHER)  # type: ignore[index]
        return original(given)

    door.windows = windows  # type: ignore[method-assign]
    assert sync(door)["changed"]
    assert door.calls == ["windows", "sync"]


@pytest.mark.parametrize(
    ("raw", "options", "code", "message"),
    [
        (None, {}, ErrorCode.NOT_FOUND, "there is none of this name"),
        (SYNCED, {"project": "other"}, ErrorCode.NOT_FOUND, "it is in project payments, not in other"),
        (application(metadata__deletionTimestamp="x"), {}, ErrorCode.CONFLICT, "is being deleted"),
    ],
)
def test_applications_that_cannot_be_synchronised(raw: Any, options: Any, code: ErrorCode, message: str) -> None:
    fails(sync, ScriptedDoor(raw), code, message, **options)


def test_a_rollback_deploys_what_was_there() -> None:
    door = ScriptedDoor(application(), running(), ended(sync="OutOfSync"))
    result = rollback(door, history_id=0)
    assert (result["changed"], result["history_id"], result["revisions"]) == (True, 0, [OLD])
    assert result["diff"] == {"before": {"revisions": [NEW]}, "after": {"revisions": [OLD]}}
    assert not result["auto_sync_suspended"]
    assert door.calls == ["windows", "rollback"]


def test_what_is_deployed_is_not_rolled_back_to() -> None:
    """After a rollback the history has a new entry with the same content."""
    for options in ({"history_id": 1}, {"revision": NEW}):
        door = ScriptedDoor(application())
        assert not rollback(door, **options)["changed"]
        assert not door.calls
    raw = application()
    raw["status"]["history"].append({**raw["status"]["history"][0], "id": 2})
    assert not rollback(ScriptedDoor(raw), history_id=0)["changed"]
    raw["status"]["operationState"]["phase"] = "Failed"
    assert rollback(ScriptedDoor(raw, ended(sync="OutOfSync")), history_id=0)["changed"]


def test_a_rollback_that_argo_cd_would_undo_is_refused() -> None:
    automatic = {"spec__syncPolicy": {"automated": {"prune": True}}}
    for check in (True, False):
        door = ScriptedDoor(application(**automatic))
        fails(rollback, door, ErrorCode.CONFLICT, "would undo it", history_id=0, check=check)
        assert not door.calls
    door = ScriptedDoor(application(**automatic), ended(sync="OutOfSync"))
    result = rollback(door, history_id=0, suspend_auto_sync=True)
    assert door.calls == ["windows", "auto-sync False", "rollback"]
    assert result["auto_sync_suspended"]
    assert "switched off" in result["warnings"][0]
    planned = rollback(ScriptedDoor(application(**automatic)), history_id=0, suspend_auto_sync=True, check=True)
    assert planned["auto_sync_suspended"]
    owner = [{"kind": "ApplicationSet", "name": "set"}]
    owned = ScriptedDoor(application(**automatic, metadata__ownerReferences=owner))
    fails(rollback, owned, ErrorCode.CONFLICT, "ApplicationSet set makes it", history_id=0, suspend_auto_sync=True)
    assert not owned.calls


def test_a_rollback_to_what_is_not_known() -> None:
    door = ScriptedDoor(application())
    error = fails(rollback, door, ErrorCode.NOT_FOUND, "no deployment with id 7", history_id=7)
    assert f"0 ({OLD}), 1 ({NEW})" in error.message
    fails(rollback, ScriptedDoor(application(status__history=[])), ErrorCode.NOT_FOUND, "it has none", revision="x")


def test_a_rollback_is_frozen_as_well() -> None:
    door = ScriptedDoor(application(spec__syncPolicy={"automated": {}}), can_sync=False)
    fails(rollback, door, ErrorCode.FROZEN, "blocked by sync window", history_id=0, suspend_auto_sync=True)
    assert door.calls == ["windows"], "automatic synchronisation stays on"
