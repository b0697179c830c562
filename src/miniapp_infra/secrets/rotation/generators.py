# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes keys and secrets, and tells what may be shown of them."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import string
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.redaction import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

FAMILIES = {"ec-p256": "public", "rsa-2048": "public", "hmac-256": "shared", "password": "password"}
"""Which generators can follow each other without the services having to change."""
SHORTEST_PASSWORD = 24
"""24 letters and digits are 142 bits, so that a fingerprint tells nothing about them."""
_LETTERS_AND_DIGITS = string.ascii_letters + string.digits


def new_secret(generator: str, password_length: int) -> tuple[str, str, dict[str, Any] | None]:
    """Return a new secret: its key ID, the secret, and the public key as JWK where there is one.

    The key ID of a public key is its thumbprint (RFC 7638). Private keys are PEM (PKCS 8), an HMAC key is 32 bytes in
    base64url, a password has letters and digits.

    Args:
        generator: one of ``FAMILIES``.
        password_length: characters of a password.
    """
    if generator == "hmac-256":
        return secrets.token_hex(8), base64url(secrets.token_bytes(32)), None
    if generator == "password":
        letters = (secrets.choice(_LETTERS_AND_DIGITS) for _ in range(password_length))
        return secrets.token_hex(8), "".join(letters), None
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if generator == "ec-p256":
        key = ec.generate_private_key(ec.SECP256R1())
        public, algorithm = _ec_jwk(key.public_key()), "ES256"
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public, algorithm = _rsa_jwk(key.public_key()), "RS256"
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    kid = thumbprint(public)
    return kid, pem, {**public, "kid": kid, "use": "sig", "alg": algorithm}


def check_generator(generator: str, password_length: int) -> None:
    """Refuse what would make a weak secret.

    Raises:
        MiniappInfraError: invalid_input.
    """
    if generator == "password" and password_length < SHORTEST_PASSWORD:
        raise MiniappInfraError(
            f"password_length: must be at least {SHORTEST_PASSWORD}, not {password_length}",
            code=ErrorCode.INVALID_INPUT,
        )


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the SHA-256 thumbprint of a public key (RFC 7638)."""
    members = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}[jwk["kty"]]
    text = json.dumps({name: jwk[name] for name in members}, sort_keys=True, separators=(",", ":"))
    return base64url(hashlib.sha256(text.encode()).digest())


def shown(secret: str, public: Mapping[str, Any] | None) -> str:
    """Return a fingerprint: of the public key where there is one, else of the secret, which has 142 bits or more."""
    return fingerprint(thumbprint(public) if public else secret)


def base64url(data: bytes) -> str:
    """Return base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int, length: int | None = None) -> str:
    return base64url(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def _ec_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    numbers = key.public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": _number(numbers.x, 32), "y": _number(numbers.y, 32)}


def _rsa_jwk(key: rsa.RSAPublicKey) -> dict[str, Any]:
    numbers = key.public_numbers()
    return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
