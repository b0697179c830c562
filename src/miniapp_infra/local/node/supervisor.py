# SPDX-License-Identifier: GPL-3.0-or-later
"""Start process-compose in the namespace, and talk to it over its UNIX socket."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.layout import ENVIRONMENT_VARIABLE, Layout
from miniapp_infra.local.node import processes
from miniapp_infra.local.node.compose import launcher_path
from miniapp_infra.local.node.files import write
from miniapp_infra.local.node.network import in_namespace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_READY = "Ready"
_ENDED = frozenset({"Completed", "Error", "Skipped", "Terminating"})
_START_SECONDS = 15
_STOP_SECONDS = 40
_TAIL_LINES = 15


@dataclass(frozen=True)
class ComponentState:
    """What the supervisor knows about a component.

    Args:
        name: the component.
        status: process-compose's word, for example ``Running`` or ``Pending``.
        ready: its last health probe succeeded.
        restarts: how often it was started again.
        pid: process id; 0 while it does not run.
    """

    name: str
    status: str
    ready: bool
    restarts: int
    pid: int

    @classmethod
    def from_api(cls, answer: dict[str, Any]) -> ComponentState:
        running = bool(answer["is_running"])
        return cls(
            name=answer["name"],
            status=answer["status"],
            ready=running and answer["is_ready"] == _READY,
            restarts=answer["restarts"],
            pid=answer["pid"] if running else 0,
        )


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("supervisor", timeout=timeout)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Supervisor:
    """Client of one environment's process-compose."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @property
    def project_file(self) -> Path:
        return self._layout.config / "components.yaml"

    def _request(self, method: str, path: str, *, timeout: float = 10) -> Any:
        connection = _SocketConnection(self._layout.supervisor_socket, timeout)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise MiniappInfraError(
                f"Failed to ask the supervisor to {method} {path}: {answer.status} {body.decode(errors='replace')}"
            )
        return json.loads(body)

    def alive(self) -> bool:
        """Return whether process-compose answers."""
        try:
            self._request("GET", "/live")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def states(self) -> list[ComponentState]:
        """Return the state of every component, by name."""
        found = [ComponentState.from_api(item) for item in self._request("GET", "/processes")["data"]]
        return sorted(found, key=lambda state: state.name)

    def apply(self, project: str, launchers: Mapping[str, str]) -> list[str]:
        """Make the running components the wanted ones: start process-compose, or restart what changed.

        Args:
            project: text of the project file.
            launchers: text of every component's launcher script, by component.

        Returns:
            What was done, for people; empty when nothing had to be done.
        """
        write(self.project_file, project)
        for name, text in launchers.items():
            write(launcher_path(self._layout, name), text)
        running = self._read_applied() if self.alive() else None
        if running is None or running["project"] != project:
            self.stop()
            self._applied.unlink(missing_ok=True)
            self._start()
            self._write_applied(project, launchers)
            return ["components started"]
        done = []
        states = {state.name: state for state in self.states()}
        for name, text in launchers.items():
            if running["launchers"][name] != text or states[name].status in _ENDED:
                self.restart(name)
                running["launchers"][name] = text
                self._write_applied(project, running["launchers"])
                done.append(f"{name} restarted")
        return done

    @property
    def _applied(self) -> Path:
        """What process-compose was started with; like process-compose, it does not outlive the boot."""
        return self._layout.runtime / "applied.json"

    def _read_applied(self) -> dict[str, Any] | None:
        if not self._applied.is_file():
            return None
        loaded: dict[str, Any] = json.loads(self._applied.read_text())
        return loaded

    def _write_applied(self, project: str, launchers: Mapping[str, str]) -> None:
        write(self._applied, json.dumps({"project": project, "launchers": dict(launchers)}))

    def _program(self) -> str:
        return str(self._layout.bin / "process-compose")

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the supervisor and its components: the caller's own variables stay out."""
        layout = self._layout
        return {
            ENVIRONMENT_VARIABLE: str(layout.state),
            "COMPOSE_SHELL": "sh",
            "HOME": str(layout.runtime),
            "OTEL_TRACES_EXPORTER": "none",
            "PATH": f"{layout.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PC_DISABLE_DOTENV": "1",
            "SSL_CERT_FILE": str(layout.ca_bundle),
        }

    def _start(self) -> None:
        layout = self._layout
        own_log = layout.logs / "supervisor.log"
        argv = in_namespace(
            layout,
            [
                self._program(),
                "up",
                "--tui=false",
                "--use-uds",
                f"--unix-socket={layout.supervisor_socket}",
                f"--config={self.project_file}",
                f"--log-file={own_log}",
                "--keep-project",
                "--ordered-shutdown",
            ],
        )
        with (layout.logs / "supervisor.err").open("wb") as errors:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # repeats every component's log
                stderr=errors,
                env=self.environment(),
                cwd="/",
                start_new_session=True,  # lives on when the caller ends
            )
        try:
            Retrying(
                stop=stop_after_delay(_START_SECONDS), wait=wait_fixed(0.1), retry=retry_if_result(lambda up: not up)
            )(lambda: self.alive() or process.poll() is not None)
        except RetryError as error:
            raise MiniappInfraError(
                f"Failed to start the supervisor: no answer within {_START_SECONDS} s\n{tail(own_log)}",
                code=ErrorCode.TIMEOUT,
                retryable=True,
            ) from error
        if process.returncode is not None:
            said = tail(layout.logs / "supervisor.err") or tail(own_log)
            raise MiniappInfraError(f"Failed to start the supervisor: it ended with {process.returncode}\n{said}")

    def restart(self, name: str) -> None:
        """Stop and start one component."""
        self._request("POST", f"/process/restart/{name}", timeout=60)

    def wait_until_ready(self, seconds: float) -> None:
        """Wait until every component is healthy.

        Raises:
            MiniappInfraError: one is not after ``seconds`` (``timeout``); the message has its last log lines.
        """
        try:
            Retrying(stop=stop_after_delay(seconds), wait=wait_fixed(0.3), retry=retry_if_result(bool))(self.unhealthy)
        except RetryError as error:
            raise self._not_ready(seconds) from error

    def unhealthy(self) -> list[ComponentState]:
        """Return the components that are not healthy now."""
        return [state for state in self.states() if not state.ready]

    def _not_ready(self, seconds: float) -> MiniappInfraError:
        states = self.unhealthy()
        # one that waits for another is not the cause
        guilty = next((state for state in states if state.status != "Pending"), states[0] if states else None)
        if guilty is None:
            return MiniappInfraError("Failed to start the node: a component was late", retryable=True)
        log = self._layout.logs / f"{guilty.name}.log"
        return MiniappInfraError(
            f"Failed to start {guilty.name}: {guilty.status}, restarted {guilty.restarts} times, not healthy within "
            f"{seconds:.0f} s. Last lines of {log}:\n{tail(log)}",
            code=ErrorCode.TIMEOUT,
            retryable=True,
            hint=f"read {log}; `make up` continues from here, `make down` starts over",
        )

    def stop(self) -> bool:
        """Stop every component, each before what it needs, and process-compose itself.

        Returns:
            Whether it was running.

        Raises:
            MiniappInfraError: it is still there after 40 seconds (``timeout``).
        """
        if not self.alive():
            return False
        self._request("POST", "/project/stop", timeout=_STOP_SECONDS)
        try:
            Retrying(stop=stop_after_delay(_STOP_SECONDS), wait=wait_fixed(0.1), retry=retry_if_result(bool))(
                self._left
            )
        except RetryError as error:
            raise MiniappInfraError(
                f"Failed to stop the supervisor: still there after {_STOP_SECONDS} s", code=ErrorCode.TIMEOUT
            ) from error
        return True

    def _left(self) -> list[processes.Process]:
        return [item for item in processes.marked(self._layout.state) if item.program == "process-compose"]


def tail(path: Path, lines: int = _TAIL_LINES) -> str:
    """Return the last lines of a log; empty when there is none."""
    if not path.is_file():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
