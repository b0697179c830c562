# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests the present state of a set costs."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from miniapp_infra.kube.discovery import Resource
from miniapp_infra.kube.live import MANY, PAGE, SHORT_PAGE, Survey, Target, survey
from miniapp_infra.kube.objects import ObjectRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conftest import FakeServer
    from miniapp_infra.kube.client import Client

MAPS = Resource("v1", "ConfigMap", "configmaps", namespaced=True)
VERSION = "1000"


class Store:
    """ConfigMaps by namespace and name, answered as an API server does: pages with what remains, 403 where told to."""

    def __init__(self, server: FakeServer, names: Iterable[tuple[str, str]]) -> None:
        self.names = sorted(names)
        self.forbidden: set[str] = set()
        self.counts = True
        server.respond = self

    def __call__(self, _method: str, url: str, _body: bytes) -> tuple[int, Any]:
        parts = urlsplit(url)
        path = parts.path.split("/")
        query = {key: value[0] for key, value in parse_qs(parts.query).items()}
        if parts.path in self.forbidden:
            return 403, {"message": "no", "reason": "Forbidden"}
        if len(path) == 7:
            found = (path[4], path[6]) in self.names
            return (200, self.obj(path[4], path[6])) if found else (404, {"message": "not found"})
        namespace = path[4] if len(path) == 6 else ""
        items = [name for name in self.names if namespace in {"", name[0]}]
        start, limit = int(query.get("continue", 0)), int(query["limit"])
        rest = len(items) - start - limit
        metadata: dict[str, Any] = {"resourceVersion": VERSION}
        if rest > 0:
            metadata["continue"] = str(start + limit)
            if self.counts:
                metadata["remainingItemCount"] = rest
        page = [self.obj(*name) for name in items[start : start + limit]]
        return 200, json.loads(json.dumps({"metadata": metadata, "items": page}))

    @staticmethod
    def obj(namespace: str, name: str) -> dict[str, Any]:
        return {"metadata": {"namespace": namespace, "name": name, "resourceVersion": "7"}}


def ask(client: Client, names: Iterable[tuple[str, str]]) -> Survey:
    targets = [Target(ObjectRef("v1", "ConfigMap", namespace, name), MAPS) for namespace, name in names]
    with ThreadPoolExecutor(4) as executor:
        return survey(client, targets, executor)


def found(answer: Survey) -> list[tuple[str, str]]:
    return sorted((ref.namespace, ref.name) for ref in answer.objects)


def test_one_object_is_read_by_itself(server: FakeServer, client: Client) -> None:
    Store(server, [("n", "a")])
    answer = ask(client, [("n", "a")])
    assert found(answer) == [("n", "a")]
    assert list(answer.versions.values()) == ["7"]
    assert server.requests == ["GET /api/v1/namespaces/n/configmaps/a"]


def test_several_objects_of_a_namespace_are_one_list(server: FakeServer, client: Client) -> None:
    names = [("n", str(number)) for number in range(20)]
    Store(server, names)
    answer = ask(client, [*names, ("n", "missing")])
    assert found(answer) == sorted(names)
    assert server.requests == [f"GET /api/v1/namespaces/n/configmaps?limit={PAGE}"]
    assert set(answer.versions.values()) == {VERSION}
    assert ObjectRef("v1", "ConfigMap", "n", "missing") in answer.versions


def test_requests_grow_with_pages_and_not_with_objects(server: FakeServer, client: Client) -> None:
    names = [("n", f"{number:05}") for number in range(5000)]
    Store(server, names)
    assert len(found(ask(client, names))) == 5000
    assert len(server.requests) == 10


def test_few_objects_of_a_long_list_are_read_one_by_one(server: FakeServer, client: Client) -> None:
    store = Store(server, [("n", f"{number:05}") for number in range(5000)])
    for store.counts in (True, False):
        server.requests.clear()
        answer = ask(client, [("n", "00000"), ("n", "04998"), ("n", "04999"), ("n", "missing")])
        assert found(answer) == [("n", "00000"), ("n", "04998"), ("n", "04999")]
        assert len(server.requests) == 4
        assert f"limit={SHORT_PAGE}" in server.requests[0]


def test_a_kind_in_many_namespaces_is_one_list(server: FakeServer, client: Client) -> None:
    names = [(f"n{number}", name) for number in range(12) for name in "ab"]
    Store(server, names)
    assert found(ask(client, names)) == sorted(names)
    assert server.requests == [f"GET /api/v1/configmaps?limit={PAGE}"]


def test_namespaces_are_listed_one_by_one_where_all_of_them_may_not_be(server: FakeServer, client: Client) -> None:
    names = [(f"n{number}", name) for number in range(MANY) for name in "ab"]
    Store(server, names).forbidden = {"/api/v1/configmaps"}
    assert found(ask(client, names)) == sorted(names)
    assert len(server.requests) == 1 + MANY


def test_namespaces_are_listed_one_by_one_where_the_cluster_holds_many_more(server: FakeServer, client: Client) -> None:
    names = [(f"n{number}", name) for number in range(MANY) for name in "ab"]
    Store(server, [*names, *(("m", str(number)) for number in range(PAGE * (MANY + 2)))])
    assert found(ask(client, names)) == sorted(names)
    assert len(server.requests) == 1 + MANY


def test_objects_are_read_one_by_one_where_lists_are_not_allowed(server: FakeServer, client: Client) -> None:
    Store(server, [("n", "a"), ("n", "b")]).forbidden = {"/api/v1/namespaces/n/configmaps"}
    assert found(ask(client, [("n", "a"), ("n", "b"), ("n", "c")])) == [("n", "a"), ("n", "b")]
    assert len(server.requests) == 4
