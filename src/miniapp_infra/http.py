# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON over HTTP, for the systems that have no client library of their own."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

import urllib3

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.redaction import is_secret_name, redact

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSING = frozenset({429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that may be sent again without asking (RFC 9110, section 9.2.2)."""
_CODES: dict[int, ErrorCode] = {
    HTTPStatus.BAD_REQUEST: ErrorCode.INVALID_INPUT,
    HTTPStatus.UNPROCESSABLE_ENTITY: ErrorCode.INVALID_INPUT,
    HTTPStatus.UNAUTHORIZED: ErrorCode.FORBIDDEN,
    HTTPStatus.FORBIDDEN: ErrorCode.FORBIDDEN,
    HTTPStatus.NOT_FOUND: ErrorCode.NOT_FOUND,
    HTTPStatus.CONFLICT: ErrorCode.CONFLICT,
    HTTPStatus.PRECONDITION_FAILED: ErrorCode.CONFLICT,
}
_LONGEST_MESSAGE = 500
LONGEST_RETRY_AFTER = 60.0
"""Seconds between two attempts at most, when the server names them."""


class HttpError(MiniappInfraError):
    """A server refused a request.

    Attributes:
        status: HTTP status.
        body: the decoded answer; a text when it was no JSON.
        retry_after: seconds that the server asks to wait for; None when it does not, or names a date.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        body: Any,
        retryable: bool = False,
        hint: str = "",
        retry_after: float | None = None,
    ) -> None:
        code = _CODES.get(status, ErrorCode.UNAVAILABLE if status in PASSING else ErrorCode.UPSTREAM)
        super().__init__(message, code=code, retryable=retryable, hint=hint)
        self.status = status
        self.body = body
        self.retry_after = retry_after


@dataclass(frozen=True)
class Answer:
    """What a server answered.

    Attributes:
        status: HTTP status.
        headers: case-insensitive.
        data: as received, decompressed.
    """

    status: int
    headers: Mapping[str, str]
    data: bytes

    @cached_property
    def body(self) -> Any:
        """The decoded JSON; a text when it is none; None when it is empty."""
        if not self.data:
            return None
        try:
            return json.loads(self.data)
        except ValueError:
            return self.data.decode(errors="replace")


class Authentication(Protocol):
    """Proves who asks where a fixed header cannot: the proof depends on the request, or has to be fetched first."""

    def headers(self, method: str, url: str) -> Mapping[str, str]:
        """Return what is sent with a request."""

    def renew(self, refusal: Answer) -> bool:
        """Learn from an answer with status 401; return whether the request is worth another try."""


@dataclass(frozen=True)
class HttpOptions:
    """How a server is reached; the options of the documentation fragment ``http``.

    Args:
        url: base address, with an optional path.
        ca_cert: bundle that the server's certificate is checked with; the system's when empty.
        client_cert: certificate of ours, in a file.
        client_key: its key, in a file.
        validate_certs: whether the server's certificate is checked at all.
        timeout: seconds for one request.
        retries: how often a request is sent again.
    """

    url: str
    ca_cert: str = ""
    client_cert: str = ""
    client_key: str = ""
    validate_certs: bool = True
    timeout: float = 30.0
    retries: int = 3

    @classmethod
    def from_params(cls, params: Mapping[str, Any], url: str | None = None) -> HttpOptions:
        """Return the options of a module.

        Raises:
            MiniappInfraError: invalid_input, when ``url`` is no HTTP address.
        """
        address = url or params["url"]
        if urlsplit(address).scheme not in {"http", "https"} or not urlsplit(address).netloc:
            raise MiniappInfraError(
                f"url: {redact(address)!r} is no http:// or https:// address", code=ErrorCode.INVALID_INPUT
            )
        return cls(
            url=address.rstrip("/"),
            ca_cert=params.get("ca_cert") or "",
            client_cert=params.get("client_cert") or "",
            client_key=params.get("client_key") or "",
            validate_certs=params.get("validate_certs", True),
            timeout=params.get("timeout", 30.0),
            retries=params.get("retries", 3),
        )


class _Retry(urllib3.Retry):
    """Retries that do not wait for hours, whatever a server asks for."""

    def get_retry_after(self, response: Any) -> float | None:
        """Return the seconds that a server asks to wait for."""
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, LONGEST_RETRY_AFTER)


class _OnlyLimited(_Retry):
    """Retries for what must not be done twice."""

    RETRY_AFTER_STATUS_CODES = frozenset({HTTPStatus.TOO_MANY_REQUESTS})


@dataclass
class JsonClient:
    """Sends requests to one server.

    Args:
        options: how it is reached.
        headers: sent with every request; secrets belong here, because they are never shown.
        server: what messages call it, such as ``OpenMeter``.
        authentication: for schemes that need more than a header.
    """

    options: HttpOptions
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    server: str = "the server"
    authentication: Authentication | None = field(default=None, repr=False)

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(ssl_context=self._tls() if self.options.url.startswith("https:") else None)

    def request(
        self,
        method: str,
        path: str,
        *,
        action: str,
        query: Any = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Answer:
        """Send a request and return the answer.

        Args:
            method: HTTP method.
            path: below the base address.
            action: completes "Failed to ...".
            query: parameters; those that are None are left out.
            body: sent as JSON; bytes as they are.
            headers: in addition.
            repeatable: whether it may be sent twice; by default as its method says.

        Raises:
            HttpError: the server refused it.
            MiniappInfraError: unavailable, when the server cannot be reached.
        """
        repeat = method in SAFE if repeatable is None else repeatable
        all_headers = {"Accept": "application/json", **self.headers, **(headers or {})}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            all_headers.setdefault("Content-Type", "application/json")
        url = f"{self.options.url}{path}{_encoded(query)}"
        found = self._sent(method, url, action, data, all_headers, repeat=repeat)
        # Who is not recognised was not served, so that anything may be sent again.
        if found.status == HTTPStatus.UNAUTHORIZED and self.authentication and self.authentication.renew(found):
            found = self._sent(method, url, action, data, all_headers, repeat=repeat)
        if found.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise HttpError(
                f"Failed to {action}: {self.server} answered {found.status}: {self.reason(found.body)}",
                status=found.status,
                body=found.body,
                retryable=found.status in PASSING,
                retry_after=_seconds(found.headers.get("Retry-After")),
            )
        return found

    def reason(self, body: Any) -> str:
        """Return the sentence in a refusal, without the secrets that were sent and may come back in it."""
        values = [value for name, value in self.headers.items() if is_secret_name(name)]
        reason: str = redact(reason_of(body), [*values, *(value.partition(" ")[2] for value in values)])
        return reason

    def find(self, path: str, *, action: str, query: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Return the body of a GET, None when there is no such thing (404).

        Raises:
            HttpError: the server refused it for another reason.
        """
        try:
            return self.request("GET", path, action=action, query=query, headers=headers).body
        except HttpError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _sent(
        self, method: str, url: str, action: str, data: bytes | None, headers: Mapping[str, str], *, repeat: bool
    ) -> Answer:
        proof = self.authentication.headers(method, url) if self.authentication else {}
        try:
            answer = self._pool.request(
                method,
                url,
                body=data,
                headers={**headers, **proof},
                timeout=urllib3.Timeout(total=self.options.timeout),
                retries=self._retries(repeat=repeat),
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(action, error) from error
        return Answer(answer.status, answer.headers, answer.data)

    def _retries(self, *, repeat: bool) -> urllib3.Retry:
        count = self.options.retries
        # Without a connection nothing was received, and a request over the limit was not carried out (RFC 6585, section
        # 4), so that anything may be sent again after these two.
        kind = _Retry if repeat else _OnlyLimited
        return kind(
            total=count,
            connect=count,
            read=count if repeat else 0,
            other=0,
            redirect=False,
            status=count,
            status_forcelist=PASSING if repeat else _OnlyLimited.RETRY_AFTER_STATUS_CODES,
            allowed_methods=None,
            backoff_factor=0.2,
            backoff_max=5,
            backoff_jitter=0.1,
            raise_on_status=False,
            respect_retry_after_header=True,
        )

    def _tls(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.options.ca_cert or None)
            if self.options.client_cert:
                context.load_cert_chain(self.options.client_cert, self.options.client_key or None)
        except OSError as error:
            raise MiniappInfraError(
                f"ca_cert or client_cert: cannot be read: {error}", code=ErrorCode.INVALID_INPUT
            ) from error
        if not self.options.validate_certs:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _unreachable(self, action: str, error: Exception) -> MiniappInfraError:
        cause = getattr(error, "reason", None) or error
        return MiniappInfraError(
            f"Failed to {action}: {self.server} at {_host(self.options.url)} does not answer: {cause}",
            code=ErrorCode.UNAVAILABLE,
            retryable=True,
            hint="Is the address right, and is it reachable from here?",
        )


def reason_of(body: Any) -> str:
    """Return the sentence in a refusal: the usual fields of JSON errors, or the text."""
    if isinstance(body, dict):
        for key in ("detail", "message", "error_description", "error", "errors", "title"):
            found = body.get(key)
            if isinstance(found, dict):
                return reason_of(found)
            if isinstance(found, list):
                found = "; ".join(str(item) for item in found)
            if found:
                return str(found)[:_LONGEST_MESSAGE]
    return str(body or "no reason given")[:_LONGEST_MESSAGE]


def _host(url: str) -> str:
    """Return host and port, without the credentials that an address may have."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() else None


def _encoded(query: Any) -> str:
    if not query:
        return ""
    pairs = query.items() if hasattr(query, "items") else query
    text = urlencode([(key, value) for key, value in pairs if value is not None], doseq=True)
    return f"?{text}" if text else ""
