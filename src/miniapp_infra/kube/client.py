# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to one API server: plain dictionaries in and out, one connection pool, retries, watches."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import urllib3
from urllib3 import exceptions as transport

from miniapp_infra import __version__
from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube import credentials as credentials_module
from miniapp_infra.kube.connection import ConnectionOptions
from miniapp_infra.kube.errors import ApiError, KubeError, UnreachableError, from_status
from miniapp_infra.kube.retry import RetryPolicy
from miniapp_infra.kube.width import MOST, Width

if TYPE_CHECKING:
    from miniapp_infra.kube.credentials import Credentials

CONNECT_TIMEOUT = 5.0
_CROWDED = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
_UNSURE = frozenset({408, 500, 502, 503, 504})
"""Failures after which the server may have done what it was asked, or may still do it."""

PAGE = 500
"""Objects of one page of a list, as kubectl asks for."""
Query = Mapping[str, str]


@dataclass(frozen=True)
class Response:
    """A successful answer.

    Args:
        status: 200 or 201, the latter for a created object.
        body: the parsed JSON.
        warnings: texts of the ``Warning`` headers, such as deprecations.
        unsure: an earlier try of the same request may have been carried out without an answer.
    """

    status: int
    body: Any
    warnings: tuple[str, ...] = ()
    unsure: bool = False


class Client:
    """Speaks to one API server; may be used from several threads.

    Args:
        credentials: where and as whom.
        options: time limits and impersonation.
        retry: replaced in tests.
    """

    def __init__(
        self, credentials: Credentials, options: ConnectionOptions | None = None, retry: RetryPolicy | None = None
    ) -> None:
        options = options or ConnectionOptions()
        self.credentials = credentials
        self.retry = retry or RetryPolicy(timeout=options.retry_timeout)
        self._read_timeout = options.request_timeout
        self._headers = urllib3.HTTPHeaderDict({"User-Agent": f"miniapp-infra/{__version__}"})
        if options.impersonate_user:
            self._headers["Impersonate-User"] = options.impersonate_user
        for group in options.impersonate_groups:
            self._headers.add("Impersonate-Group", group)
        self._pool = _pool(credentials)
        self._has_answered = False
        self._width = Width()
        self._lock = threading.Lock()
        self._opened = 0
        self._opening: list[threading.Thread] = []

    @classmethod
    def connect(cls, options: ConnectionOptions) -> Client:
        """Read the credentials; the first request opens the connection.

        Raises:
            KubeError: the configuration cannot be used.
        """
        return cls(credentials_module.load(options), options)

    def open_connections(self, count: int) -> None:
        """Begin to open connections, up to so many in all, while the caller does something else.

        A new connection costs two round trips before its first request. One that cannot be opened is not reported: the
        request that needs it says why.
        """
        if self.credentials.proxy is not None:
            return  # one more hop, opened by the request itself
        with self._lock:
            missing = max(0, min(count, MOST) - self._opened)
            self._opened += missing
            for _ in range(missing):
                thread = threading.Thread(target=self._open_connection, name="connect", daemon=True)
                thread.start()
                self._opening.append(thread)

    def _open_connection(self) -> None:
        pool = self._pool.connection_from_url(self.credentials.host)
        with contextlib.suppress(transport.HTTPError, OSError):
            # urllib3 has no public way to fill its pool before the first request.
            connection = pool._get_conn()  # noqa: SLF001
            try:
                if not connection.is_connected:
                    connection.timeout = CONNECT_TIMEOUT
                    connection.connect()
            except (transport.HTTPError, OSError):
                connection.close()  # one that failed half way must not be taken for an open one
                raise
            finally:
                pool._put_conn(connection)  # noqa: SLF001

    def get(self, path: str, *, action: str, query: Query | None = None, accept: str = "application/json") -> Response:
        """Read something. Raises KubeError; see ``request``."""
        return self.request("GET", path, action=action, query=query, accept=accept)

    def request(
        self,
        method: str,
        path: str,
        *,
        action: str,
        query: Query | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        repeat_conflicts: bool = True,
    ) -> Response:
        """Send a request that is safe to repeat, and repeat it while the failure is a passing one.

        As many are in flight at a time as the server takes without queueing; see ``Width``.

        Args:
            method: HTTP method.
            path: absolute path on the server.
            action: what is tried, for the message: ``apply Deployment payhub/payhub``.
            query: query parameters.
            body: is sent as JSON.
            content_type: of the body.
            accept: wanted representation.
            repeat_conflicts: False where the body names the version that it is about, so that 409 is an answer.

        Raises:
            ApiError: the server said no.
            UnreachableError: the server did not answer in the time that the retry policy gives.
            KubeError: TLS failed.
        """
        data = None if body is None else json.dumps(body).encode()
        url = _url(path, query)
        unsure = False

        def send(authorization: str | None) -> urllib3.BaseHTTPResponse:
            headers = self._request_headers(accept, authorization)
            if data is not None:
                headers["Content-Type"] = content_type
            timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT, read=self._read_timeout)
            with self._width.slot():
                started = time.monotonic()
                answer = self._send(method, url, action, headers=headers, body=data, timeout=timeout)
                took = time.monotonic() - started
            if answer.status in _CROWDED:
                self._width.overloaded()
            elif method != "GET":  # how long a list takes depends on its length
                self._width.took(took)
            return answer

        def once() -> Response:
            nonlocal unsure
            try:
                answer = self._authorized(send)
                return replace(_checked(action, answer.status, answer.data, answer.headers), unsure=unsure)
            except ApiError as error:
                error.unsure = unsure
                unsure = unsure or error.status in _UNSURE
                if error.status == HTTPStatus.CONFLICT and not repeat_conflicts:
                    error.retryable = False
                raise
            except UnreachableError:
                unsure = True
                raise

        return self.retry.call(once, answered=lambda: self._has_answered)

    def pages(
        self, path: str, *, action: str, query: Query | None = None, first: int = PAGE
    ) -> Iterator[dict[str, Any]]:
        """Yield the pages of a list. When they expire while we read, the whole list follows once more in one page.

        Args:
            path: of the collection.
            action: what is tried, for the message.
            query: selectors.
            first: objects of the first page; the others have ``PAGE``.

        Raises:
            KubeError: see ``request``.
        """
        parameters = {**(query or {}), "limit": str(first)}
        while True:
            try:
                page: dict[str, Any] = self.get(path, action=action, query=parameters).body
            except ApiError as error:
                if error.status != HTTPStatus.GONE or "continue" not in parameters:
                    raise
                parameters = dict(query or {})
                continue
            yield page
            token = page.get("metadata", {}).get("continue")
            if not token:
                return
            parameters |= {"continue": token, "limit": str(PAGE)}

    def open_watch(self, path: str, *, action: str, query: Query, seconds: float) -> Watch:
        """Open a watch, once: the caller decides how to go on after a failure.

        Args:
            path: of the collection.
            action: what is tried, for the message.
            query: selectors and ``resourceVersion``.
            seconds: after which the server closes it.

        Raises:
            KubeError: see ``request``.
        """
        parameters = {**query, "watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(max(1, int(seconds)))}

        def send(authorization: str | None) -> urllib3.BaseHTTPResponse:
            return self._send(
                "GET",
                _url(path, parameters),
                action,
                headers=self._request_headers("application/json", authorization),
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=seconds + 10),
                preload_content=False,
            )

        answer = self._authorized(send)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            _checked(action, answer.status, answer.read(), answer.headers)
        return Watch(answer, lambda error: _transport_error(action, self.credentials.host, error))

    def _authorized(self, send: Callable[[str | None], urllib3.BaseHTTPResponse]) -> urllib3.BaseHTTPResponse:
        """Send, and once more when the credentials have expired and there are new ones."""
        authorization = self.credentials.authorization()
        answer = send(authorization)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            renewed = self.credentials.renew(authorization)
            if renewed != authorization:
                answer.drain_conn()
                return send(renewed)
        return answer

    def _request_headers(self, accept: str, authorization: str | None) -> urllib3.HTTPHeaderDict:
        headers = self._headers.copy()
        headers["Accept"] = accept
        if authorization:
            headers["Authorization"] = authorization
        return headers

    def _send(self, method: str, url: str, action: str, **options: Any) -> urllib3.BaseHTTPResponse:
        with self._lock:
            opening = self._opening.pop() if self._opening else None
        if opening is not None:
            opening.join()  # takes less time than to begin another one
        try:
            answer = self._pool.request(method, self.credentials.host + url, retries=False, **options)
        except (transport.HTTPError, OSError) as error:
            raise _transport_error(action, self.credentials.host, error) from error
        self._has_answered = True
        return answer


class Watch:
    """The events of one watch; ``close`` may be called from another thread and ends the iteration."""

    def __init__(self, answer: urllib3.BaseHTTPResponse, translate: Callable[[Exception], KubeError]) -> None:
        self._answer = answer
        self._translate = translate
        self._is_closed = threading.Event()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield events until the server ends the watch.

        Raises:
            KubeError: the connection broke.
        """
        rest = b""
        try:
            for chunk in self._answer.stream(65536):
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    if line.strip():
                        yield json.loads(line)
        except (transport.HTTPError, OSError, ValueError) as error:
            if not self._is_closed.is_set():
                raise self._translate(error) from error
        finally:
            self._answer.close()

    def close(self) -> None:
        self._is_closed.set()
        # urllib3 has no socket to shut down any more when the watch has just ended by itself.
        with contextlib.suppress(ValueError, OSError):
            self._answer.shutdown()


class _TlsConnection(urllib3.connection.HTTPSConnection):
    """A connection that tells the session tickets of a TLS 1.3 server from the end of the connection.

    They arrive after the handshake, unasked. urllib3 takes bytes that nobody asked for as a sign that the server has
    gone, and would throw each connection away that was opened ahead of its first request.
    """

    @property
    def is_connected(self) -> bool:
        return super().is_connected or self._holds_tickets_only()

    def _holds_tickets_only(self) -> bool:
        if not isinstance(self.sock, ssl.SSLSocket):
            return False
        timeout = self.sock.gettimeout()
        self.sock.settimeout(0)
        try:
            self.sock.recv(1)
        except ssl.SSLWantReadError:
            return True  # whatever was there was for TLS itself, which has taken it now
        except OSError:
            return False
        finally:
            self.sock.settimeout(timeout)
        return False


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def _pool(credentials: Credentials) -> urllib3.PoolManager:
    options: dict[str, Any] = {"maxsize": MOST, "num_pools": 2}
    if credentials.tls is not None:
        options["ssl_context"] = credentials.tls
        if credentials.server_name:
            options["server_hostname"] = credentials.server_name
    if credentials.proxy:
        return urllib3.ProxyManager(credentials.proxy, **options)
    manager = urllib3.PoolManager(**options)
    manager.pool_classes_by_scheme = {**manager.pool_classes_by_scheme, "https": _TlsPool}
    return manager


def _url(path: str, query: Query | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _checked(action: str, status: int, data: bytes, headers: Mapping[str, str]) -> Response:
    body: Any
    try:
        body = json.loads(data) if data else {}
    except ValueError:
        body = data.decode("utf-8", "replace")
    if status >= HTTPStatus.BAD_REQUEST:
        after = headers.get("Retry-After", "")
        raise from_status(action, status, body, float(after) if after.isdigit() else None)
    if not isinstance(body, dict):
        raise KubeError(
            f"Failed to {action}: the answer is not JSON", hint="Is this the address of a Kubernetes API server?"
        )
    return Response(status, body, _warnings(headers.get("Warning", "")))


def _warnings(header: str) -> tuple[str, ...]:
    """Take the texts out of a ``Warning`` header such as ``299 - "text", 299 - "text"`` (RFC 7234 section 5.5)."""
    return tuple(
        part.partition('"')[2].rstrip('" ,').replace('\\"', '"') for part in header.split("299 ") if '"' in part
    )


def _transport_error(action: str, host: str, error: Exception) -> KubeError:
    if isinstance(error, transport.ProxyError):
        cause = getattr(error, "original_error", error)
        return UnreachableError(f"Failed to {action}: no answer through the proxy: {_reason(cause)}", retryable=True)
    if isinstance(error, transport.SSLError):
        return KubeError(
            f"Failed to {action}: TLS with {host}: {_reason(error)}",
            code=ErrorCode.UNAVAILABLE,
            hint="Set ca_cert to the certificate of the CA that signed the server's certificate, or check the name.",
        )
    return UnreachableError(
        f"Failed to {action}: no answer from {host}: {_reason(error)}",
        retryable=True,
        hint="Is the API server running, and reachable from here?",
    )


def _reason(error: Exception) -> str:
    """Return the cause without the memory addresses that urllib3 puts in front of it."""
    return str(error.__cause__ or error).rpartition("): ")[2] or type(error).__name__
