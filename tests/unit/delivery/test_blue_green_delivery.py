# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery of a blue/green service: Argo CD's health alone is never believed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_argocd_deployments import NEW, OLD, Argo, History, release

from miniapp_infra.delivery import promote, rollback
from miniapp_infra.delivery.argocd_deployments import ArgoDeployments
from miniapp_infra.delivery.flow import Status
from miniapp_infra.delivery.ports import Deployment
from miniapp_infra.delivery.tasks import _outcome
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.rollouts import Rollout

REFUSED = 'admission webhook "policy.sigstore.dev" denied the request: no signatures'


def rollout(version, *, conditions=(), **status):
    healthy = {
        "observedGeneration": "2",
        "phase": "Healthy",
        "currentPodHash": "new",
        "stableRS": "new",
        "blueGreen": {"activeSelector": "new"},
        "conditions": list(conditions),
    }
    return Rollout.from_api(
        {
            "metadata": {"name": "local-miniapp-playhub", "namespace": "playhub", "generation": 2},
            "spec": {
                "strategy": {"blueGreen": {}},
                "template": {"spec": {"containers": [{"image": str(release(version).image)}]}},
            },
            "status": {**healthy, **status},
        }
    )


def preview(version):
    paused = {"phase": "Paused", "pauseConditions": [{"reason": "BlueGreenPause"}], "controllerPause": True}
    return rollout(version, stableRS="old", blueGreen={"activeSelector": "old"}, **paused)


class Rollouts:
    """Shows one state after the other; the last one stays."""

    def __init__(self, *states, refusal=""):
        self.states = list(states)
        self.reason = refusal

    def find(self, namespace, name):
        assert (namespace, name) == ("playhub", "local-miniapp-playhub")
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def refusal(self, found):
        return found.not_created or self.reason


def deployments(rollouts, *, health="Healthy", version="1.1.0", commit=NEW):
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    argo = Argo(release(version), commit)
    argo.status["health"] = {"status": health}
    services = frozenset({"playhub"})
    return ArgoDeployments(
        argo, History(), rollouts, services, timeout=120, grace=20, clock=lambda: now[0], sleep=sleep
    )


def test_in_service():
    done = deployments(Rollouts(rollout("1.1.0"))).deliver(release("1.1.0"), NEW)
    assert (done.health, done.awaits_promotion) == ("Healthy", False)


def test_in_preview():
    done = deployments(Rollouts(preview("1.1.0")), health="Suspended").deliver(release("1.1.0"), NEW)
    assert (done.health, done.awaits_promotion) == ("Suspended", True)


def test_suspended_is_not_enough_for_another_service():
    found = replace(deployments(Rollouts(preview("1.1.0")), health="Suspended"), blue_green=frozenset())
    with pytest.raises(MiniappInfraError, match="health Suspended") as caught:
        found.deliver(release("1.1.0"), NEW)
    assert caught.value.code is ErrorCode.TIMEOUT


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (None, "there is no Rollout of this service"),
        (rollout("1.0.0"), "asks for another image"),
        (rollout("1.1.0", observedGeneration="1"), "the controller has not seen the last change yet"),
        (rollout("1.1.0", phase="Progressing", message="more replicas need to be updated"), "more replicas need"),
        (rollout("1.1.0", blueGreen={"activeSelector": "old"}), "is Healthy"),
        (rollout("1.1.0", phase="Paused", pauseConditions=[{"reason": "InconclusiveAnalysisRun"}]), "is Paused"),
    ],
)
def test_healthy_in_argo_cd_is_not_enough(state, text):
    with pytest.raises(MiniappInfraError) as caught:
        deployments(Rollouts(state)).deliver(release("1.1.0"), NEW)
    assert caught.value.code is ErrorCode.TIMEOUT
    assert text in caught.value.message


def test_a_replica_set_that_admission_refuses_is_not_healthy():
    """The controller reports the version before as Healthy, with the present generation, and Argo CD repeats it."""
    refused = {"type": "Progressing", "status": "False", "reason": "ReplicaSetCreateError", "message": REFUSED}
    state = rollout("1.1.0", conditions=[refused], currentPodHash="old", stableRS="old")
    with pytest.raises(MiniappInfraError, match="denied the request: no signatures") as caught:
        deployments(Rollouts(state)).deliver(release("1.1.0"), NEW)
    assert caught.value.code is ErrorCode.REFUSED_BY_POLICY
    assert "version before still serves" in caught.value.hint


def test_pods_that_admission_refuses_end_the_wait():
    state = rollout("1.1.0", phase="Progressing", stableRS="old")
    with pytest.raises(MiniappInfraError, match="exceeded quota") as caught:
        deployments(Rollouts(state, refusal="ReplicaSet x: exceeded quota")).deliver(release("1.1.0"), NEW)
    assert caught.value.code is ErrorCode.REFUSED_BY_POLICY


def test_a_refusal_that_passes_is_waited_out():
    passing = {"type": "Progressing", "status": "False", "reason": "ReplicaSetCreateError", "message": "timed out"}
    states = [rollout("1.1.0", conditions=[passing])] * 4 + [preview("1.1.0")]
    assert deployments(Rollouts(*states)).deliver(release("1.1.0"), NEW).awaits_promotion


def test_in_preview_is_not_in_service():
    """A rollback that waits for its promotion is taken up again, not followed by another one further back."""
    assert deployments(Rollouts(rollout("1.0.0")), version="1.0.0", commit=OLD).is_delivered(release("1.0.0"), OLD)
    waiting = deployments(Rollouts(preview("1.0.0")), health="Suspended", version="1.0.0", commit=OLD)
    assert waiting.deliver(release("1.0.0"), OLD).awaits_promotion
    assert not waiting.is_delivered(release("1.0.0"), OLD)


class InPreview:
    """Deployments that all wait for their promotion."""

    def is_delivered(self, release, commit):
        del release, commit
        return False

    def deliver(self, release, commit):
        del release, commit
        return Deployment("Synced", "Suspended", 1.0, awaits_promotion=True)


def test_the_result_says_that_a_promotion_is_still_to_come(delivery):
    waiting = replace(delivery, deployments=InPreview())
    outcome = promote(waiting, "playhub", "1.1.0", approve=True)
    assert outcome.status is Status.AWAITING_PROMOTION
    result = _outcome(outcome, diff_mode=False)
    assert (result["status"], result["awaits_promotion"], result["health"]) == ("awaiting_promotion", True, "Suspended")
    (warning,) = result["warnings"]
    assert "argo_rollout, name local-miniapp-playhub, namespace playhub" in warning

    again = promote(waiting, "playhub", "1.1.0", approve=True)
    assert (again.status, again.changed) == (Status.UNCHANGED, False)
    assert _outcome(again, diff_mode=False)["warnings"]


def test_a_second_rollback_waits_for_the_promotion_of_the_first(delivery):
    promote(delivery, "playhub", "1.1.0", approve=True)
    promote(delivery, "playhub", "1.2.0", approve=True)
    waiting = replace(delivery, deployments=InPreview())
    assert rollback(waiting, "playhub", approve=True).new.version == "1.1.0"
    again = rollback(waiting, "playhub", approve=True)
    assert (again.new.version, again.changed, again.deployment.awaits_promotion) == ("1.1.0", False, True)


def test_others_have_nothing_to_say(delivery):
    result = _outcome(promote(delivery, "playhub", "1.1.0", approve=True), diff_mode=False)
    assert (result["status"], result["awaits_promotion"]) == ("delivered", False)
    assert "warnings" not in result
