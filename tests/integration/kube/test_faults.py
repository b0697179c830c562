# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the network and the API server do: no lost object, no duplicate, no wrong ``changed``."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from truth.oracle import text

from api_proxy import ApiProxy
from live_apiserver import ApiServer, Raw
from miniapp_infra.kube.apply import apply
from miniapp_infra.kube.client import Client
from miniapp_infra.kube.connection import ConnectionOptions
from miniapp_infra.kube.delete import delete
from miniapp_infra.kube.discovery import Discovery
from miniapp_infra.kube.live import targets_of
from miniapp_infra.kube.models import ApplyOptions, Outcome
from miniapp_infra.kube.objects import ref_of
from miniapp_infra.kube.wait import WaitOptions, wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.live

Object = dict[str, Any]
PLURALS = {"ConfigMap": "api/v1", "Service": "api/v1", "Deployment": "apis/apps/v1", "Secret": "api/v1"}
COUNT = 40
PATIENCE = 300.0
"""Seconds in which an API server comes back, also on a busy machine."""


@dataclass(frozen=True)
class Network:
    """The engine, a broken network, and the API server behind it, which is also looked at directly."""

    proxy: ApiProxy
    server: ApiServer
    client: Client
    discovery: Discovery
    raw: Raw
    namespace: str

    def apply(self, objects: list[Object], *, check: bool = False) -> list[Outcome]:
        return apply(self.client, self.discovery, objects, ApplyOptions(namespace=self.namespace, check=check))

    def state(self) -> dict[tuple[str, str], Object]:
        """Everything in the namespace; a list can hold a name once only, and a duplicate would have another name."""
        found = {}
        for kind, root in PLURALS.items():
            for item in self.raw.get(f"/{root}/namespaces/{self.namespace}/{kind.lower()}s")["items"]:
                if item["metadata"]["name"] != "kube-root-ca.crt":
                    found[kind, item["metadata"]["name"]] = item
        return found

    def converge(self, objects: list[Object]) -> list[Outcome]:
        """Apply, and compare what was told with the state before and after; then apply once more."""
        before = self.state()
        outcomes = self.apply(objects)
        self.is_true(outcomes, before, objects)
        return outcomes

    def is_true(self, outcomes: list[Outcome], before: dict[tuple[str, str], Object], objects: list[Object]) -> None:
        after = self.state()
        declared = {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects}
        assert after.keys() == before.keys() | declared.keys()
        for key, obj in declared.items():
            assert holds(after[key], obj), key
        told = {(item.ref.kind, item.ref.name): item for item in outcomes}
        assert len(outcomes) == len(told) == len(declared)
        for key, outcome in told.items():
            assert outcome.changed is (text(before.get(key)) != text(after[key])), (key, outcome.action)
            assert (outcome.action == "created") is (key not in before), key
        self.proxy.set_faults()
        assert [item.ref for item in self.apply(objects) if item.changed] == []
        assert versions(self.state()) == versions(after)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.fixture
def network(server: ApiServer, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Network]:
    raw = server.raw()
    namespace = request.node.name.replace("_", "-").replace("[", "-").rstrip("]")
    status, body = raw.send("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert status == 201, body
    with ApiProxy(server.kubeconfig) as proxy:
        client = Client.connect(ConnectionOptions(kubeconfig=str(proxy.kubeconfig), retry_timeout=PATIENCE))
        yield Network(proxy, server, client, Discovery(client, tmp_path), raw, namespace)


def holds(live: Any, declared: Any) -> bool:
    """Tell whether a live value has all that was declared."""
    if isinstance(declared, dict):
        return isinstance(live, dict) and all(
            key in live and holds(live[key], declared[key]) for key in declared if key not in {"apiVersion", "kind"}
        )
    if isinstance(declared, list):
        return isinstance(live, list) and len(live) == len(declared) and all(map(holds, live, declared))
    return json.dumps(live) == json.dumps(declared)


def versions(state: dict[tuple[str, str], Object]) -> dict[tuple[str, str], str]:
    return {key: obj["metadata"]["resourceVersion"] for key, obj in state.items()}


def objects_of(namespace: str, value: str) -> list[Object]:
    """A set of four kinds; every second object has the value in it."""
    objects: list[Object] = []
    for number in range(COUNT):
        own = value if number % 2 else "same"
        labels = {"app": f"o{number}"}
        template = {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "a", "image": f"example.com/a:{own}"}]},
        }
        for kind, body in (
            ("ConfigMap", {"data": {"value": own}}),
            ("Secret", {"data": {"value": "YQ=="}, "type": "Opaque"}),
            ("Service", {"spec": {"ports": [{"port": 80, "name": own}], "selector": labels}}),
            ("Deployment", {"spec": {"selector": {"matchLabels": labels}, "template": template}}),
        ):
            api_version = PLURALS[kind].partition("/")[2]
            metadata = {"name": f"o{number}", "namespace": namespace}
            objects.append({"apiVersion": api_version, "kind": kind, "metadata": metadata, **body})
    return objects


def one_of_each(verb: str) -> list[dict[str, Any]]:
    """One fault of each kind, at exactly one request each."""
    return [
        {"kind": "throttle", "verb": verb, "nth": [2]},
        {"kind": "gateway_timeout", "verb": verb, "nth": [3]},
        {"kind": "disconnect", "verb": verb, "nth": [4]},
        {"kind": "lost_answer", "mode": "cut", "verb": verb, "nth": [5]},
        {"kind": "lost_answer", "mode": "504", "verb": verb, "nth": [6]},
        {"kind": "cut_answer", "verb": verb, "nth": [7]},
    ]


ONE_PERCENT = [
    {"kind": "throttle", "probability": 0.01, "seed": 1},
    {"kind": "gateway_timeout", "probability": 0.01, "seed": 2},
    {"kind": "lost_answer", "mode": "504", "probability": 0.01, "seed": 3},
]


def test_one_percent_of_everything(network: Network) -> None:
    """Creating, changing a half, and changing nothing, over hundreds of requests; each kind of fault is met."""
    first, second = objects_of(network.namespace, "first"), objects_of(network.namespace, "second")
    for objects, changed in ((first, len(first)), (second, len(second) * 3 // 8), (second, 0)):
        network.proxy.set_faults(*one_of_each("apply"), *ONE_PERCENT)
        network.proxy.reset()
        before = network.state()
        outcomes = network.apply(objects)
        injected = [fault["injected"] for fault in network.proxy.stats()["faults"]]
        network.is_true(outcomes, before, objects)
        assert sum(outcome.changed for outcome in outcomes) == changed
        assert injected[:6] == ([1] * 6 if changed else [0] * 6)


@pytest.mark.parametrize("mode", ["cut", "504"])
def test_every_second_answer_is_lost(network: Network, mode: str) -> None:
    """What was carried out without an answer is told as changed, and what was not touched is not."""
    lost = {"kind": "lost_answer", "mode": mode, "every": 2}
    first, second = (objects_of(network.namespace, value)[:24] for value in ("first", "second"))
    for objects, changed in ((first, 24), (second, 9), (second, 0)):
        network.proxy.set_faults({**lost, "verb": "apply"}, {**lost, "method": "GET"})
        assert sum(outcome.changed for outcome in network.converge(objects)) == changed


def test_a_lost_answer_and_the_write_of_another(network: Network) -> None:
    """Another manager writes between our request, whose answer is lost, and its repetition."""
    (obj,) = objects_of(network.namespace, "first")[:1]
    network.converge([obj])
    changed = {**obj, "data": {"value": "ours"}}
    network.proxy.set_faults({"kind": "hold", "mode": "lost", "verb": "apply", "first": 1})
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(network.apply, [changed])
        network.proxy.wait_until(lambda stats: stats["held"] == 1)
        path = f"/api/v1/namespaces/{network.namespace}/configmaps/o0"
        patch = {"data": {"theirs": "x"}}
        status, body = network.raw.send("PATCH", path, patch, content_type="application/merge-patch+json")
        assert status == 200, body
        network.proxy.release()
        (outcome,) = running.result(timeout=PATIENCE)
    assert outcome.changed
    assert outcome.before is not None
    assert outcome.before["data"] == {"value": "same"}
    assert network.raw.get(path)["data"] == {"value": "ours", "theirs": "x"}


def test_check_mode_is_true_as_well(network: Network) -> None:
    first, second = (objects_of(network.namespace, value)[:24] for value in ("first", "second"))
    for objects, changed in ((first, 24), (second, 9)):
        before = network.state()
        network.proxy.set_faults(*one_of_each("apply"))
        network.proxy.reset()
        told = network.apply(objects, check=True)
        assert [fault["injected"] for fault in network.proxy.stats()["faults"]] == [1] * 6
        assert versions(network.state()) == versions(before)
        assert sum(outcome.changed for outcome in told) == changed
        network.proxy.set_faults()
        done = network.apply(objects)
        assert [item.action for item in done] == [item.action for item in told]


def test_deletion(network: Network) -> None:
    objects = objects_of(network.namespace, "first")[:24]
    network.converge(objects)
    network.proxy.set_faults(*one_of_each("delete"), {"kind": "lost_answer", "verb": "delete", "every": 3})
    network.proxy.reset()
    outcomes = delete(network.client, network.discovery, objects, ApplyOptions(namespace=network.namespace))
    assert [fault["injected"] for fault in network.proxy.stats()["faults"]][:6] == [1] * 6
    assert {item.action for item in outcomes} == {"deleted"}
    assert len(outcomes) == 24
    assert network.state() == {}
    network.proxy.set_faults()
    outcomes = delete(network.client, network.discovery, objects, ApplyOptions(namespace=network.namespace))
    assert not any(item.changed for item in outcomes)


@pytest.mark.parametrize("changes", ["create", "update"])
@pytest.mark.parametrize("mode", ["lost", "before"])
def test_the_api_server_is_killed_amid_an_apply(network: Network, changes: str, mode: str) -> None:
    """One request was carried out and its answer is lost, or it never arrives; the others find nobody for a while."""
    objects = objects_of(network.namespace, "first")
    if changes == "update":
        network.converge(objects)
        objects = objects_of(network.namespace, "second")
    before = network.state()
    network.proxy.set_faults({"kind": "hold", "mode": mode, "verb": "apply", "nth": [10]})
    network.proxy.reset()
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(network.apply, objects)
        network.proxy.wait_until(lambda stats: stats["held"] == 1)
        network.server.kill()
        network.proxy.release()
        network.server.start()
        outcomes = running.result(timeout=PATIENCE)
    network.is_true(outcomes, before, objects)
    assert sum(outcome.changed for outcome in outcomes) == len(objects) * (1 if changes == "create" else 3 / 8)


def jobs_of(network: Network, count: int) -> list[Object]:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "example.com/a:1"}]}}
    return [
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": f"j{number}", "namespace": network.namespace},
            "spec": {"template": template},
        }
        for number in range(count)
    ]


def finish(network: Network, job: Object) -> None:
    """Write what the Job controller, which this API server does not have, would write."""
    now = "2026-01-01T00:00:00Z"
    conditions = [{"type": kind, "status": "True", "reason": "R"} for kind in ("SuccessCriteriaMet", "Complete")]
    status, body = network.raw.send(
        "PATCH",
        f"/apis/batch/v1/namespaces/{network.namespace}/jobs/{job['metadata']['name']}/status",
        {"status": {"startTime": now, "completionTime": now, "conditions": conditions}},
        content_type="application/merge-patch+json",
    )
    assert status == 200, body


def waiting_for(network: Network, jobs: list[Object]) -> set[str]:
    targets = targets_of(network.discovery, map(ref_of, jobs))
    states = wait(network.client, targets, WaitOptions(timeout=PATIENCE))
    return {ref.name for ref in states}


def watches(stats: dict[str, Any]) -> int:
    return int(stats["by_verb"].get("watch jobs", 0))


@pytest.mark.parametrize("mode", ["cut", "end"])
def test_watches_that_end_after_each_event_lose_none(network: Network, mode: str) -> None:
    jobs = jobs_of(network, 4)
    network.apply(jobs)
    network.proxy.set_faults({"kind": "watch_cut", "mode": mode, "every": 1, "after_events": 1})
    network.proxy.reset()
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(waiting_for, network, jobs)
        for number, job in enumerate(jobs, 1):
            # Each event ends the watch that brings it, so that the next one needs another watch.
            network.proxy.wait_until(lambda stats, number=number: watches(stats) >= number)
            finish(network, job)
        assert running.result(timeout=PATIENCE) == {job["metadata"]["name"] for job in jobs}
    assert network.proxy.stats()["injected"]["watch_cut"] >= len(jobs)


@pytest.mark.parametrize(
    "faults",
    [
        [{"kind": "watch_cut", "first": 3}],
        [{"kind": "watch_gone", "first": 1, "mode": "event"}],
        [{"kind": "watch_gone", "first": 1, "mode": "410"}],
        [
            {"kind": "watch_gone", "first": 1, "mode": "410"},
            {"kind": "watch_cut", "first": 1},
            {"kind": "watch_gone", "first": 1, "mode": "event"},
            {"kind": "cut_answer", "verb": "list", "resource": "jobs", "first": 1},
            {"kind": "throttle", "verb": "list", "resource": "jobs", "first": 1},
        ],
    ],
    ids=["cut", "expired-event", "expired-answer", "all"],
)
def test_what_happens_between_two_watches_is_seen(network: Network, faults: list[dict[str, Any]]) -> None:
    """All objects become ready while no watch works."""
    jobs = jobs_of(network, 3)
    network.apply(jobs)
    network.proxy.set_faults(*faults)
    network.proxy.reset()
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(waiting_for, network, jobs)
        network.proxy.wait_until(lambda stats: watches(stats) >= 1)
        for job in jobs:
            finish(network, job)
        assert running.result(timeout=PATIENCE) == {job["metadata"]["name"] for job in jobs}
    first = network.proxy.stats()["faults"][0]
    assert first["injected"] >= 1


def test_the_api_server_is_killed_amid_a_wait(network: Network) -> None:
    jobs = jobs_of(network, 2)
    network.apply(jobs)
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(waiting_for, network, jobs)
        network.proxy.wait_until(lambda stats: watches(stats) >= 1)
        finish(network, jobs[0])
        network.server.kill()
        network.server.start()
        finish(network, jobs[1])
        assert running.result(timeout=PATIENCE) == {"j0", "j1"}
