# SPDX-License-Identifier: GPL-3.0-or-later
"""Both ways to prove who asks, against a server that checks them."""

from __future__ import annotations

import json

import pytest

from miniapp_infra.atlas.authentication import ApiKey, ServiceAccount
from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.http import Answer, HttpOptions, JsonClient
from miniapp_infra.local.standins.atlas.authentication import Credentials, Gate
from miniapp_infra.local.standins.atlas.errors import Refusal

URL = "http://127.0.0.1:1/api/atlas/v2/groups/x?pageNum=1"
TARGET = "/api/atlas/v2/groups/x?pageNum=1"
CREDENTIALS = Credentials.fresh()


class Tokens:
    """A client that gets tokens from a gate."""

    def __init__(self, gate):
        self.gate = gate
        self.requests = 0

    def request(self, _method, _path, *, action, body, headers):
        del action
        self.requests += 1
        return Answer(200, {}, json.dumps(self.gate.issue(headers["authorization"], body)).encode())


def refusal_of(gate, method, headers):
    with pytest.raises(Refusal) as caught:
        gate.check(method, TARGET, headers.get("Authorization", ""))
    return Answer(401, caught.value.headers, b"")


def test_a_digest_answers_the_challenge():
    gate, key = Gate(CREDENTIALS), ApiKey("http://127.0.0.1:1", CREDENTIALS.public_key, CREDENTIALS.private_key)
    assert key.headers("GET", URL) == {}
    assert key.renew(refusal_of(gate, "GET", {}))
    gate.check("GET", TARGET, key.headers("GET", URL)["Authorization"])
    # The same challenge serves the next request, with its counter.
    gate.check("POST", TARGET, key.headers("POST", URL)["Authorization"])


def test_a_recorded_digest_is_not_served_again():
    gate, key = Gate(CREDENTIALS), ApiKey("http://127.0.0.1:1", CREDENTIALS.public_key, CREDENTIALS.private_key)
    key.renew(refusal_of(gate, "GET", {}))
    headers = key.headers("GET", URL)
    gate.check("GET", TARGET, headers["Authorization"])
    assert "stale=true" in refusal_of(gate, "GET", headers).headers["WWW-Authenticate"]


def test_a_digest_is_for_one_request_alone():
    gate, key = Gate(CREDENTIALS), ApiKey("http://127.0.0.1:1", CREDENTIALS.public_key, CREDENTIALS.private_key)
    key.renew(refusal_of(gate, "GET", {}))
    refusal_of(gate, "DELETE", key.headers("GET", URL))


def test_the_key_is_not_sent_to_another_server():
    key = ApiKey("http://127.0.0.1:1", CREDENTIALS.public_key, CREDENTIALS.private_key)
    key.renew(refusal_of(Gate(CREDENTIALS), "GET", {}))
    assert key.headers("GET", "http://127.0.0.1:2/api/atlas/v2/groups/x") == {}


@pytest.mark.parametrize("challenge", ["", 'Basic realm="x"'])
def test_what_is_no_digest_is_not_answered(challenge):
    key = ApiKey("http://127.0.0.1:1", CREDENTIALS.public_key, CREDENTIALS.private_key)
    assert not key.renew(Answer(401, {"WWW-Authenticate": challenge}, b""))
    assert key.headers("GET", URL) == {}


def test_a_token_is_fetched_once_and_renewed_before_it_ends():
    gate, now = Gate(CREDENTIALS), [0.0]
    tokens = Tokens(gate)
    account = ServiceAccount(tokens, CREDENTIALS.client_id, CREDENTIALS.client_secret, lambda: now[0])
    first = account.headers("GET", URL)
    gate.check("GET", TARGET, first["Authorization"])
    now[0] = 3569.0
    assert account.headers("GET", URL) == first
    now[0] = 3571.0
    assert account.headers("GET", URL) != first
    assert tokens.requests == 2


def test_a_token_that_was_revoked_is_replaced():
    gate = Gate(CREDENTIALS)
    account = ServiceAccount(Tokens(gate), CREDENTIALS.client_id, CREDENTIALS.client_secret)
    revoked = account.headers("GET", URL)
    gate.revoke()
    assert account.renew(refusal_of(gate, "GET", revoked))
    gate.check("GET", TARGET, account.headers("GET", URL)["Authorization"])


def test_an_answer_without_a_token():
    class Empty:
        def request(self, *_args, **_options):
            return Answer(200, {}, b"{}")

    with pytest.raises(MiniappInfraError, match="the answer has none"):
        ServiceAccount(Empty(), "id", "secret").headers("GET", URL)


def test_secrets_are_not_in_representations():
    account = ServiceAccount(JsonClient(HttpOptions("http://127.0.0.1:1")), "id", CREDENTIALS.client_secret)
    account._token = "a-token"  # noqa: S105 - stands for one
    key = ApiKey("http://127.0.0.1:1", CREDENTIALS.public_key, CREDENTIALS.private_key)
    shown = f"{account!r} {key!r} {CREDENTIALS!r}"
    for secret in (CREDENTIALS.client_secret, CREDENTIALS.private_key, "a-token"):
        assert secret not in shown
