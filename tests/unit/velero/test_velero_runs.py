# SPDX-License-Identifier: GPL-3.0-or-later
"""When a run is over, when it was a success, and when a wait for it is given up: with a clock of the test's own."""

from __future__ import annotations

import datetime as dt

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.errors import WaitFailedError, WaitTimeoutError
from miniapp_infra.velero.models import Run, StorageLocation
from miniapp_infra.velero.waiters import Patience, wait_until_over


def raw(phase="", **status):
    state = {"phase": phase, **status} if phase else {}
    return {
        "apiVersion": "velero.io/v1",
        "kind": "Backup",
        "metadata": {"name": "b", "namespace": "velero"},
        "status": state,
    }


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (raw("Completed"), ""),
        (raw("Completed", warnings=3), ""),
        (raw("Completed", errors=1), "phase Completed, 1 error, 0 warnings"),
        (raw("Completed", failureReason="lost"), "phase Completed: lost"),
        (raw("PartiallyFailed", errors=2, warnings=1), "phase PartiallyFailed, 2 errors, 1 warning"),
        (raw("PartiallyFailed"), "phase PartiallyFailed, 0 errors, 0 warnings"),
        (raw("Failed", failureReason="lost"), "phase Failed: lost"),
        (raw("Failed"), "phase Failed: Velero does not say why"),
        (raw("FailedValidation", validationErrors=["a", "b"]), "it is not valid: a; b"),
        (raw("Deleting"), "it is being deleted"),
    ],
)
def test_success(state, reason):
    assert Run.from_api(state).failure() == reason


@pytest.mark.parametrize(
    ("state", "accepted"),
    [
        (raw("PartiallyFailed", errors=2), True),
        (raw("Completed", errors=2), True),
        (raw("PartiallyFailed", errors=2, failureReason="lost"), False),
        (raw("Completed", failureReason="lost"), False),
        (raw("Failed"), False),
        (raw("FailedValidation"), False),
    ],
)
def test_partial_success(state, accepted):
    assert (Run.from_api(state).failure(accept_partial=True) == "") is accepted


@pytest.mark.parametrize(
    ("phase", "over"),
    [
        ("", False),
        ("New", False),
        ("Queued", False),
        ("ReadyToStart", False),
        ("InProgress", False),
        ("WaitingForPluginOperations", False),
        ("WaitingForPluginOperationsPartiallyFailed", False),
        ("Finalizing", False),
        ("FinalizingPartiallyFailed", False),
        ("Deleting", False),
        ("Completed", True),
        ("PartiallyFailed", True),
        ("Failed", True),
        ("FailedValidation", True),
    ],
)
def test_phases(phase, over):
    assert Run.from_api(raw(phase)).is_over is over


def test_descriptions():
    assert Run.from_api(raw()).describe() == "Velero has not seen it yet"
    queued = Run.from_api(raw("Queued", queuePosition=3))
    assert queued.describe() == "phase Queued, position 3 in the queue"
    running = Run.from_api(raw("InProgress", progress={"totalItems": 9, "itemsBackedUp": 4}, errors=1))
    assert running.describe() == "phase InProgress, 4 of 9 items, 1 error"
    assert StorageLocation("default").describe() == "not validated yet, ReadWrite"


def test_times():
    state = Run.from_api(
        raw("Completed", startTimestamp="2026-11-24T02:00:00Z", completionTimestamp="2026-11-24T02:01:30Z")
    )
    assert state.duration == 90
    assert state.age(dt.datetime(2026, 11, 24, 3, tzinfo=dt.UTC)) == 3600
    assert state.age(dt.datetime(2026, 11, 24, 1, tzinfo=dt.UTC)) == 0  # a clock that is behind
    assert (Run.from_api(raw()).duration, Run.from_api(raw()).age(dt.datetime.now(dt.UTC))) == (None, None)


class Cluster:
    """Plays states at times; a watch ends when its time is over or its rule is met."""

    def __init__(self, *states, volumes=(), exists=True):
        self.now = 0.0
        self.states = list(states)  # pairs of time and state
        self.volumes = dict(volumes)  # progress by time
        self.exists = exists

    def clock(self):
        return self.now

    def current(self):
        return [state for time, state in self.states if time <= self.now][-1]

    def wait(self, _ref, rule, timeout):
        end = self.now + timeout
        for moment in [self.now, *[time for time, _ in self.states if self.now < time <= end]]:
            self.now = moment
            verdict = rule(self.current())
            if verdict.failed:
                raise WaitFailedError(verdict.reason)
            if verdict.ready:
                return self.current()
        self.now = end
        raise WaitTimeoutError("too late")

    def get(self, _ref):
        return self.current() if self.exists else None

    def list(self, _version, kind, _namespace, labels):
        assert labels == "velero.io/backup-name=b"
        found = [value for time, value in self.volumes.items() if time <= self.now]
        if kind != "PodVolumeBackup" or not found:
            return []
        return [{"metadata": {"name": "v"}, "status": {"phase": "InProgress", "progress": found[-1]}}]


def follow(cluster, **patience):
    return wait_until_over(cluster, Run.from_api(cluster.states[0][1]), Patience(**patience, clock=cluster.clock))


def test_the_end_is_seen():
    cluster = Cluster((0, raw("InProgress")), (500, raw("Completed")))
    assert follow(cluster, timeout=3600, stall_timeout=600).phase == "Completed"
    assert cluster.now == 500


def test_without_progress_it_is_given_up():
    moving = [
        (second, raw("InProgress", progress={"totalItems": 9, "itemsBackedUp": second // 100}))
        for second in range(0, 500, 100)
    ]
    cluster = Cluster(*moving)
    with pytest.raises(
        MiniappInfraError, match="nothing has moved for 150 s: phase InProgress, 4 of 9 items"
    ) as caught:
        follow(cluster, timeout=3600, stall_timeout=150)
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.TIMEOUT, True)
    assert 550 <= cluster.now < 600


def test_the_queue_is_no_stall():
    cluster = Cluster((0, raw("Queued", queuePosition=1)), (5000, raw("InProgress")), (5100, raw("Completed")))
    assert follow(cluster, timeout=9000, stall_timeout=150).phase == "Completed"


def test_a_server_that_does_not_look_is_a_stall():
    with pytest.raises(MiniappInfraError, match="Velero has not seen it yet"):
        follow(Cluster((0, raw())), timeout=3600, stall_timeout=60)


def test_volumes_that_move_are_progress():
    cluster = Cluster(
        (0, raw("InProgress")),
        (900, raw("Completed")),
        volumes={second: {"bytesDone": second} for second in range(0, 900, 50)},
    )
    assert follow(cluster, timeout=3600, stall_timeout=100).phase == "Completed"


def test_volumes_that_stand_still_are_no_progress():
    cluster = Cluster((0, raw("InProgress")), volumes={0: {"bytesDone": 1}})
    with pytest.raises(MiniappInfraError, match="nothing has moved for 100 s"):
        follow(cluster, timeout=3600, stall_timeout=100)


def test_zero_means_no_limit_for_stalls():
    cluster = Cluster((0, raw("InProgress")))
    with pytest.raises(
        MiniappInfraError, match="Timed out after 3600 s waiting for the end of Backup velero/b: phase InProgress"
    ):
        follow(cluster, timeout=3600)
    assert cluster.now >= 3600


def test_what_is_gone_is_not_waited_for():
    with pytest.raises(
        MiniappInfraError, match="it was deleted meanwhile; its last state was phase InProgress"
    ) as caught:
        follow(Cluster((0, raw("InProgress")), exists=False), timeout=3600)
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_one_that_is_being_deleted_is_not_waited_for():
    with pytest.raises(MiniappInfraError, match="it is being deleted"):
        follow(Cluster((0, raw("InProgress")), (5, raw("Deleting"))), timeout=3600)
