# SPDX-License-Identifier: GPL-3.0-or-later
"""When a wait ends: each case is something that Argo CD really reports."""

from __future__ import annotations

import copy

import pytest

from miniapp_infra.argocd import Application, Expectation, wait_for_application
from miniapp_infra.errors import ErrorCode, MiniappInfraError

SOURCE = {"repoURL": "oci://registry/charts/x", "targetRevision": "0.1.0", "path": "."}
OLD = {**SOURCE, "targetRevision": "0.0.9"}
RAW = {
    "metadata": {"name": "app", "namespace": "argocd"},
    "spec": {"project": "p", "sources": [SOURCE]},
    "status": {
        "sync": {"status": "Synced", "comparedTo": {"sources": [SOURCE]}, "revisions": ["sha256:1"]},
        "health": {"status": "Healthy"},
        "reconciledAt": "2026-11-22T10:00:05Z",
        "operationState": {
            "phase": "Succeeded",
            "message": "successfully synced (all tasks run)",
            "startedAt": "2026-11-22T10:00:00Z",
            "finishedAt": "2026-11-22T10:00:03Z",
            "operation": {"sync": {"sources": [SOURCE]}},
            "syncResult": {"sources": [SOURCE], "resources": []},
        },
    },
}


def raw(**changes):
    """Return an application with values set at dotted paths."""
    result = copy.deepcopy(RAW)
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = result
        for key in parents:
            target = target.setdefault(key, {})
        target[last] = value
    return result


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def wait(*states, expectation=None, timeout=100, grace=30, problem=lambda: ""):
    """Wait over a sequence of states, of which the last one stays."""
    clock, remaining = Clock(), list(states)

    def read():
        state = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        return None if state is None else Application.from_api(state)

    return wait_for_application(
        read,
        "app",
        expectation or Expectation(),
        timeout=timeout,
        interval=5,
        grace=grace,
        problem=problem,
        clock=clock,
        sleep=clock.sleep,
    )


def test_already_there_needs_one_look():
    result = wait(raw())
    assert (result.polls, result.elapsed) == (1, 0)


def test_comes_into_being():
    assert wait(None, None, raw()).polls == 3


@pytest.mark.parametrize(
    "pending",
    [
        raw(status__sync__status="OutOfSync"),
        raw(status__health__status="Progressing"),
        raw(operation={"sync": {}}),
        raw(status__operationState__phase="Running"),
        raw(status__sync__comparedTo={"sources": [OLD]}),
        raw(metadata__annotations={"argocd.argoproj.io/refresh": "normal"}),
        raw(status__reconciledAt="2026-11-22T10:00:01Z"),
    ],
    ids=[
        "out-of-sync",
        "progressing",
        "requested",
        "running",
        "compared-with-old",
        "refresh-pending",
        "compared-before-end",
    ],
)
def test_not_there_yet(pending):
    assert wait(pending, raw()).polls == 2
    with pytest.raises(MiniappInfraError, match="Timed out after 20s") as caught:
        wait(pending, timeout=20)
    assert caught.value.code is ErrorCode.TIMEOUT
    assert caught.value.retryable


def test_running_with_a_finish_time_is_a_pending_retry():
    pending = raw(status__operationState__phase="Running", status__operationState__retryCount=1)
    assert wait(pending, raw()).polls == 2


def test_the_timeout_says_what_was_seen_last():
    with pytest.raises(MiniappInfraError, match="health Progressing; waiting for rollout"):
        wait(raw(status__health={"status": "Progressing", "message": "waiting for rollout"}), timeout=10)


def test_suspended_counts_where_it_is_accepted():
    suspended = raw(status__health__status="Suspended")
    assert wait(suspended, expectation=Expectation(accept_health=("Healthy", "Suspended"))).polls == 1
    with pytest.raises(MiniappInfraError):
        wait(suspended, timeout=10)


def test_blocked_by_a_window_fails_at_once():
    blocked = raw(
        status__operationState__phase="Running",
        status__operationState__message="Sync operation blocked by sync window",
    )
    with pytest.raises(MiniappInfraError, match="sync window") as caught:
        wait(blocked)
    assert caught.value.code is ErrorCode.FROZEN


FAILED = {
    "status__sync__status": "OutOfSync",
    "status__operationState__phase": "Failed",
    "status__operationState__message": "one or more objects failed to apply",
    "status__operationState__syncResult": {
        "sources": [SOURCE],
        "resources": [
            {"kind": "Deployment", "name": "app", "status": "SyncFailed", "message": "denied request: unsigned"}
        ],
    },
}
STUCK = {
    "failed operation": raw(**FAILED),
    "refused again and again": raw(
        **{
            **FAILED,
            "status__operationState__phase": "Running",
            "status__operationState__retryCount": 2,
            "status__operationState__message": "admission webhook denied request: unsigned",
        }
    ),
    "error condition": raw(status__conditions=[{"type": "ComparisonError", "message": "denied request: unsigned"}]),
    "degraded": raw(status__health={"status": "Degraded", "message": "denied request: unsigned"}),
}


@pytest.mark.parametrize("state", STUCK.values(), ids=STUCK)
def test_an_error_that_stays_fails_before_the_timeout(state):
    state["status"]["sync"]["status"] = "OutOfSync"
    with pytest.raises(MiniappInfraError, match="unsigned") as caught:
        wait(state, timeout=1000, grace=30)
    assert caught.value.code is ErrorCode.UPSTREAM


@pytest.mark.parametrize("state", STUCK.values(), ids=STUCK)
def test_an_error_that_goes_away_does_not_fail(state):
    state["status"]["sync"]["status"] = "OutOfSync"
    assert wait(state, state, raw(status__health__status="Progressing"), state, state, raw(), grace=15).polls == 6


def test_retries_without_a_refusal_are_waited_for():
    """A webhook that restarts refuses connections for a while; Argo CD tries again by itself."""
    retrying = raw(
        status__operationState__phase="Running",
        status__operationState__retryCount=2,
        status__operationState__message="failed calling webhook: connection refused",
    )
    with pytest.raises(MiniappInfraError) as caught:
        wait(retrying, timeout=200, grace=30)
    assert caught.value.code is ErrorCode.TIMEOUT


def test_errors_of_what_was_before_do_not_count():
    """An application that failed with its old release must not fail the wait for the new one."""
    old = raw(**{**FAILED, "spec__sources": [OLD]})
    old["status"]["operationState"]["syncResult"]["sources"] = [OLD]
    old["status"]["conditions"] = [{"type": "SyncError", "message": "old"}]
    wanted = Expectation(asks=lambda application: application.sources == (SOURCE,))
    assert wait(*[old] * 12, raw(), expectation=wanted, grace=10).polls == 13


def test_why_the_application_is_not_made():
    with pytest.raises(MiniappInfraError, match="template error"):
        wait(None, problem=lambda: "ApplicationSet x: template error", grace=20)
    with pytest.raises(MiniappInfraError, match=r"Timed out .*does not exist"):
        wait(None, timeout=20)


def test_own_operation_is_told_from_others():
    ours = Expectation(run="1")
    marked = raw(status__operationState__operation={"info": [{"name": "miniapp-infra-run", "value": "1"}]})
    assert wait(raw(), raw(), marked, expectation=ours).polls == 3
    failed = raw(**FAILED, status__operationState__operation={"info": [{"name": "miniapp-infra-run", "value": "1"}]})
    with pytest.raises(MiniappInfraError, match="unsigned"):
        wait(failed, expectation=ours, timeout=1000)
