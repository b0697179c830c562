# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding kinds, remembering them, and asking again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.kube.discovery import Discovery, Resource, from_definitions
from miniapp_infra.kube.errors import KubeError, UnknownKindError

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import FakeServer
    from miniapp_infra.kube.client import Client


def group(name: str, *kinds: tuple[str, str, str]) -> dict[str, Any]:
    resources = [{"resource": plural, "responseKind": {"kind": kind}, "scope": scope} for kind, plural, scope in kinds]
    return {"metadata": {"name": name}, "versions": [{"version": "v1", "resources": resources}]}


class Api:
    def __init__(self, server: FakeServer) -> None:
        self.groups = [group("apps", ("Deployment", "deployments", "Namespaced"))]
        server.respond = self

    def __call__(self, _method: str, path: str, _body: bytes) -> tuple[int, Any]:
        core = [group("", ("Namespace", "namespaces", "Cluster"), ("Pod", "pods", "Namespaced"))]
        return 200, {"kind": "APIGroupDiscoveryList", "items": core if path == "/api" else self.groups}


def test_kinds_and_their_paths(server: FakeServer, client: Client, tmp_path: Path) -> None:
    Api(server)
    discovery = Discovery(client, tmp_path)
    assert discovery.resolve("v1", "Namespace").path("", "a") == "/api/v1/namespaces/a"
    assert discovery.resolve("v1", "Pod").path("n", "a") == "/api/v1/namespaces/n/pods/a"
    assert discovery.resolve("apps/v1", "Deployment").collection() == "/apis/apps/v1/deployments"
    assert sorted(server.requests) == ["GET /api", "GET /apis"]


def test_the_next_process_asks_nothing(server: FakeServer, client: Client, tmp_path: Path) -> None:
    Api(server)
    cache = tmp_path / "cache"
    Discovery(client, cache).resolve("v1", "Pod")
    server.requests.clear()
    assert Discovery(client, cache).resolve("v1", "Pod").plural == "pods"
    assert server.requests == []
    assert cache.stat().st_mode & 0o777 == 0o700
    assert next(cache.iterdir()).stat().st_mode & 0o777 == 0o600


def test_an_unknown_kind_asks_again_once(server: FakeServer, client: Client, tmp_path: Path) -> None:
    api = Api(server)
    Discovery(client, tmp_path).resolve("v1", "Pod")
    api.groups.append(group("example.com", ("Widget", "widgets", "Namespaced")))
    discovery = Discovery(client, tmp_path)
    assert discovery.resolve("example.com/v1", "Widget").plural == "widgets"
    server.requests.clear()
    for _ in range(3):
        with pytest.raises(UnknownKindError, match=r"Failed to find Gadget in example\.com/v1"):
            discovery.resolve("example.com/v1", "Gadget")
    assert server.requests == []


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"other": 1}]'])
def test_a_spoiled_cache_is_replaced(server: FakeServer, client: Client, tmp_path: Path, content: str) -> None:
    Api(server)
    Discovery(client, tmp_path).resolve("v1", "Pod")
    next(tmp_path.iterdir()).write_text(content)
    assert Discovery(client, tmp_path).resolve("v1", "Pod").plural == "pods"


def test_servers_without_aggregated_discovery(server: FakeServer, client: Client, tmp_path: Path) -> None:
    answers = {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "groups": [{"versions": [{"groupVersion": "apps/v1"}]}]},
        "/api/v1": {"resources": [{"name": "pods", "kind": "Pod", "namespaced": True}]},
        "/apis/apps/v1": {
            "resources": [
                {"name": "deployments", "kind": "Deployment", "namespaced": True},
                {"name": "deployments/scale", "kind": "Scale", "namespaced": True},
            ]
        },
    }
    server.respond = lambda _method, path, _body: (200, answers[path])
    discovery = Discovery(client, tmp_path)
    assert discovery.resolve("apps/v1", "Deployment").plural == "deployments"
    assert discovery.find("apps/v1", "Scale") is None


def test_kinds_of_definitions_that_are_about_to_be_applied() -> None:
    spec = {
        "group": "example.com",
        "scope": "Cluster",
        "names": {"kind": "Widget", "plural": "widgets"},
        "versions": [{"name": "v1", "served": True}, {"name": "v0", "served": False}],
    }
    table = from_definitions([{"spec": spec}])
    assert table == {("example.com/v1", "Widget"): Resource("example.com/v1", "Widget", "widgets", namespaced=False)}


def test_what_charts_are_told(server: FakeServer, client: Client, tmp_path: Path) -> None:
    Api(server)
    discovery = Discovery(client, tmp_path)
    assert discovery.api_versions() == ["apps/v1", "v1"]
    assert discovery.capabilities() == ["apps/v1", "v1", "apps/v1/Deployment", "v1/Namespace", "v1/Pod"]


def test_the_version_of_the_server_is_remembered(server: FakeServer, client: Client, tmp_path: Path) -> None:
    api = Api(server)

    def respond(method: str, path: str, body: bytes) -> tuple[int, Any]:
        return (200, {"gitVersion": "v1.36.3"}) if path == "/version" else api(method, path, body)

    server.respond = respond
    first = Discovery(client, tmp_path)
    first.resolve("v1", "Pod")
    assert first.server_version() == "v1.36.3"
    server.requests.clear()
    second = Discovery(client, tmp_path)
    assert second.server_version() == "v1.36.3"
    assert second.resolve("v1", "Pod").plural == "pods"
    assert server.requests == []


def test_kinds_of_new_definitions_are_added_without_a_request(
    server: FakeServer, client: Client, tmp_path: Path
) -> None:
    Api(server)
    discovery = Discovery(client, tmp_path)
    discovery.resolve("v1", "Pod")
    server.requests.clear()
    discovery.add({("example.com/v1", "Widget"): Resource("example.com/v1", "Widget", "widgets", namespaced=True)})
    assert Discovery(client, tmp_path).resolve("example.com/v1", "Widget").plural == "widgets"
    assert server.requests == []


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_is_no_way_to_another_place(name: str) -> None:
    pods = Resource("v1", "Pod", "pods", namespaced=True)
    with pytest.raises(KubeError, match="name: must not be"):
        pods.path("n", name)
    with pytest.raises(KubeError, match="namespace: must not be"):
        pods.collection(name)


@pytest.mark.parametrize("spec", [None, {}, {"group": "example.com"}, {"versions": None}, {"names": {}}])
def test_incomplete_definitions_are_for_the_server_to_refuse(spec: Any) -> None:
    assert from_definitions([{"kind": "CustomResourceDefinition", "spec": spec}]) == {}
