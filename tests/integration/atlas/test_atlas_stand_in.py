# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in keeps to MongoDB's description and refuses what Atlas refuses, asked without our engine."""

from __future__ import annotations

import dataclasses
import json

import pytest
import urllib3

from miniapp_infra.local.standins.atlas.authentication import Credentials
from miniapp_infra.local.standins.atlas.operations import ROUTES
from miniapp_infra.local.standins.atlas.server import BASE, Exchange
from miniapp_infra.local.standins.atlas.world import World

from .emulator import CONTRACT, PROJECT, ScriptedDatabases

CLUSTER = f"{BASE}/groups/{PROJECT}/clusters/prod"
V = "application/vnd.atlas.{}+json"
NEWEST = V.format("2025-03-12")


@pytest.fixture
def ask(atlas):
    token = atlas.context.gate.issue(
        urllib3.make_headers(basic_auth=f"{atlas.credentials.client_id}:{atlas.credentials.client_secret}")[
            "authorization"
        ],
        b"grant_type=client_credentials",
    )["access_token"]
    pool = urllib3.PoolManager(retries=False)

    def send(method, path, *, accept=NEWEST, body=None, media=None, authorization=f"Bearer {token}"):
        headers = {"Accept": accept, "Authorization": authorization}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = media or "application/json"
        return pool.request(method, atlas.server.url + path, headers=headers, body=data)

    return send


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_endpoints_and_their_versions_are_mongodbs(route):
    operation = CONTRACT.document["paths"][BASE + route.path][route.method.lower()]
    assert set(route.versions) == CONTRACT.versions(operation)


def test_the_description_is_complete():
    described = {(method.upper(), path) for path, item in CONTRACT.document["paths"].items() for method in item}
    assert described == {(route.method, BASE + route.path) for route in ROUTES}
    assert CONTRACT.document["info"]["x-source"].startswith("mongodb/atlas-sdk-go")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (V.format("2024-08-05"), 200),
        (V.format("2025-03-12"), 200),
        (V.format("2023-01-01"), 406),
        ("application/json", 406),
        ("*/*", 406),
    ],
)
def test_a_version_must_be_asked_for(ask, accept, status):
    answer = ask("GET", CLUSTER, accept=accept)
    assert answer.status == status
    if status == 200:
        assert answer.headers["Content-Type"].startswith(V.format("2024-08-05"))
    else:
        assert answer.json()["errorCode"] == "INVALID_VERSION_DATE"


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", CLUSTER.replace("prod", "none"), None, (404, "CLUSTER_NOT_FOUND")),
        ("GET", CLUSTER.replace(PROJECT, "0" * 24), None, (404, "GROUP_NOT_FOUND")),
        ("GET", f"{BASE}/groups/{PROJECT}/none", None, (404, "RESOURCE_NOT_FOUND")),
        ("DELETE", f"{CLUSTER}/backup/restoreJobs", None, (405, "METHOD_NOT_ALLOWED")),
        ("POST", f"{CLUSTER}/backup/restoreJobs", b"{", (400, "MALFORMED_JSON")),
        ("POST", f"{BASE}/groups/{PROJECT}/accessList", [], (400, "VALIDATION_ERROR")),
        (
            "DELETE",
            f"{BASE}/groups/{PROJECT}/accessList/10.0.0.1",
            None,
            (404, "ATLAS_NETWORK_PERMISSION_ENTRY_NOT_FOUND"),
        ),
    ],
)
def test_errors_come_in_the_envelope(ask, method, path, body, expected):
    answer = ask(method, path, body=body)
    assert answer.status == answer.json()["error"]
    assert (answer.status, answer.json()["errorCode"]) == expected


def test_a_busy_target_is_a_conflict(ask, atlas):
    atlas.world.clusters["drill"]["stateName"] = "UPDATING"
    body = {
        "deliveryType": "pointInTime",
        "pointInTimeUTCSeconds": 1700000000,
        "targetGroupId": PROJECT,
        "targetClusterName": "drill",
    }
    assert ask("POST", f"{CLUSTER}/backup/restoreJobs", body=body).status == 409


@pytest.mark.parametrize(
    "authorization", ["", "Bearer wrong", "Basic eDp5", 'Digest username="x"', 'Digest username="x", nc="zz"']
)
def test_who_is_not_known_gets_a_challenge(ask, authorization):
    answer = ask("GET", CLUSTER, authorization=authorization)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith('Digest realm="MMS Public API"')


def test_what_there_is_survives_a_restart(tmp_path):
    world = World(PROJECT, ScriptedDatabases(), tmp_path / "state.json")
    for name in ("prod", "drill"):
        world.add_cluster(name, "mongodb://127.0.0.1:1/")
    job = world.start_restore("prod", {"deliveryType": "pointInTime", "targetClusterName": "drill"})
    again = World(PROJECT, ScriptedDatabases(), tmp_path / "state.json")
    again.add_cluster("drill", "mongodb://127.0.0.1:2/")
    assert again.clusters["drill"]["id"] == world.clusters["drill"]["id"]
    assert again.clusters["drill"]["connectionStrings"] == {"standard": "mongodb://127.0.0.1:2/"}
    # Nobody works on it any more.
    assert [(found["id"], found["failed"]) for found in again.jobs["prod"]] == [(job["id"], True)]
    assert again.clusters["drill"]["stateName"] == "IDLE"


def test_credentials_are_made_once_and_are_private(tmp_path):
    path = tmp_path / "credentials.json"
    assert Credentials.kept_in(path) == Credentials.kept_in(path)
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"body": {"deliveryType": "pointInTime", "pointInTimeUTCMillis": 1}}, "pointInTimeUTCMillis"),
        ({"body": {"targetClusterName": "drill"}}, "'deliveryType' is a required property"),
        ({"body": {"deliveryType": "pointInTime", "id": "5" * 24}}, "read-only property"),
        ({"answer": {"deliveryType": "pointInTime", "id": "5"}}, "does not match"),
        ({"answer": {"deliveryType": "pointInTime", "state": "DONE"}}, "'state' was unexpected"),
        ({"version": "2024-08-05"}, "no version 2024-08-05"),
        ({"status": 202}, "not described"),
        ({"status": 409, "answer": {"detail": "busy"}}, "'errorCode' is a required property"),
    ],
)
def test_the_judge_finds_what_is_wrong(change, problem):
    route = next(route for route in ROUTES if route.method == "POST" and route.path.endswith("/restoreJobs"))
    body = {"deliveryType": "pointInTime", "pointInTimeUTCSeconds": 1700000000}
    right = Exchange("POST", "/x", route, "2023-01-01", body, 200, {"deliveryType": "pointInTime", "id": "5" * 24})
    assert CONTRACT.problems(right) == []
    assert problem.lower() in " ".join(CONTRACT.problems(dataclasses.replace(right, **change))).lower()
