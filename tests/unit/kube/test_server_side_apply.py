# SPDX-License-Identifier: GPL-3.0-or-later
"""What an apply changed, when answers are lost or somebody else writes at the same moment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.kube.discovery import Resource
from miniapp_infra.kube.errors import ApiError
from miniapp_infra.kube.objects import ref_of
from miniapp_infra.kube.races import Applied, ServerSideApply

if TYPE_CHECKING:
    from conftest import FakeServer
    from miniapp_infra.kube.client import Client

MAPS = Resource("v1", "ConfigMap", "configmaps", namespaced=True)
DESIRED: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "namespace": "n"},
    "data": {"mode": "new"},
}


def state(mode: str, version: int, **metadata: Any) -> dict[str, Any]:
    fields = {"f:data": {"f:mode": {}}}
    mine = {"manager": "us", "operation": "Apply", "apiVersion": "v1", "fieldsV1": fields}
    full = {**DESIRED["metadata"], "resourceVersion": str(version), "managedFields": [mine], **metadata}
    return {**DESIRED, "metadata": full, "data": {"mode": mode}}


class ApiServer:
    """One object with its version, applied as the API server does it; ``lose`` answers are carried out and lost."""

    def __init__(self, server: FakeServer, obj: dict[str, Any] | None) -> None:
        self.obj = obj
        self.lose = 0
        self.writes = 0
        server.respond = self

    def __call__(self, method: str, _path: str, body: bytes) -> tuple[int, Any]:
        if method == "GET":
            return (200, self.obj) if self.obj else (404, {"message": "gone", "reason": "NotFound"})
        wanted = json.loads(body)
        version = wanted["metadata"].get("resourceVersion")
        if version and self.obj and self.obj["metadata"]["resourceVersion"] != version:
            return 409, {"message": "the object has been modified", "reason": "Conflict"}
        created = self.obj is None
        before = self.obj or state("", 0)
        if wanted["data"] != before["data"]:
            self.writes += 1
            kept = {key: value for key, value in before["metadata"].items() if key == "labels"}
            self.obj = state(wanted["data"]["mode"], int(before["metadata"]["resourceVersion"]) + 1, **kept)
        if self.lose:
            self.lose -= 1
            return 504, {"message": "timeout"}
        return 201 if created else 200, self.obj


def run(client: Client, before: dict[str, Any] | None) -> Applied:
    return ServerSideApply(client, MAPS, ref_of(DESIRED), DESIRED, {"fieldManager": "us"}).run(before)


def test_nobody_else_writes(server: FakeServer, client: Client) -> None:
    ApiServer(server, state("old", 5))
    applied = run(client, state("old", 5))
    assert applied.before == state("old", 5)
    assert applied.after["data"] == {"mode": "new"}
    assert len(server.requests) == 1


def test_a_lost_answer_still_counts_as_our_change(server: FakeServer, client: Client) -> None:
    api = ApiServer(server, state("old", 5))
    api.lose = 1
    applied = run(client, state("old", 5))
    assert applied.before is not None
    assert (applied.before["data"], applied.after["data"]) == ({"mode": "old"}, {"mode": "new"})
    assert api.writes == 1


def test_a_lost_answer_of_a_creation_counts_as_one(server: FakeServer, client: Client) -> None:
    api = ApiServer(server, None)
    api.lose = 1
    applied = run(client, None)
    assert applied.before is None
    assert api.writes == 1


def test_what_another_writer_changed_is_not_our_change(server: FakeServer, client: Client) -> None:
    ApiServer(server, state("old", 6, labels={"theirs": "1"}))
    applied = run(client, state("old", 5))
    assert applied.before is not None
    assert applied.before["metadata"]["labels"] == applied.after["metadata"]["labels"] == {"theirs": "1"}
    assert applied.before["data"] == {"mode": "old"}


def test_another_run_of_ours_was_faster(server: FakeServer, client: Client) -> None:
    api = ApiServer(server, state("new", 6))
    applied = run(client, state("old", 5))
    assert applied.before == applied.after
    assert api.writes == 0


def test_an_object_that_was_deleted_in_between_is_created(server: FakeServer, client: Client) -> None:
    ApiServer(server, None)
    applied = run(client, state("old", 5))
    assert applied.before is None
    assert applied.after["data"] == {"mode": "new"}


def test_a_conflict_about_fields_is_an_error(server: FakeServer, client: Client) -> None:
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl"', "field": ".data.mode"}
    server.respond = lambda *_: (409, {"message": "conflict", "details": {"causes": [cause]}})
    with pytest.raises(ApiError, match=r"\.data\.mode is managed by kubectl"):
        run(client, state("old", 5))
    assert len(server.requests) == 1
