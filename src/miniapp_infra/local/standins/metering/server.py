# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP server around the three systems, with failures that can be arranged."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from miniapp_infra.local.standins.metering.lago import Lago
from miniapp_infra.local.standins.metering.openmeter import OpenMeter
from miniapp_infra.local.standins.metering.stripe import Stripe
from miniapp_infra.local.standins.metering.wire import OK, Reply, Request

if TYPE_CHECKING:
    from types import TracebackType

HEALTH = "/healthz"
_UNANSWERED = 600.0
"""Seconds after which a halted request is given up, so that no test can hang for ever."""


@dataclass
class Fault:
    """Something that goes wrong with one request.

    Attributes:
        method: of the request that it happens to; any when empty.
        status: answered in place of the real one; 0 to answer truly.
        stored: whether the request is carried out all the same.
        halts: whether the request waits until ``release``, before or, when it is carried out, after that.
        drops: whether the connection is closed without an answer.
        headers: of the answer.
    """

    method: str = ""
    status: int = 0
    stored: bool = False
    halts: bool = False
    drops: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    reached: threading.Event = field(default_factory=threading.Event, repr=False)
    released: threading.Event = field(default_factory=threading.Event, repr=False)

    def release(self) -> None:
        """Let a halted request go on."""
        self.released.set()


@dataclass(frozen=True)
class Exchange:
    """A request and its reply, for tests."""

    system: str
    request: Request
    reply: Reply


class MeteringServer:
    """OpenMeter, Lago and Stripe behind one port.

    Args:
        host: address to listen on.
        port: port to listen on; any free one when 0.
        token: that every request must bear; none when empty.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, token: str = "") -> None:
        self.openmeter = OpenMeter()
        self.lago = Lago()
        self.stripe = Stripe()
        self.token = token
        self.exchanges: list[Exchange] = []
        self.faults: deque[Fault | None] = deque()
        self._lock = threading.Lock()
        self._idle = threading.Condition()
        self._under_way = 0
        self._server = _Listener((host, port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Address without a system's path."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        for fault in self.faults:
            if fault:
                fault.release()
        self._server.shutdown()
        self._server.server_close()

    def settle(self) -> None:
        """Wait until no request is under way."""
        with self._idle:
            if not self._idle.wait_for(lambda: self._under_way == 0, _UNANSWERED):
                raise TimeoutError("a request is still under way")

    def reply(self, system: str, request: Request) -> Reply | None:
        """Answer a request; None to close the connection instead."""
        with self._idle:
            self._under_way += 1
        try:
            return self._replied(system, request)
        finally:
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()

    def _replied(self, system: str, request: Request) -> Reply | None:
        fault = self._next_fault(request)
        if fault is None:
            return self._carried_out(system, request)
        done: Reply | None = None
        if fault.stored:
            done = self._carried_out(system, request)
        if fault.halts:
            fault.reached.set()
            fault.released.wait(_UNANSWERED)
        if fault.drops:
            return None
        if fault.status:
            return Reply(fault.status, {"message": "as arranged"}, headers=fault.headers)
        return done or self._carried_out(system, request)

    def _next_fault(self, request: Request) -> Fault | None:
        with self._lock:
            if not self.faults:
                return None
            fault = self.faults[0]
            if fault is not None and fault.method and fault.method != request.method:
                return None
            return self.faults.popleft()

    def _carried_out(self, system: str, request: Request) -> Reply:
        with self._lock:
            reply = self._handled(system, request)
            self.exchanges.append(Exchange(system, request, reply))
            return reply

    def _handled(self, system: str, request: Request) -> Reply:
        systems: dict[str, Any] = {"openmeter": self.openmeter, "lago": self.lago, "stripe": self.stripe}
        if system not in systems:
            return Reply(404, {"message": f"no such system: {system}; there are {', '.join(systems)}"})
        known = not self.token or request.headers.get("authorization") == f"Bearer {self.token}"
        reply: Reply = systems[system].handle(request) if known else systems[system].unauthorized()
        return reply


class _Listener(ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], owner: MeteringServer) -> None:
        self.owner = owner
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Keep quiet."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        if parts.path == HEALTH:
            self._write(Reply(OK, {"status": "ok"}))
            return
        system, _, rest = parts.path.lstrip("/").partition("/")
        reply = self.server.owner.reply(
            system,
            Request(
                self.command,
                unquote(f"/{rest}"),
                tuple(parse_qsl(parts.query, keep_blank_values=True)),
                {name.lower(): value for name, value in self.headers.items()},
                body,
            ),
        )
        if reply is None:
            self.close_connection = True
        else:
            self._write(reply)

    def _write(self, reply: Reply) -> None:
        data = reply.encoded()
        with suppress(ConnectionError):  # whoever asked may be gone
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if data:
                self.send_header("Content-Type", reply.content_type)
            if reply.status != 204:  # noqa: PLR2004 - no content, which has no length either (RFC 9110)
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
