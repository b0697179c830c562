# SPDX-License-Identifier: GPL-3.0-or-later
"""What stays, how a deletion meets a change, what is asked of the server once and what twice."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.kube import locate
from miniapp_infra.kube.discovery import Discovery, Resource
from miniapp_infra.kube.errors import KubeError, SeveralError
from miniapp_infra.kube.live import Target
from miniapp_infra.kube.models import ApplyOptions
from miniapp_infra.kube.objects import ObjectRef
from miniapp_infra.kube.prune import ATTEMPTS, Kept, prune, reason_to_keep, sort_out
from miniapp_infra.kube.recall import FRESH, Recall

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor
    from pathlib import Path

    from conftest import FakeServer
    from miniapp_infra.kube.client import Client

MINE = "shop/inventory-app"
OWNER = "miniapp.fuze/inventory"
CONFIG_MAP = Resource("v1", "ConfigMap", "configmaps", namespaced=True)
REF = ObjectRef("v1", "ConfigMap", "shop", "a")
TARGET = Target(REF, CONFIG_MAP)


def config_map(version: str = "1", **annotations: str) -> dict[str, Any]:
    metadata = {"name": "a", "namespace": "shop", "uid": "u", "resourceVersion": version}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {**metadata, "annotations": annotations},
    }


@pytest.mark.parametrize(
    ("annotations", "reason"),
    [
        ({OWNER: MINE}, ""),
        ({}, "it does not belong to this inventory any more"),
        ({OWNER: "shop/other"}, "it belongs to shop/other"),
        ({OWNER: MINE, "miniapp.fuze/keep": "true"}, "miniapp.fuze/keep"),
        ({OWNER: MINE, "miniapp.fuze/keep": "false"}, ""),
        ({OWNER: MINE, "helm.sh/resource-policy": "keep"}, "helm.sh/resource-policy"),
        ({OWNER: MINE, "argocd.argoproj.io/sync-options": "Prune=false"}, "Prune=false"),
        ({OWNER: MINE, "argocd.argoproj.io/sync-options": "Replace=true, Prune=false"}, "Prune=false"),
        ({OWNER: MINE, "argocd.argoproj.io/sync-options": "Prune=true"}, ""),
        ({"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"}, "Helm release shop/web"),
    ],
)
def test_reasons_to_stay(annotations: dict[str, str], reason: str) -> None:
    found = reason_to_keep(config_map(**annotations), MINE)
    assert (reason in found) if reason else not found


def test_what_was_found_by_label_belongs_to_nobody() -> None:
    assert not reason_to_keep(config_map(), "")
    assert reason_to_keep(config_map(**{OWNER: MINE}), "") == f"it belongs to {MINE}"


def test_what_is_going_already_is_neither_deleted_nor_kept() -> None:
    going = config_map(**{OWNER: MINE})
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert sort_out({TARGET: going}, MINE) == ({}, [])


class Changing:
    """An API server on which an object has another version at each look."""

    def __init__(self, server: FakeServer, states: Iterator[dict[str, Any] | None]) -> None:
        self._states = states
        self._now = next(states)
        self.bodies: list[dict[str, Any]] = []
        server.respond = self.respond

    def respond(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        del path
        if method == "GET":
            return (404, {}) if self._now is None else (200, self._now)
        self.bodies.append(json.loads(body))
        previous, self._now = self._now, next(self._states, self._now)
        if self._now is previous:
            return 200, {}
        return 409, {"reason": "Conflict", "message": "the precondition failed"}


def run(client: Client) -> Any:
    return prune(client, {TARGET: config_map("0", **{OWNER: MINE})}, MINE, ApplyOptions())


def test_a_deletion_names_uid_and_version(server: FakeServer, client: Client) -> None:
    changing = Changing(server, iter([config_map("7", **{OWNER: MINE})]))
    prune(
        client,
        {TARGET: config_map("7", **{OWNER: MINE})},
        MINE,
        ApplyOptions(propagation_policy="Foreground", check=True),
    )
    assert changing.bodies == [
        {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": "u", "resourceVersion": "7"},
            "dryRun": ["All"],
        }
    ]


def test_what_changed_is_looked_at_again(server: FakeServer, client: Client) -> None:
    states = [config_map(str(version), **{OWNER: MINE}) for version in range(3)]
    changing = Changing(server, iter(states))
    done = run(client)
    assert [body["preconditions"]["resourceVersion"] for body in changing.bodies] == ["0", "1", "2"]
    assert [outcome.action for outcome in done.outcomes] == ["deleted"]


def test_what_was_taken_over_in_between_stays(server: FakeServer, client: Client) -> None:
    changing = Changing(server, iter([config_map("0", **{OWNER: MINE}), config_map("1", **{OWNER: "shop/other"})]))
    done = run(client)
    assert done.kept == [Kept(REF, "it belongs to shop/other")]
    assert done.outcomes == []
    assert len(changing.bodies) == 1


def test_what_goes_in_between_is_gone(server: FakeServer, client: Client) -> None:
    Changing(server, iter([config_map("1", **{OWNER: MINE}), None]))
    assert [outcome.action for outcome in run(client).outcomes] == ["unchanged"]
    assert "GET" in server.requests[-1]


def test_what_was_gone_before_was_not_deleted_by_us(server: FakeServer, client: Client) -> None:
    answers(server, {})
    assert [outcome.action for outcome in run(client).outcomes] == ["unchanged"]


@pytest.mark.parametrize("again", [404, 409])
def test_a_lost_answer_to_a_deletion(server: FakeServer, client: Client, again: int) -> None:
    """The first request is carried out and answered by something in between; 409: finalizers hold the object."""
    statuses = iter([502, again])
    going = config_map("2", **{OWNER: MINE})
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    def respond(method: str, path: str, body: bytes) -> tuple[int, Any]:
        del path, body
        return (200, going) if method == "GET" else (next(statuses), {"message": "scripted"})

    server.respond = respond
    done = run(client)
    assert [outcome.action for outcome in done.outcomes] == ["deleted"]
    assert done.outcomes[0].before is not None


def test_what_never_rests_is_given_up(server: FakeServer, client: Client) -> None:
    changing = Changing(server, (config_map(str(version), **{OWNER: MINE}) for version in range(1000)))
    with pytest.raises(SeveralError, match="it changed each of the 10 times") as caught:
        run(client)
    assert len(changing.bodies) == ATTEMPTS
    assert caught.value.retryable


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


GADGET = ObjectRef("example.com/v1", "Gadget", "shop", "g")


def answers(server: FakeServer, table: dict[str, Any]) -> None:
    """Answer paths from a table; a number is a status without a body."""

    def respond(method: str, path: str, body: bytes) -> tuple[int, Any]:
        del method, body
        found = table.get(path.partition("?")[0], 404)
        return (found, {"message": "scripted"}) if isinstance(found, int) else (200, found)

    server.respond = respond


def kinds(*, scope: str = "Namespaced", **groups: list[str]) -> dict[str, Any]:
    """Return an aggregated discovery document; a version without the kind stands for a server that is down."""
    items = [
        {
            "metadata": {"name": group.replace("_", ".")},
            "versions": [
                {
                    "version": version,
                    "resources": [
                        {
                            "resource": "gadgets",
                            "scope": scope,
                            **({} if version == "down" else {"responseKind": {"kind": "Gadget"}}),
                        }
                    ],
                }
                for version in versions
            ],
        }
        for group, versions in groups.items()
    ]
    return {"kind": "APIGroupDiscoveryList", "items": items}


def served(group: str, *versions: str) -> dict[str, Any]:
    table: dict[str, Any] = {f"/apis/{group}": {"versions": [{"groupVersion": f"{group}/{name}"} for name in versions]}}
    for name in versions:
        table[f"/apis/{group}/{name}"] = {"resources": [{"name": "gadgets", "kind": "Gadget", "namespaced": True}]}
    return table


def found(client: Client, directory: Path, executor: Executor) -> list[str]:
    states = locate.read(client, Discovery(client, directory), [GADGET], executor)
    return [target.path for target in states]


OBJECT = {"kind": "Gadget", "metadata": {"name": "g", "namespace": "shop"}}


def test_a_namespace_that_a_kind_has_no_room_for(
    server: FakeServer, client: Client, tmp_path: Path, executor: Executor
) -> None:
    """It was recorded before the kind existed, and nobody knew."""
    path = "/apis/example.com/v1/gadgets/g"
    here = {**OBJECT, "metadata": {"name": "g"}}
    answers(server, {"/api": kinds(), "/apis": kinds(scope="Cluster", example_com=["v1"]), path: here})
    plain = ObjectRef("example.com/v1", "Gadget", "", "g")
    discovery = Discovery(client, tmp_path)
    assert [target.ref for target in locate.read(client, discovery, [GADGET], executor)] == [plain]
    assert locate.known(discovery, [GADGET]) == [plain]


def test_a_kind_in_another_version(server: FakeServer, client: Client, tmp_path: Path, executor: Executor) -> None:
    path = "/apis/example.com/v2/namespaces/shop/gadgets/g"
    answers(server, {"/api": kinds(), "/apis": kinds(example_com=["v2"]), path: OBJECT, **served("example.com", "v2")})
    assert found(client, tmp_path, executor) == [path]


def test_a_version_that_went_a_moment_ago(
    server: FakeServer, client: Client, tmp_path: Path, executor: Executor
) -> None:
    """The list of kinds still has it, the server does not."""
    path = "/apis/example.com/v2/namespaces/shop/gadgets/g"
    answers(server, {"/api": kinds(), "/apis": kinds(example_com=["v1"]), path: OBJECT, **served("example.com", "v2")})
    assert found(client, tmp_path, executor) == [path]


def test_a_kind_that_is_gone(server: FakeServer, client: Client, tmp_path: Path, executor: Executor) -> None:
    answers(server, {"/api": kinds(), "/apis": kinds()})
    assert found(client, tmp_path, executor) == []


def test_an_api_server_that_is_down_is_not_a_kind_that_is_gone(
    server: FakeServer, client: Client, tmp_path: Path, executor: Executor
) -> None:
    """Its kinds are missing from the list as well. To forget its objects would be to lose them."""
    table: dict[str, Any] = {"/api": kinds(), "/apis": kinds(example_com=["down"]), **served("example.com", "v1")}
    answers(server, {**table, "/apis/example.com/v1": 503})
    with pytest.raises(KubeError, match=r"Failed to read the kinds of example\.com/v1"):
        found(client, tmp_path, executor)


def test_the_same_question_is_asked_once(server: FakeServer, client: Client) -> None:
    now = [0.0]
    answers(server, {"/a": {"n": 1}, "/b": {"n": 2}})
    recall = Recall(client, clock=lambda: now[0])
    for _ in range(2):
        assert recall.get("/a", action="x").body == {"n": 1}
        assert recall.get("/a", action="x", query={"q": "1"}).body == {"n": 1}
        assert recall.get("/a", action="x", accept="text/plain").body == {"n": 1}
        assert recall.get("/b", action="x").body == {"n": 2}
    assert len(server.requests) == 4
    now[0] = FRESH + 0.1
    recall.get("/a", action="x")
    assert len(server.requests) == 5


def test_a_change_makes_a_client_forget(server: FakeServer, client: Client) -> None:
    answers(server, {"/a": {}})
    recall = Recall(client)
    recall.get("/a", action="x")
    recall.request("PATCH", "/a", action="x", body={})
    recall.get("/a", action="x")
    recall.get("/a", action="x")
    assert server.requests == ["GET /a", "PATCH /a", "GET /a", "GET /a"]


def test_failures_are_not_remembered(server: FakeServer, client: Client) -> None:
    answers(server, {"/a": 403})
    recall = Recall(client)
    with pytest.raises(KubeError):
        recall.get("/a", action="x")
    answers(server, {"/a": {}})
    assert recall.get("/a", action="x").body == {}


def test_that_something_does_not_exist_is_remembered(server: FakeServer, client: Client) -> None:
    answers(server, {})
    recall = Recall(client)
    for _ in range(2):
        with pytest.raises(KubeError, match="Failed to x: scripted"):
            recall.get("/a", action="x")
    assert len(server.requests) == 1
    recall.forget()
    answers(server, {"/a": {}})
    assert recall.get("/a", action="x").body == {}
