# SPDX-License-Identifier: GPL-3.0-or-later
"""Which patches bring a Rollout to a goal, and what is refused."""

from __future__ import annotations

import pytest
from test_rollout_models import NEW, OLD, REFUSED, aborted, not_created, preview, rollout

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.rollouts import Goal, Guard, Rollout
from miniapp_infra.rollouts.transformations import (
    as_result,
    has_arrived,
    is_decidable,
    managed,
    plan,
    require_success,
    require_version,
)

ANY = Guard()
NOON = "2026-11-22T12:00:00Z"
RESUME = ({"status": {"pauseConditions": None}}, "status")
UNPAUSE = ({"spec": {"paused": False}}, "")
FULL = ({"status": {"promoteFull": True}}, "status")
ABORT = ({"status": {"abort": True}}, "status")
RETRY = ({"status": {"abort": False}}, "status")
CANARY = {"canary": {}}


def patches(raw, goal, guard=ANY, restart_at=NOON):
    return [(patch.body, patch.subresource) for patch in plan(Rollout.from_api(raw), goal, guard, restart_at)]


@pytest.mark.parametrize(
    ("raw", "goal", "expected"),
    [
        (preview(), Goal.PROMOTED, [RESUME]),
        (preview(spec={"paused": True}), Goal.PROMOTED, [RESUME, UNPAUSE]),
        (rollout(spec={"paused": True}, phase="Paused"), Goal.PROMOTED, [UNPAUSE]),
        (rollout(), Goal.PROMOTED, []),
        (rollout(), Goal.FULLY_PROMOTED, []),
        (preview(), Goal.FULLY_PROMOTED, [FULL]),
        (preview(promoteFull=True), Goal.FULLY_PROMOTED, []),
        (preview(strategy=CANARY), Goal.FULLY_PROMOTED, [FULL]),
        (rollout(currentPodHash=NEW, phase="Progressing"), Goal.FULLY_PROMOTED, [FULL]),
        (rollout(currentPodHash=NEW, spec={"paused": True}), Goal.FULLY_PROMOTED, [FULL, UNPAUSE]),
        (preview(), Goal.ABORTED, [ABORT]),
        (rollout(currentPodHash=NEW, phase="Progressing"), Goal.ABORTED, [ABORT]),
        (aborted(abort=False, message="ProgressDeadlineExceeded: x"), Goal.ABORTED, [ABORT]),
        (rollout(), Goal.ABORTED, []),
        (aborted(), Goal.ABORTED, []),
        (not_created(REFUSED), Goal.ABORTED, [ABORT]),
        (aborted(), Goal.RETRIED, [RETRY]),
        (preview(), Goal.RETRIED, []),
        (rollout(), Goal.RETRIED, []),
        (rollout(), Goal.RESTARTED, [({"spec": {"restartAt": NOON}}, "")]),
        (rollout(spec={"restartAt": "2026-11-22T11:59:59Z"}), Goal.RESTARTED, [({"spec": {"restartAt": NOON}}, "")]),
        (rollout(spec={"restartAt": NOON}), Goal.RESTARTED, []),
        (rollout(spec={"restartAt": "2026-11-22T20:00:00+07:00"}), Goal.RESTARTED, []),
    ],
)
def test_patches(raw, goal, expected):
    assert patches(raw, goal) == expected


@pytest.mark.parametrize(
    ("raw", "goal", "message", "code"),
    [
        (aborted(), Goal.PROMOTED, "promote Rollout shop/web: it is Degraded: RolloutAborted", ErrorCode.CONFLICT),
        (aborted(), Goal.FULLY_PROMOTED, "fully promote Rollout shop/web: it is Degraded", ErrorCode.CONFLICT),
        (
            aborted(abort=False, message="ProgressDeadlineExceeded: web-2"),
            Goal.PROMOTED,
            "it is Degraded: ProgressDeadlineExceeded: web-2",
            ErrorCode.UPSTREAM,
        ),
        (not_created(REFUSED), Goal.PROMOTED, "denied the request: no signatures", ErrorCode.UPSTREAM),
        (not_created(REFUSED), Goal.FULLY_PROMOTED, "denied the request: no signatures", ErrorCode.UPSTREAM),
        (
            aborted(abort=False, message="ProgressDeadlineExceeded: web-2"),
            Goal.RETRIED,
            "it is Degraded: ProgressDeadlineExceeded",
            ErrorCode.UPSTREAM,
        ),
        (rollout(strategy=CANARY), Goal.PROMOTED, "its strategy is canary", ErrorCode.CONFLICT),
        (
            preview(pauseConditions=[{"reason": "InconclusiveAnalysisRun"}]),
            Goal.PROMOTED,
            "paused because of InconclusiveAnalysisRun",
            ErrorCode.CONFLICT,
        ),
        (
            rollout(currentPodHash=NEW, stableRS=None, phase="Progressing"),
            Goal.ABORTED,
            "this is its first version",
            ErrorCode.CONFLICT,
        ),
    ],
)
def test_refusals(raw, goal, message, code):
    with pytest.raises(MiniappInfraError) as caught:
        patches(raw, goal)
    assert message in caught.value.message
    assert caught.value.code is code
    assert caught.value.hint


IMAGE = "registry/web@sha256:new"


@pytest.mark.parametrize("goal", list(Goal))
@pytest.mark.parametrize(
    ("guard", "message"),
    [
        (Guard(image="registry/web@sha256:other"), f"its new version has {IMAGE}, not registry/web@sha256:other"),
        (Guard(image="registry/web"), f"its new version has {IMAGE}, not registry/web"),
        (Guard(pod_hash=OLD), f"its new version has the pod hash {NEW}, not {OLD}"),
        (Guard(image=IMAGE, pod_hash=OLD), f"the pod hash {NEW}, not {OLD}"),
    ],
)
def test_another_version_than_is_meant_is_left_alone(goal, guard, message):
    with pytest.raises(MiniappInfraError, match="Failed to") as caught:
        patches(preview(), goal, guard)
    assert message in caught.value.message
    assert caught.value.code is ErrorCode.CONFLICT


def test_the_version_that_is_meant():
    assert patches(preview(), Goal.PROMOTED, Guard(image=IMAGE, pod_hash=NEW)) == [RESUME]
    require_version(Rollout.from_api(preview()), Goal.PROMOTED, Guard())


def test_an_image_cannot_be_asked_of_a_template_that_is_elsewhere():
    raw = preview(spec={"template": None, "workloadRef": {"kind": "Deployment", "name": "web"}})
    with pytest.raises(MiniappInfraError, match="no pod template of its own") as caught:
        patches(raw, Goal.PROMOTED, Guard(image=IMAGE))
    assert "expected_pod_hash" in caught.value.hint
    assert patches(raw, Goal.PROMOTED, Guard(pod_hash=NEW)) == [RESUME]


@pytest.mark.parametrize(
    ("raw", "goal", "decidable"),
    [
        (rollout(observedGeneration="1"), Goal.ABORTED, False),
        (rollout(currentPodHash=NEW, phase="Progressing"), Goal.ABORTED, True),
        (rollout(currentPodHash=NEW, phase="Progressing"), Goal.FULLY_PROMOTED, True),
        (rollout(currentPodHash=NEW, phase="Progressing"), Goal.PROMOTED, False),
        (preview(), Goal.PROMOTED, True),
    ],
)
def test_when_it_can_be_told(raw, goal, decidable):
    assert is_decidable(Rollout.from_api(raw), goal) is decidable


def test_a_restart_has_arrived_when_it_was_carried_out():
    pending = Rollout.from_api(rollout(spec={"restartAt": NOON}))
    assert not has_arrived(pending, Goal.RESTARTED)
    assert has_arrived(pending, Goal.PROMOTED)
    done = rollout(spec={"restartAt": NOON}, restartedAt=NOON)
    assert has_arrived(Rollout.from_api(done), Goal.RESTARTED)


def test_an_abort_is_no_failure_of_an_abort():
    require_success(Rollout.from_api(aborted()), Goal.ABORTED)
    with pytest.raises(MiniappInfraError, match="retry Rollout shop/web: it is Degraded: RolloutAborted"):
        require_success(Rollout.from_api(aborted()), Goal.RETRIED)


def test_what_a_diff_shows():
    assert managed(preview()) == {
        "spec": {"paused": False, "restartAt": None},
        "status": {"abort": False, "pauseConditions": ["BlueGreenPause"], "promoteFull": False},
    }


def test_results():
    result = as_result(Rollout.from_api(preview()))
    assert result["awaits_promotion"]
    assert (result["current_pod_hash"], result["active_pod_hash"]) == (NEW, OLD)
    assert result["replicas"] == {"desired": 1, "updated": 1, "ready": 1, "available": 1}
    assert result["images"] == [IMAGE]
