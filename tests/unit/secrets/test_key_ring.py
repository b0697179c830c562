# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, key sets and the transitions of a key ring."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.secrets.rotation import generators
from miniapp_infra.secrets.rotation.ring import Key, Ring, promote, publish, retire

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
GENERATORS = tuple(generators.FAMILIES)


def key(generator: str = "ec-p256", now: datetime = NOW) -> Key:
    return Key.generate(generator, 40, now)


def later(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_thumbprint_of_the_standard() -> None:
    """The example of RFC 7638, section 3.1."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n9"
        "1CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    jwk = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert generators.thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize(
    ("generator", "kind"), [("ec-p256", ec.EllipticCurvePrivateKey), ("rsa-2048", rsa.RSAPrivateKey)]
)
def test_a_key_pair(generator: str, kind: type) -> None:
    made = key(generator)
    private = serialization.load_pem_private_key(made.secret.encode(), None)
    assert isinstance(private, kind)
    assert made.public is not None
    assert made.kid == made.public["kid"] == generators.thumbprint(made.public)
    numbers = private.public_key().public_numbers()  # type: ignore[attr-defined]
    for name in ("x", "y") if generator == "ec-p256" else ("n", "e"):
        assert int.from_bytes(decoded(made.public[name]), "big") == getattr(numbers, name)
    if generator == "ec-p256":
        assert {len(decoded(made.public[name])) for name in ("x", "y")} == {32}
    assert not {"d", "p", "q", "k"} & set(made.public)


def test_shared_secrets() -> None:
    assert len(decoded(key("hmac-256").secret)) == 32
    password = key("password").secret
    assert len(password) == 40
    assert password.isalnum()
    assert key("password").secret != password
    assert key("password").public is None


def test_a_short_password_is_refused() -> None:
    generators.check_generator("password", 24)
    generators.check_generator("ec-p256", 1)
    with pytest.raises(MiniappInfraError, match=r"^password_length: must be at least 24, not 23$"):
        generators.check_generator("password", 23)


@pytest.mark.parametrize("generator", GENERATORS)
def test_what_is_shown_has_no_secret(generator: str) -> None:
    ring = publish(Ring(key(generator)), key(generator))
    ring = promote(ring, later(1))
    stored = json.dumps(ring.as_document())
    assert ring.current.secret.splitlines()[1 if "\n" in ring.current.secret else 0] in stored
    for shown in (json.dumps(ring.as_result()), repr(ring), json.dumps(ring.summary())):
        for item in ring.keys:
            for line in item.secret.splitlines():
                assert line.startswith("-----") or line not in shown


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_ring_is_stored_and_read(generator: str) -> None:
    ring = publish(promote(publish(Ring(key(generator)), key(generator)), later(1)), key(generator))
    text = json.dumps(ring.as_document())
    assert Ring.from_document(json.loads(text), "secret a") == ring


@pytest.mark.parametrize(
    "document", [None, [], "text", {}, {"password": "canary-x"}, {"format": "other", "current": {}}, {"format": 1}]
)
def test_what_is_no_ring_is_not_touched_nor_quoted(document: Any) -> None:
    with pytest.raises(MiniappInfraError, match="no key ring of this module") as raised:
        Ring.from_document(document, "secret a")
    assert raised.value.code is ErrorCode.CONFLICT
    assert "canary" not in str(raised.value)


def test_a_later_format_is_not_touched() -> None:
    document = {**Ring(key()).as_document(), "format": "miniapp-infra/key-ring/2"}
    with pytest.raises(MiniappInfraError, match="no key ring of this module"):
        Ring.from_document(document, "secret a")


def test_the_phases_of_a_ring() -> None:
    first, second = key(), key()
    ring = Ring(first)
    assert (ring.phase, len(ring.jwks()["keys"])) == ("steady", 1)
    ring = publish(ring, second)
    assert ring.phase == "published"
    assert ring.current == first
    assert [item["kid"] for item in ring.jwks()["keys"]] == [first.kid, second.kid]
    ring = promote(ring, later(1))
    assert ring.phase == "overlap"
    assert (ring.current.kid, ring.current.since) == (second.kid, later(1))
    assert {item["kid"] for item in ring.jwks()["keys"]} == {first.kid, second.kid}
    assert ring.previous[0].secret == "", "the old private key is still there"
    assert retire(ring, 3600, later(1.9)) == ring
    ring = retire(ring, 3600, later(2))
    assert (ring.phase, [item["kid"] for item in ring.jwks()["keys"]]) == ("steady", [second.kid])


def test_a_shared_secret_stays_until_it_is_retired() -> None:
    first = key("hmac-256")
    ring = promote(publish(Ring(first), key("hmac-256")), later(1))
    assert ring.previous[0].secret == first.secret


def test_nothing_is_promoted_that_is_not_published() -> None:
    with pytest.raises(MiniappInfraError) as raised:
        promote(Ring(key()), NOW)
    assert raised.value.code is ErrorCode.REFUSED_BY_POLICY


def test_several_previous_keys_go_one_by_one() -> None:
    ring = promote(publish(Ring(key()), key()), later(1))
    ring = promote(publish(ring, key()), later(3))
    assert len(ring.previous) == 2
    ring = retire(ring, 3600 * 2, later(4))
    assert [item.since for item in ring.previous] == [later(3)]
