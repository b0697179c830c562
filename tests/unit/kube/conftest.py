# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP server on loopback that answers as a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.kube.client import Client
from miniapp_infra.kube.credentials import Credentials
from miniapp_infra.kube.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

Answer = tuple[int, Any]
Responder = Callable[[str, str, bytes], Answer]


class FakeServer:
    """Records requests as ``METHOD /path?query``. ``respond`` returns status and body; a list is a stream of events."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.respond: Responder = lambda *_: (404, {"message": "not found"})
        self.answer_headers: dict[str, str] = {}
        self.connections = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.requests.append(f"{self.command} {self.path}")
                outer.headers.append(dict(self.headers))
                status, content = outer.respond(self.command, self.path, body)
                if isinstance(content, list):
                    data = b"".join(json.dumps(event).encode() + b"\n" for event in content)
                else:
                    data = json.dumps(content).encode()
                self.send_response(status)
                for name, value in outer.answer_headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PATCH = do_DELETE = do_POST = _answer  # noqa: N815 - names of the base class

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name of the base class
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    fake = FakeServer()
    yield fake
    fake.close()


@pytest.fixture
def client(server: FakeServer) -> Client:
    retry = RetryPolicy(timeout=2, first_contact=0.5, base=0.01)
    return Client(Credentials(host=server.url, fingerprint="f" * 64), retry=retry)
