# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks who asks: HTTP Digest (RFC 7616, with MD5 as Atlas has it) or a token of a service account."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote
from urllib.request import parse_http_list, parse_keqv_list

from miniapp_infra.local.node.files import SECRET, write
from miniapp_infra.local.standins.atlas.errors import Refusal

if TYPE_CHECKING:
    from pathlib import Path

REALM = "MMS Public API"
TOKEN_SECONDS = 3600
_BYTES = 16


@dataclass(frozen=True)
class Credentials:
    """One service account and one API key."""

    client_id: str
    client_secret: str = field(repr=False)
    public_key: str
    private_key: str = field(repr=False)

    @classmethod
    def fresh(cls) -> Credentials:
        """Return new ones, of the forms that Atlas gives them."""
        return cls(
            client_id=f"mdb_sa_id_{secrets.token_hex(12)}",
            client_secret=f"mdb_sa_sk_{secrets.token_urlsafe(30)}",
            public_key=secrets.token_hex(4),
            private_key=secrets.token_hex(_BYTES),
        )

    @classmethod
    def kept_in(cls, path: Path) -> Credentials:
        """Return those of a file, which is made when it is not there."""
        if not path.is_file():
            write(path, json.dumps(asdict(cls.fresh())), SECRET)
        return cls(**json.loads(path.read_text(encoding="utf-8")))


class Gate:
    """Lets requests in.

    Args:
        credentials: of those who may.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._nonces: dict[str, int] = {}
        self._tokens: dict[str, float] = {}

    def issue(self, authorization: str, body: bytes) -> dict[str, Any]:
        """Return a token for a service account (RFC 6749, section 4.4).

        Raises:
            Refusal: the account or its secret is wrong.
        """
        scheme, _, text = authorization.partition(" ")
        try:
            name, _, secret = base64.b64decode(text).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            name = secret = ""
        known = _same(unquote(name), self._credentials.client_id)
        if scheme.lower() != "basic" or not known or not _same(unquote(secret), self._credentials.client_secret):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "INVALID_CLIENT", "The client credentials are not valid.")
        if parse_qs(body.decode(errors="replace")).get("grant_type") != ["client_credentials"]:
            raise Refusal(HTTPStatus.BAD_REQUEST, "UNSUPPORTED_GRANT_TYPE", "grant_type must be client_credentials.")
        token = secrets.token_urlsafe(30)
        self._tokens[token] = time.monotonic() + TOKEN_SECONDS
        return {"access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"}

    def revoke(self) -> None:
        """Forget all tokens and challenges."""
        self._tokens.clear()
        self._nonces.clear()

    def check(self, method: str, target: str, authorization: str) -> None:
        """Let a request in.

        Args:
            method: HTTP method.
            target: path and query, as they came.
            authorization: the header; empty when there is none.

        Raises:
            Refusal: 401, with a challenge.
        """
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() == "bearer" and self._tokens.get(text, 0) > time.monotonic():
            return
        stale = False
        if scheme.lower() == "digest":
            given = parse_keqv_list(list(filter(None, parse_http_list(text))))
            if self._is_right(method, target, given):
                if self._is_new(given):
                    return
                stale = True
        raise Refusal(
            HTTPStatus.UNAUTHORIZED,
            "USER_UNAUTHORIZED",
            "You are not authorized for this resource.",
            {"WWW-Authenticate": self._challenge(stale=stale)},
        )

    def _challenge(self, *, stale: bool) -> str:
        nonce = secrets.token_urlsafe(_BYTES)
        self._nonces[nonce] = 0
        text = "true" if stale else "false"
        return f'Digest realm="{REALM}", domain="", nonce="{nonce}", algorithm=MD5, qop="auth", stale={text}'

    def _is_right(self, method: str, target: str, given: dict[str, str]) -> bool:
        user = _md5(f"{self._credentials.public_key}:{REALM}:{self._credentials.private_key}")
        what = _md5(f"{method}:{target}")
        once = ":".join(given.get(part, "") for part in ("nonce", "nc", "cnonce", "qop"))
        wanted = _md5(f"{user}:{once}:{what}")
        return (
            given.get("uri") == target
            and _same(given.get("username", ""), self._credentials.public_key)
            and _same(given.get("response", ""), wanted)
        )

    def _is_new(self, given: dict[str, str]) -> bool:
        """Tell whether the challenge is known and its counter grew: a recorded request is not served again."""
        count = int(given.get("nc", "0"), 16)
        before = self._nonces.get(given.get("nonce", ""))
        if before is None or count <= before:
            return False
        self._nonces[given["nonce"]] = count
        return True


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
