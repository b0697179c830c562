# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against a small stand-in for process-compose's API."""

from __future__ import annotations

import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.node.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miniapp_infra.local.layout import Layout

LAUNCHERS = {"etcd": "exec etcd", "kubelet": "exec kubelet"}


class FakeServer(socketserver.ThreadingUnixStreamServer):
    """Answers like process-compose and remembers what it was asked to change."""

    daemon_threads = True

    def __init__(self, path: str) -> None:
        self.changes: list[str] = []
        self.status = dict.fromkeys(LAUNCHERS, "Running")
        self.health = dict.fromkeys(LAUNCHERS, "Ready")
        super().__init__(path, Handler)

    def answer(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        if method == "GET" and path == "/live":
            return 200, {"status": "alive"}
        if method == "GET" and path == "/processes":
            return 200, {"data": [self._state(name) for name in LAUNCHERS]}
        self.changes.append(f"{method} {path}")
        return (200, {}) if path.rpartition("/")[2] in LAUNCHERS else (400, {"error": "no such process"})

    def _state(self, name: str) -> dict[str, Any]:
        running = self.status[name] == "Running"
        health = self.health[name]
        return {
            "name": name,
            "status": self.status[name],
            "is_ready": health,
            "is_running": running,
            "restarts": 3,
            "pid": 7,
        }


class Handler(BaseHTTPRequestHandler):
    server: FakeServer

    def handle_any(self) -> None:
        code, body = self.server.answer(self.command, self.path)
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = handle_any  # noqa: N815 - names that http.server looks up

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server(layout: Layout) -> Iterator[FakeServer]:
    layout.runtime.mkdir()
    layout.logs.mkdir(parents=True)
    with FakeServer(str(layout.supervisor_socket)) as fake:
        threading.Thread(target=fake.serve_forever, daemon=True).start()
        yield fake
        fake.shutdown()


@pytest.fixture
def supervisor(layout: Layout, server: FakeServer) -> Supervisor:
    assert server
    (layout.runtime / "applied.json").write_text(json.dumps({"project": "p", "launchers": LAUNCHERS}))
    return Supervisor(layout)


def test_nothing_is_done_when_nothing_changed(supervisor: Supervisor, server: FakeServer) -> None:
    assert supervisor.apply("p", LAUNCHERS) == []
    assert server.changes == []


def test_just_what_changed_is_restarted_once(supervisor: Supervisor, server: FakeServer, layout: Layout) -> None:
    changed = LAUNCHERS | {"kubelet": "exec kubelet --new"}
    assert supervisor.apply("p", changed) == ["kubelet restarted"]
    assert server.changes == ["POST /process/restart/kubelet"]
    assert (layout.config / "run" / "kubelet.sh").read_text() == "exec kubelet --new"
    assert supervisor.apply("p", changed) == []


def test_a_component_that_ended_is_started_again(supervisor: Supervisor, server: FakeServer) -> None:
    server.status["etcd"] = "Completed"
    assert supervisor.apply("p", LAUNCHERS) == ["etcd restarted"]


def test_a_late_component_is_named_with_its_last_log_lines(
    supervisor: Supervisor, server: FakeServer, layout: Layout
) -> None:
    server.health["etcd"] = "Not Ready"
    server.status["kubelet"] = "Pending"
    (layout.logs / "etcd.log").write_text("first\nno space left on device\n")
    with pytest.raises(MiniappInfraError, match=r"Failed to start etcd: Running.*(?s:.*)no space left") as caught:
        supervisor.wait_until_ready(0.1)
    assert caught.value.code is ErrorCode.TIMEOUT


def test_a_refusal_is_an_error(supervisor: Supervisor) -> None:
    with pytest.raises(MiniappInfraError, match="no such process"):
        supervisor.restart("unknown")


def test_without_a_supervisor_there_is_nothing_to_stop(layout: Layout) -> None:
    assert not Supervisor(layout).alive()
    assert not Supervisor(layout).stop()


def test_the_callers_environment_stays_out(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    monkeypatch.setenv("TOKEN", "secret")
    environment = Supervisor(layout).environment()
    assert not {"HTTPS_PROXY", "TOKEN"} & set(environment)
    assert environment["MINIAPP_INFRA_ENVIRONMENT"] == str(layout.state)
