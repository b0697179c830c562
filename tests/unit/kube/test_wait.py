# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: what is known after which events, and what survives a broken watch."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.kube.discovery import Resource
from miniapp_infra.kube.errors import WaitFailedError, WaitTimeoutError
from miniapp_infra.kube.live import Target
from miniapp_infra.kube.models import Action, Outcome
from miniapp_infra.kube.objects import ref_of
from miniapp_infra.kube.predicates import Verdict, for_kind
from miniapp_infra.kube.wait import Progress, WaitOptions, _collections, wait
from miniapp_infra.kube.watching import Changed, Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conftest import FakeServer
    from miniapp_infra.kube.client import Client

NAMESPACES = Resource("v1", "Namespace", "namespaces", namespaced=False)
JOBS = Resource("batch/v1", "Job", "jobs", namespaced=True)


def namespace(name: str = "a", phase: str = "Active", version: str = "1") -> dict[str, Any]:
    metadata = {"name": name, "resourceVersion": version}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata, "status": {"phase": phase}}


def job(namespace: str, **status: Any) -> dict[str, Any]:
    metadata = {"name": "j", "namespace": namespace, "resourceVersion": "1"}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "status": status}


TARGET = Target(ref_of(namespace()), NAMESPACES)


def test_progress_follows_events() -> None:
    progress = Progress([TARGET], WaitOptions())
    progress.take(Snapshot(NAMESPACES, "", ()))
    assert not progress.is_done
    progress.take(Changed(NAMESPACES, namespace("other"), exists=True))
    assert not progress.is_done
    progress.take(Changed(NAMESPACES, namespace(), exists=True))
    assert progress.is_done
    progress.take(Changed(NAMESPACES, namespace(), exists=False))
    assert not progress.is_done


def test_a_snapshot_tells_about_its_own_namespace_only() -> None:
    targets = [Target(ref_of(job(name)), JOBS) for name in ("m", "n")]
    progress = Progress(targets, WaitOptions(absent=True))
    progress.take(Snapshot(JOBS, "m", ()))
    assert [ref.namespace for ref in progress.pending] == ["n"]
    progress.take(Snapshot(JOBS, "", ()))
    assert progress.is_done


def outcome(obj: dict[str, Any]) -> Outcome:
    return Outcome(ref_of(obj), Action.UPDATED, obj, obj, version=obj["metadata"]["resourceVersion"])


def test_what_an_apply_has_seen_ready_costs_no_request(server: FakeServer, client: Client) -> None:
    assert wait(client, [TARGET], WaitOptions(), known=[outcome(namespace())]) == {TARGET.ref: namespace()}
    assert server.requests == []


def test_the_watch_begins_at_the_oldest_state_and_older_events_do_not_count() -> None:
    states = [job("m"), job("n")]
    states[0]["metadata"]["resourceVersion"], states[1]["metadata"]["resourceVersion"] = "9", "11"
    done = {"conditions": [{"type": "Complete", "status": "True"}]}
    stale, fresh, other = job("n", **done), job("n", suspended=True), job("m", **done)
    for obj, version in ((stale, "10"), (other, "12"), (fresh, "13")):
        obj["metadata"]["resourceVersion"] = version
    progress = Progress([Target(ref_of(state), JOBS) for state in states], WaitOptions())
    for state in states:
        progress.know(outcome(state))
    progress.take(Changed(JOBS, stale, exists=True))
    progress.take(Changed(JOBS, other, exists=True))
    assert [ref.namespace for ref in progress.pending] == ["n"]
    progress.take(Changed(JOBS, {**fresh, "status": done}, exists=True))
    assert progress.is_done
    (collection,) = _collections(
        [Target(ref_of(state), JOBS) for state in states], {ref_of(state): outcome(state) for state in states}
    )
    assert collection.version == "9"


def test_namespaces_are_watched_one_by_one_where_all_of_them_may_not_be(server: FakeServer, client: Client) -> None:
    done = {"conditions": [{"type": "Complete", "status": "True"}]}

    def respond(_method: str, path: str, _body: bytes) -> tuple[int, Any]:
        if path.startswith("/apis/batch/v1/jobs"):
            return 403, {"message": "no", "reason": "Forbidden"}
        name = path.split("/")[5]
        if "watch=1" in path:
            return 200, []
        return 200, {"metadata": {"resourceVersion": "5"}, "items": [job(name, **done)]}

    server.respond = respond
    targets = [Target(ref_of(job(name)), JOBS) for name in ("m", "n")]
    assert len(wait(client, targets, WaitOptions(timeout=60))) == 2
    assert any(line.startswith("GET /apis/batch/v1/namespaces/m/jobs") for line in server.requests)


def test_absence_names_the_finalizers_that_are_left() -> None:
    progress = Progress([TARGET], WaitOptions(absent=True))
    obj = namespace()
    obj["metadata"]["finalizers"] = ["example.com/stuck"]
    progress.take(Snapshot(NAMESPACES, "", (obj,)))
    assert "Namespace a still has finalizers ['example.com/stuck']" in progress.timed_out().message


def test_a_lasting_failure_ends_the_wait_at_once() -> None:
    progress = Progress([Target(ref_of(job("n")), JOBS)], WaitOptions())
    failed = job("n", conditions=[{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}])
    with pytest.raises(WaitFailedError, match="Failed to wait for Job n/j: it cannot become ready: DeadlineExceeded"):
        progress.take(Changed(JOBS, failed, exists=True))


def test_the_time_limit_tells_the_last_conditions() -> None:
    progress = Progress([Target(ref_of(job("n")), JOBS)], WaitOptions(timeout=7))
    suspended = [{"type": "Waiting", "status": "True", "reason": "Queue", "message": "is long"}]
    progress.take(Snapshot(JOBS, "n", (job("n", active=2, conditions=suspended),)))
    message = progress.timed_out().message
    assert message.startswith("Timed out after 7 s waiting until 1 objects are ready: Job n/j 2 pods are active")
    assert message.endswith("[Waiting=True (Queue is long)]")


def test_one_watch_per_kind() -> None:
    targets = [Target(ref_of(job(name)), JOBS) for name in ("m", "n")] + [TARGET]
    found = {item.resource.kind: (item.namespace, dict(item.selectors)) for item in _collections(targets, {})}
    assert found == {"Job": ("", {}), "Namespace": ("", {"fieldSelector": "metadata.name=a"})}


class Api:
    """Serves one list, then each watch in turn."""

    def __init__(self, server: FakeServer, *watches: Any) -> None:
        self.watches = list(watches)
        server.respond = self

    def __call__(self, _method: str, path: str, _body: bytes) -> tuple[int, Any]:
        if "watch=1" in path:
            return self.watches.pop(0) if self.watches else (200, [])
        pending = namespace(phase="Terminating")
        return 200, {"metadata": {"resourceVersion": "1"}, "items": [pending]}


DONE = (200, [{"type": "MODIFIED", "object": namespace(version="9")}])
EXPIRED = {"type": "ERROR", "object": {"code": 410, "metadata": {}}}
BOOKMARK = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "5"}}}


@pytest.mark.parametrize(
    ("before", "resumes_at"),
    [
        ((200, []), "1"),
        ((200, [BOOKMARK]), "5"),
        ((503, {"message": "restarting"}), "1"),
    ],
)
def test_an_ended_watch_goes_on_where_it_was(server: FakeServer, client: Client, before: Any, resumes_at: str) -> None:
    Api(server, before, DONE)
    wait(client, [TARGET], WaitOptions(timeout=10))
    assert f"resourceVersion={resumes_at}&" in [path for path in server.requests if "watch=1" in path][1]


@pytest.mark.parametrize("before", [(200, [EXPIRED]), (410, {"message": "too old"})])
def test_an_expired_watch_lists_again(server: FakeServer, client: Client, before: Any) -> None:
    Api(server, before, DONE)
    wait(client, [TARGET], WaitOptions(timeout=10))
    assert ["watch=1" in path for path in server.requests] == [False, True, False, True]


def test_a_forbidden_watch_is_told(server: FakeServer, client: Client) -> None:
    Api(server, (403, {"message": "no"}))
    with pytest.raises(Exception, match="Failed to watch namespaces: no"):
        wait(client, [TARGET], WaitOptions(timeout=10))


def test_the_time_limit_holds(server: FakeServer, client: Client) -> None:
    Api(server)
    seen = threading.Event()

    def predicate(obj: Mapping[str, Any]) -> Verdict:
        seen.set()
        return for_kind("v1", "Namespace")(obj)

    options = WaitOptions(timeout=5, predicate=predicate, clock=lambda: 60.0 if seen.is_set() else 0.0)
    with pytest.raises(WaitTimeoutError, match=r"after 5 s .* Namespace a phase is Terminating"):
        wait(client, [TARGET], options)
