# SPDX-License-Identifier: GPL-3.0-or-later
"""Speaks HTTP as Atlas does: authentication, versions in media types, and errors in their envelope."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from miniapp_infra.local.standins.atlas.errors import Refusal, bad_request, not_found
from miniapp_infra.local.standins.atlas.operations import ROUTES, Call, Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from miniapp_infra.local.standins.atlas.authentication import Gate
    from miniapp_infra.local.standins.atlas.world import World

BASE = "/api/atlas/v2"
HEALTH = "/healthz"
TOKEN = "/api/oauth/token"  # noqa: S105 - an address
JSON = "application/json"
_VERSIONED = re.compile(r"application/vnd\.atlas\.(\d{4}-\d{2}-\d{2})\+json")


@dataclass(frozen=True)
class Exchange:
    """A request that was let in, and its answer.

    Attributes:
        route: None when there is no such endpoint.
        version: of the API that was spoken; empty when there is none.
    """

    method: str
    path: str
    route: Route | None
    version: str
    body: Any
    status: int
    answer: Any


@dataclass
class Faults:
    """What goes wrong on demand.

    Attributes:
        limited: number of requests to be refused with 429.
        retry_after: seconds that such a refusal asks for.
        lost: number of POST requests that are carried out but not answered.
    """

    limited: int = 0
    retry_after: int = 1
    lost: int = 0


@dataclass
class Context:
    """What the handlers of all connections share.

    Attributes:
        observer: is told of each exchange.
    """

    world: World
    gate: Gate
    faults: Faults = field(default_factory=Faults)
    observer: Callable[[Exchange], None] = lambda _: None


class Server(ThreadingHTTPServer):
    """The server.

    Args:
        address: host and port; port 0 takes a free one.
        context: what there is.
    """

    daemon_threads = True

    def __init__(self, address: tuple[str, int], context: Context) -> None:
        super().__init__(address, Handler)
        self.context = context

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Serves one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self._serve()

    # http.server calls methods by these names.
    do_POST = do_GET  # noqa: N815
    do_PATCH = do_GET  # noqa: N815
    do_PUT = do_GET  # noqa: N815
    do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - overrides
        """Say nothing: addresses of requests hold names that are nobody's business."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            status, version, answer = self._answer(body)
        except Refusal as refusal:
            self._send(refusal.status, refusal.body(), JSON, refusal.headers)
            return
        faults = self.server.context.faults
        if self.command == "POST" and version and faults.lost:
            faults.lost -= 1
            self.close_connection = True
            return
        self._send(status, answer, f"application/vnd.atlas.{version}+json;charset=utf-8" if version else JSON)

    def _answer(self, body: bytes) -> tuple[HTTPStatus, str, Any]:
        parts = urlsplit(self.path)
        if parts.path == HEALTH:
            return HTTPStatus.OK, "", {}
        context = self.server.context
        if context.faults.limited:
            context.faults.limited -= 1
            raise Refusal(
                HTTPStatus.TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                "Too many requests.",
                {"Retry-After": str(context.faults.retry_after)},
            )
        authorization = self.headers.get("Authorization", "")
        if parts.path == TOKEN and self.command == "POST":
            return HTTPStatus.OK, "", context.gate.issue(authorization, body)
        context.gate.check(self.command, self.path, authorization)
        return self._operate(parts.path, dict(parse_qsl(parts.query)), body)

    def _operate(self, path: str, query: dict[str, str], body: bytes) -> tuple[HTTPStatus, str, Any]:
        context = self.server.context
        route: Route | None = None
        version, decoded = "", None
        try:
            route, names = self._route(path.removeprefix(BASE))
            version = self._version(route)
            decoded = self._decoded(body)
            if names["groupId"] != context.world.project:
                raise not_found("GROUP_NOT_FOUND", f"No group with ID {names['groupId']} exists.")
            with context.world.lock:
                answer = self._called(route, Call(context.world, names, query, decoded))
        except Refusal as refusal:
            context.observer(
                Exchange(self.command, path, route, version, decoded, refusal.status.value, refusal.body())
            )
            raise
        status = HTTPStatus.NO_CONTENT if self.command == "DELETE" else HTTPStatus.OK
        context.observer(Exchange(self.command, path, route, version, decoded, status.value, answer))
        return status, version, answer

    def _called(self, route: Route, call: Call) -> Any:
        try:
            # A copy, because others go on to change what is shown here.
            return json.loads(json.dumps(route.answer(call)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise bad_request("VALIDATION_ERROR", f"The request is not valid: {error!r}") from error

    def _route(self, path: str) -> tuple[Route, dict[str, str]]:
        found = [(route, match) for route in ROUTES if (match := route.match(path))]
        for route, match in found:
            if route.method == self.command:
                return route, {name: unquote(value) for name, value in match.groupdict().items()}
        if found:
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", f"{self.command} is not allowed here.")
        raise not_found("RESOURCE_NOT_FOUND", f"Cannot find resource {path}.")

    def _version(self, route: Route) -> str:
        """Return the newest version of an endpoint that is not newer than the one that was asked for."""
        asked = _VERSIONED.match(self.headers.get("Accept", ""))
        served = [version for version in route.versions if asked and version <= asked[1]]
        if not served:
            raise Refusal(
                HTTPStatus.NOT_ACCEPTABLE,
                "INVALID_VERSION_DATE",
                f"Accept must name a version of the API, {route.versions[0]} or later.",
            )
        return served[-1]

    def _decoded(self, body: bytes) -> Any:
        if not body:
            return None
        media_type = self.headers.get("Content-Type", "").partition(";")[0]
        if media_type != JSON and not _VERSIONED.fullmatch(media_type):
            raise Refusal(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", f"{media_type} is not supported."
            )
        try:
            return json.loads(body)
        except ValueError as error:
            raise bad_request("MALFORMED_JSON", "Received JSON is malformed.") from error

    def _send(self, status: HTTPStatus, answer: Any, media_type: str, headers: dict[str, str] | None = None) -> None:
        data = b"" if status is HTTPStatus.NO_CONTENT else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if data:
            self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
