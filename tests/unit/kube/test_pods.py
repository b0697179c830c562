# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods say why a workload hangs."""

from __future__ import annotations

from typing import Any

import pytest

from miniapp_infra.kube.pods import FAILING, REVISION, current_sets, is_current, reason_of


def pod(reason: str, *, owner: str = "rs", init: bool = False, **labels: str) -> dict[str, Any]:
    status = {"name": "app", "state": {"waiting": {"reason": reason, "message": "why"}}}
    return {
        "metadata": {"name": "p", "labels": labels, "ownerReferences": [{"uid": owner}]},
        "status": {"initContainerStatuses" if init else "containerStatuses": [status]},
    }


@pytest.mark.parametrize("reason", sorted(FAILING))
def test_repeated_failures_are_named_with_pod_and_container(reason: str) -> None:
    assert reason_of([pod(reason)]) == f"pod p, container app: {reason}: why"
    assert reason_of([pod(reason, init=True)])


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_beginning_is_not_failing(reason: str) -> None:
    assert reason_of([pod(reason)]) == ""


def test_the_last_exit_code_is_told() -> None:
    crashing = pod("CrashLoopBackOff")
    crashing["status"]["containerStatuses"][0]["lastState"] = {"terminated": {"exitCode": 137}}
    assert reason_of([crashing]).endswith("(last exit code 137)")


def test_only_replica_sets_of_the_present_revision_count() -> None:
    deployment = {"metadata": {"uid": "d", "annotations": {REVISION: "2"}}}

    def replica_set(uid: str, revision: str, owner: str = "d") -> dict[str, Any]:
        return {"metadata": {"uid": uid, "annotations": {REVISION: revision}, "ownerReferences": [{"uid": owner}]}}

    sets = [replica_set("old", "1"), replica_set("new", "2"), replica_set("foreign", "2", "other")]
    assert current_sets(deployment, sets) == {"new"}


def test_only_pods_of_the_present_revision_count() -> None:
    assert is_current(pod("x"), {"rs"}, None)
    assert not is_current(pod("x", owner="old"), {"rs"}, None)
    assert not is_current(pod("x", **{"controller-revision-hash": "a"}), {"rs"}, "b")
