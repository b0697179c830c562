# SPDX-License-Identifier: GPL-3.0-or-later
"""What is believed about a Rollout, as tables of objects."""

from __future__ import annotations

import copy

import pytest

from miniapp_infra.rollouts import Rollout, Strategy

OLD, NEW = "5d5c8b7f66", "6f8bdf9c7d"
REFUSED = 'Failed to create new replica set "web-2": admission webhook "policy" denied the request: no signatures'
UNASKED = 'Failed to create new replica set "web-2": Internal error: failed calling webhook: context deadline exceeded'


def rollout(*, generation=2, spec=None, strategy=None, annotations=None, **status):
    """A blue/green Rollout that is healthy in one version, but for what is given."""
    healthy = {
        "observedGeneration": "2",
        "phase": "Healthy",
        "currentPodHash": OLD,
        "stableRS": OLD,
        "blueGreen": {"activeSelector": OLD, "previewSelector": OLD},
        "replicas": 1,
        "updatedReplicas": 1,
        "readyReplicas": 1,
        "availableReplicas": 1,
    }
    return copy.deepcopy(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {
                "name": "web",
                "namespace": "shop",
                "generation": generation,
                "resourceVersion": "7",
                "annotations": annotations or {},
            },
            "spec": {
                "strategy": strategy or {"blueGreen": {"activeService": "web"}},
                "template": {"spec": {"containers": [{"name": "web", "image": "registry/web@sha256:new"}]}},
                **(spec or {}),
            },
            "status": {key: value for key, value in {**healthy, **status}.items() if value is not None},
        }
    )


def preview(**more):
    """One whose new version is in preview."""
    waiting = {
        "phase": "Paused",
        "message": "BlueGreenPause",
        "currentPodHash": NEW,
        "controllerPause": True,
        "pauseConditions": [{"reason": "BlueGreenPause", "startTime": "2026-11-22T10:00:00Z"}],
        "blueGreen": {"activeSelector": OLD, "previewSelector": NEW},
    }
    return rollout(**{**waiting, **more})


def aborted(**more):
    failed = {
        "phase": "Degraded",
        "message": "RolloutAborted: Rollout aborted update to revision 2",
        "abort": True,
        "currentPodHash": NEW,
        "blueGreen": {"activeSelector": OLD, "previewSelector": NEW},
    }
    return rollout(**{**failed, **more})


def not_created(message, **more):
    """What the controller writes when a ReplicaSet is refused: the new generation, and the phase of the old version."""
    condition = {"type": "Progressing", "status": "False", "reason": "ReplicaSetCreateError", "message": message}
    return rollout(generation=3, observedGeneration="3", conditions=[condition], **more)


@pytest.mark.parametrize(
    ("raw", "phase", "message"),
    [
        (rollout(), "Healthy", ""),
        (rollout(observedGeneration="1"), "Progressing", "the controller has not seen the last change yet"),
        (
            rollout(generation=10, observedGeneration="9"),
            "Progressing",
            "the controller has not seen the last change yet",
        ),
        (rollout(observedGeneration=None), "Progressing", "the controller has not seen the last change yet"),
        (rollout(observedGeneration="5f6b7c8d9f"), "Healthy", ""),
        (preview(), "Paused", "BlueGreenPause"),
        (preview(pauseConditions=None), "Progressing", "the controller has not noticed the end of the pause yet"),
        (rollout(phase=None), "Progressing", ""),
        (not_created(REFUSED), "Degraded", f"ReplicaSetCreateError: {REFUSED}"),
        (not_created(UNASKED), "Progressing", f"ReplicaSetCreateError: {UNASKED}"),
        (
            rollout(annotations={"rollout.argoproj.io/workload-generation": "4"}, workloadObservedGeneration="3"),
            "Progressing",
            "the controller has not seen the last change yet",
        ),
        (
            rollout(annotations={"rollout.argoproj.io/workload-generation": "4"}, workloadObservedGeneration="4"),
            "Healthy",
            "",
        ),
    ],
)
def test_the_phase_counts_only_when_it_is_about_now(raw, phase, message):
    found = Rollout.from_api(raw)
    assert (found.phase, found.message) == (phase, message)


@pytest.mark.parametrize(
    ("raw", "finished", "settled", "waits"),
    [
        (rollout(), True, True, False),
        (rollout(observedGeneration="1"), False, False, False),
        (rollout(blueGreen={"activeSelector": NEW}), False, False, False),
        (rollout(stableRS=NEW), False, False, False),
        (rollout(currentPodHash=None, stableRS=None, phase="Progressing"), False, False, False),
        (preview(), False, True, True),
        (preview(pauseConditions=None), False, False, False),
        (preview(observedGeneration="1"), False, False, False),
        (preview(pauseConditions=[{"reason": "InconclusiveAnalysisRun"}]), False, True, False),
        (preview(promoteFull=True), False, False, True),
        (aborted(), False, True, False),
        (aborted(phase="Paused"), False, False, False),
        (aborted(blueGreen={"activeSelector": NEW}), False, False, False),
        # A retry was asked for, and the controller has not noticed: what it says is of the abort.
        (aborted(abort=False), False, False, False),
        (aborted(abort=False, message="ProgressDeadlineExceeded: web-2 has timed out"), False, True, False),
        (not_created(REFUSED), False, True, False),
        (not_created(UNASKED), False, False, False),
        (rollout(strategy={"canary": {}}, blueGreen=None), True, True, False),
    ],
)
def test_what_has_come_to_an_end(raw, finished, settled, waits):
    found = Rollout.from_api(raw)
    assert (found.is_finished, found.is_settled, found.awaits_promotion) == (finished, settled, waits)


@pytest.mark.parametrize(
    ("raw", "degraded"),
    [
        (rollout(), False),
        (aborted(), True),
        (aborted(abort=False), False),
        (aborted(abort=False, message="InvalidSpec: x"), True),
        (aborted(observedGeneration="1"), False),
    ],
)
def test_what_has_failed(raw, degraded):
    assert Rollout.from_api(raw).is_degraded is degraded


@pytest.mark.parametrize(
    ("spec", "strategy"),
    [({"blueGreen": {}}, Strategy.BLUE_GREEN), ({"canary": {}}, Strategy.CANARY), ({"other": 1}, Strategy.NONE)],
)
def test_strategies(spec, strategy):
    assert Rollout.from_api(rollout(strategy=spec)).strategy is strategy


def test_a_rollout_that_was_just_made():
    raw = rollout()
    del raw["status"]
    found = Rollout.from_api(raw)
    assert not found.is_settled
    assert not found.is_finished
    assert found.describe() == "Progressing: the controller has not seen the last change yet"


@pytest.mark.parametrize(
    ("asked", "done", "pending"),
    [("", "", False), ("2026-11-22T10:00:00Z", "", True), ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z", False)],
)
def test_restarts(asked, done, pending):
    raw = rollout(spec={"restartAt": asked} if asked else {}, restartedAt=done or None)
    assert Rollout.from_api(raw).restart_pending is pending
