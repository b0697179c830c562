# SPDX-License-Identifier: GPL-3.0-or-later
"""Services sign and check tokens all the time while the key is rotated: no valid token is ever refused.

Time is a number that the test moves on, so that nothing depends on how fast the machine is: all threads stop while it
moves, and run freely, at the same time as the rotation, while it stands still. Each service reads the secret anew only
when its copy has become ``STALE`` old, and each at another time.
"""

from __future__ import annotations

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from miniapp_infra.secrets.rotation.generators import base64url
from miniapp_infra.secrets.rotation.plan import Rules
from miniapp_infra.secrets.rotation.rotate import Rotation

if TYPE_CHECKING:
    from .backends import Backend

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
STALE = 10
"""Seconds for which a service uses what it has read."""
VALID = 20
"""Seconds for which a token is valid."""
TICK = 5
TICKS = 42
SERVICES = 3


@dataclass(frozen=True)
class Token:
    kid: str
    expires: int
    text: bytes
    signature: bytes


@dataclass
class Service:
    """Signs with the current key and checks with all of them.

    Args:
        read: returns the secret as it is now.
        read_at: when the copy was read. Begins before the start, so that services read at different times.
    """

    read: Any
    read_at: int
    document: dict[str, Any] = field(default_factory=dict)

    def refresh(self, now: int) -> None:
        if not self.document:
            self.document = self.read()
        elif now - self.read_at >= STALE:
            self.document, self.read_at = self.read(), now

    def sign(self, now: int) -> Token:
        current = self.document["current"]
        key = serialization.load_pem_private_key(current["secret"].encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        text = f"{current['kid']}:{now}".encode()
        return Token(current["kid"], now + VALID, text, key.sign(text, ec.ECDSA(hashes.SHA256())))

    def accepts(self, token: Token) -> bool:
        for jwk in self.document["jwks"]["keys"]:
            if jwk["kid"] == token.kid:
                try:
                    public_key(jwk).verify(token.signature, token.text, ec.ECDSA(hashes.SHA256()))
                except InvalidSignature:
                    return False
                return True
        return False


def public_key(jwk: dict[str, str]) -> ec.EllipticCurvePublicKey:
    x, y = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=="), "big") for name in ("x", "y"))
    assert base64url(x.to_bytes(32, "big")) == jwk["x"]
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


@dataclass
class Load:
    """The services, each a thread, and the tokens that they exchange."""

    backend: Backend
    name: str
    tokens: list[Token] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    checked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def turn(self, service: Service, now: int) -> None:
        """One service reads if it has to, signs a token, and checks each that is valid, its own one too."""
        service.refresh(now)
        token = service.sign(now)
        with self.lock:
            self.tokens = [item for item in self.tokens if item.expires > now]
            self.tokens.append(token)
            valid = list(self.tokens)
        for item in valid:
            accepted = service.accepts(item)
            with self.lock:
                self.checked += 1
                if not accepted:
                    self.refused.append(f"{item.kid} at {now}")


def run(backend: Backend, rules: Rules) -> tuple[Load, list[str]]:
    """Rotate at every tick while the services work; the number of everything is fixed."""
    name = backend.name()
    steps: list[str] = []
    now = 0
    rotation = Rotation(backend.store(name), rules, clock=lambda: START + timedelta(seconds=now))
    rotation.run(check_mode=False)
    load = Load(backend, name)
    services = [Service(lambda: backend.document(name), -TICK * (number % 2)) for number in range(SERVICES)]
    with ThreadPoolExecutor(SERVICES + 1) as pool:
        for tick in range(TICKS):
            now = tick * TICK
            rotating = pool.submit(rotation.run, check_mode=False)
            turns = [pool.submit(load.turn, service, now) for service in services]
            steps += [str(step) for step in rotating.result(timeout=120).steps]
            for turn in turns:
                turn.result(timeout=120)
            # And once more, when the rotation of this moment is surely over.
            for turn in [pool.submit(load.turn, service, now) for service in services]:
                turn.result(timeout=120)
    return load, steps


def rules(**changes: int) -> Rules:
    values = {"max_age": 60, "publish_ahead": STALE + TICK, "overlap": VALID + STALE + TICK, **changes}
    return Rules("ec-p256", 40, values["max_age"], values["publish_ahead"], values["overlap"], "auto")


def test_no_valid_token_is_refused_during_rotations(backend: Backend) -> None:
    load, steps = run(backend, rules())
    assert load.refused == []
    assert load.checked > 1000
    assert steps.count("promoted") >= 3
    assert steps.count("retired") >= 2


@pytest.mark.parametrize(
    "wrong", [{"publish_ahead": 0}, {"overlap": TICK}], ids=["promoted-at-once", "retired-too-early"]
)
def test_the_load_notices_a_wrong_rotation(gcp_backend: Backend, wrong: dict[str, int]) -> None:
    """What the test above would see if a key signed before it was known, or went while its tokens are valid."""
    load, steps = run(gcp_backend, rules(**wrong))
    assert "promoted" in steps
    assert load.refused
