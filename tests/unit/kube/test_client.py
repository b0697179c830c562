# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests, retries, pages and watches against a server on loopback."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.kube.client import Client, _warnings
from miniapp_infra.kube.connection import ConnectionOptions
from miniapp_infra.kube.credentials import Credentials
from miniapp_infra.kube.errors import ApiError, KubeError, UnreachableError
from miniapp_infra.kube.retry import RetryPolicy

if TYPE_CHECKING:
    from conftest import FakeServer


def test_a_passing_failure_is_survived(server: FakeServer, client: Client) -> None:
    server.respond = lambda *_: (200, {"ok": 1}) if len(server.requests) > 2 else (503, {"message": "later"})
    assert client.get("/x", action="read x").body == {"ok": 1}
    assert len(server.requests) == 3


def test_a_lasting_failure_is_told_at_once(server: FakeServer, client: Client) -> None:
    server.respond = lambda *_: (403, {"message": "no"})
    with pytest.raises(ApiError, match="Failed to read x: no"):
        client.get("/x", action="read x")
    assert len(server.requests) == 1


def test_identity_is_sent(server: FakeServer) -> None:
    server.respond = lambda *_: (200, {})
    options = ConnectionOptions(impersonate_user="jane", impersonate_groups=("a",))
    Client(Credentials(host=server.url, authorization=lambda: "Bearer t"), options).get("/x", action="read x")
    sent = server.headers[0]
    assert (sent["Authorization"], sent["Impersonate-User"], sent["Impersonate-Group"]) == ("Bearer t", "jane", "a")


def test_an_unreachable_server_is_named_with_the_cause() -> None:
    client = Client(Credentials(host="http://127.0.0.1:9"), retry=RetryPolicy(first_contact=0.2, base=0.01))
    with pytest.raises(UnreachableError) as caught:
        client.get("/x", action="read x")
    assert "Failed to read x: no answer from http://127.0.0.1:9" in caught.value.message
    assert "Connection refused" in caught.value.message
    assert "0x" not in caught.value.message


def test_something_else_than_an_api_server_is_told(server: FakeServer, client: Client) -> None:
    server.respond = lambda *_: (200, "hello")
    with pytest.raises(KubeError, match="the answer is not JSON"):
        client.get("/x", action="read x")


def test_warnings_of_the_server_are_kept(server: FakeServer, client: Client) -> None:
    server.respond = lambda *_: (200, {})
    server.answer_headers = {"Warning": '299 - "v1 is deprecated", 299 - "and \\"this\\" too"'}
    assert client.get("/x", action="read x").warnings == ("v1 is deprecated", 'and "this" too')


def test_no_warnings() -> None:
    assert _warnings("") == ()


def test_pages_are_followed(server: FakeServer, client: Client) -> None:
    def respond(_method: str, path: str, _body: bytes) -> tuple[int, Any]:
        return 200, {"items": [2], "metadata": {}} if "continue=more" in path else {
            "items": [1],
            "metadata": {"continue": "more"},
        }

    server.respond = respond
    assert [page["items"] for page in client.pages("/x", action="list x")] == [[1], [2]]


def test_expired_pages_are_listed_again_in_one(server: FakeServer, client: Client) -> None:
    def respond(_method: str, path: str, _body: bytes) -> tuple[int, Any]:
        if "continue=more" in path:
            return 410, {"message": "expired"}
        if "limit" in path:
            return 200, {"items": [1], "metadata": {"continue": "more"}}
        return 200, {"items": [1, 2], "metadata": {}}

    server.respond = respond
    assert [page["items"] for page in client.pages("/x", action="list x")] == [[1], [1, 2]]


def test_a_watch_yields_events(server: FakeServer, client: Client) -> None:
    server.respond = lambda *_: (200, [{"type": "ADDED"}, {"type": "MODIFIED"}])
    watch = client.open_watch("/x", action="watch x", query={"resourceVersion": "5"}, seconds=10)
    assert [event["type"] for event in watch] == ["ADDED", "MODIFIED"]
    assert "resourceVersion=5&watch=1&allowWatchBookmarks=true&timeoutSeconds=10" in server.requests[0]


def tokens(server: FakeServer, *, valid: str, renewed: str) -> Client:
    """A client whose token has expired, at a server that takes another one."""

    def respond(*_: Any) -> tuple[int, Any]:
        accepted = server.headers[-1].get("Authorization") == valid
        return (200, [] if "watch=1" in server.requests[-1] else {}) if accepted else (401, {"message": "expired"})

    server.respond = respond
    credentials = Credentials(host=server.url, authorization=lambda: "Bearer old", renew=lambda _: renewed)
    return Client(credentials, retry=RetryPolicy(timeout=0))


def test_an_expired_token_is_renewed_once(server: FakeServer) -> None:
    client = tokens(server, valid="Bearer new", renewed="Bearer new")
    assert client.get("/x", action="read x").status == 200
    assert list(client.open_watch("/x", action="watch x", query={}, seconds=10)) == []
    assert len(server.requests) == 4


def test_a_renewed_token_that_is_refused_too_is_an_error(server: FakeServer) -> None:
    client = tokens(server, valid="Bearer other", renewed="Bearer new")
    with pytest.raises(ApiError, match="expired"):
        client.get("/x", action="read x")
    assert len(server.requests) == 2


def test_a_token_that_stays_the_same_is_not_tried_again(server: FakeServer) -> None:
    client = tokens(server, valid="Bearer other", renewed="Bearer old")
    with pytest.raises(ApiError, match="expired"):
        client.get("/x", action="read x")
    assert len(server.requests) == 1


def test_an_answer_after_an_unsure_try_says_so(server: FakeServer, client: Client) -> None:
    server.respond = lambda *_: (200, {}) if len(server.requests) > 1 else (504, {"message": "timeout"})
    assert client.request("PATCH", "/x", action="apply x", body={}).unsure
    assert not client.request("PATCH", "/x", action="apply x", body={}).unsure


def test_a_conflict_is_an_answer_where_the_caller_says_so(server: FakeServer, client: Client) -> None:
    server.respond = lambda *_: (409, {"message": "changed"}) if len(server.requests) < 3 else (200, {})
    with pytest.raises(ApiError, match="changed"):
        client.request("PATCH", "/x", action="apply x", body={}, repeat_conflicts=False)
    assert len(server.requests) == 1
    assert client.request("PATCH", "/x", action="apply x", body={}).status == 200


def test_connections_are_opened_ahead_and_used(server: FakeServer, client: Client) -> None:
    server.respond = lambda *_: (200, {})
    client.open_connections(3)
    client.open_connections(2)
    with ThreadPoolExecutor(3) as executor:
        list(executor.map(lambda _: client.get("/x", action="read x"), range(3)))
    assert server.connections == 3


def test_a_connection_that_cannot_be_opened_is_for_the_request_to_tell() -> None:
    client = Client(Credentials(host="http://127.0.0.1:9"), retry=RetryPolicy(first_contact=0.2, base=0.01))
    client.open_connections(2)
    with pytest.raises(UnreachableError, match="Connection refused"):
        client.get("/x", action="read x")
