# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ways to prove to Atlas who asks: a service account (OAuth 2.0) or an API key pair (HTTP Digest)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote
from urllib.request import (
    AbstractDigestAuthHandler,
    HTTPPasswordMgrWithDefaultRealm,
    Request,
    parse_http_list,
    parse_keqv_list,
)

import urllib3

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from miniapp_infra.http import Answer, JsonClient

TOKEN_PATH = "/api/oauth/token"  # noqa: S105 - an address
_MARGIN = 30.0
"""Seconds before its end at which a token is not used any more."""


@dataclass
class ServiceAccount:
    """A service account: its secret is exchanged for a token, which is used as long as it lasts.

    Args:
        client: of the same server, without authentication.
        client_id: of the account.
        client_secret: of the account.
        clock: seconds; replaced in tests.
    """

    client: JsonClient
    client_id: str
    client_secret: str = field(repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _token: str = field(default="", init=False, repr=False)
    _until: float = field(default=0.0, init=False, repr=False)

    def headers(self, method: str, url: str) -> Mapping[str, str]:
        """Return the token, a new one when the present one ends.

        Raises:
            MiniappInfraError: there is none to be had.
        """
        del method, url
        if not self._token or self.clock() >= self._until:
            self._fetch()
        return {"Authorization": f"Bearer {self._token}"}

    def renew(self, refusal: Answer) -> bool:
        """Forget the token, which may have been revoked."""
        del refusal
        self._token = ""
        return True

    def _fetch(self) -> None:
        account = f"{quote(self.client_id, safe='')}:{quote(self.client_secret, safe='')}"
        answer = self.client.request(
            "POST",
            TOKEN_PATH,
            action="get a token for the service account of Atlas",
            body=b"grant_type=client_credentials",
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                **urllib3.make_headers(basic_auth=account),
            },
        ).body
        if not isinstance(answer, dict) or not answer.get("access_token"):
            raise MiniappInfraError(
                "Failed to get a token for the service account of Atlas: the answer has none", code=ErrorCode.UPSTREAM
            )
        self._token = str(answer["access_token"])
        self._until = self.clock() + float(answer.get("expires_in") or 0) - _MARGIN


class ApiKey:
    """An API key pair. The challenge of the first answer is used for the requests that follow.

    The digest itself is computed by Python's own ``urllib.request``.

    Args:
        url: base address of the server, which alone gets the digest.
        public_key: the user name of the digest.
        private_key: its password.
    """

    def __init__(self, url: str, public_key: str, private_key: str) -> None:
        passwords = HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, url, public_key, private_key)  # None is any realm
        self._digest = AbstractDigestAuthHandler(passwords)
        self._challenge: dict[str, str] = {}

    def headers(self, method: str, url: str) -> Mapping[str, str]:
        """Return the digest; nothing before the first challenge."""
        if not self._challenge:
            return {}
        request = Request(url, method=method)  # noqa: S310 - is not opened
        digest = self._digest.get_authorization(request, self._challenge)
        return {"Authorization": f"Digest {digest}"} if digest else {}

    def renew(self, refusal: Answer) -> bool:
        """Take the challenge; False when the same one was answered wrongly."""
        scheme, _, text = refusal.headers.get("WWW-Authenticate", "").partition(" ")
        if scheme.lower() != "digest":
            return False
        found = parse_keqv_list(list(filter(None, parse_http_list(text))))
        is_new = found.get("nonce") != self._challenge.get("nonce") or found.get("stale", "").lower() == "true"
        self._challenge = found
        return is_new
