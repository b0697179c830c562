# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server with an etcd of its own, which a test may stop, kill and start again."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
import urllib3

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(__file__).parents[1]
BIN = ROOT / ".local" / "bin"
TOKEN = "empty-cluster-test"  # noqa: S105 - of an apiserver that lives as long as the test session, on loopback


def free_port() -> int:
    """Return a port that no connection takes meanwhile, as one of the range for outgoing connections may be."""
    while True:
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", random.randrange(20000, 30000)))
            return int(listener.getsockname()[1])


class ApiServer:
    """Holds nothing but what Kubernetes itself makes. A context manager.

    Args:
        state: an empty directory; what is in it survives a restart.
        options: further flags of kube-apiserver.
    """

    def __init__(self, state: Path, *options: str) -> None:
        self.kubeconfig = state / "kubeconfig"
        self.certificate = state / "apiserver.crt"
        self.log = state / "log"
        client, peer, self._port = free_port(), free_port(), free_port()
        self.url = f"https://127.0.0.1:{self._port}"
        key = state / "sa.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        (state / "tokens.csv").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
        self.kubeconfig.write_text(
            f"""apiVersion: v1
kind: Config
current-context: empty
contexts: [{{name: empty, context: {{cluster: empty, user: admin}}}}]
clusters:
  - name: empty
    cluster: {{server: "{self.url}", certificate-authority: {self.certificate}}}
users: [{{name: admin, user: {{token: {TOKEN}}}}}]
"""
        )
        self._etcd_command = [
            str(BIN / "etcd"),
            f"--data-dir={state}/etcd",
            f"--listen-client-urls=http://127.0.0.1:{client}",
            f"--advertise-client-urls=http://127.0.0.1:{client}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-cluster=default=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync",
        ]
        self._command = [
            str(BIN / "kube-apiserver"),
            f"--etcd-servers=http://127.0.0.1:{client}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port}",
            f"--cert-dir={state}",
            "--service-cluster-ip-range=198.19.128.0/20",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            f"--token-auth-file={state}/tokens.csv",
            "--authorization-mode=RBAC",
            *options,
        ]
        self._etcd: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._etcd = self._popen(self._etcd_command)
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def start(self) -> None:
        """Start the API server and wait until it serves."""
        self._process = self._popen(self._command)
        self.wait_until_ready()

    def kill(self) -> None:
        """End the API server as a power failure does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=60)

    def stop(self) -> None:
        """End the API server as an upgrade does."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=120)

    def wait_until_ready(self, timeout: float = 180) -> None:
        pool = urllib3.PoolManager(cert_reqs="CERT_NONE", retries=False, timeout=10)
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                answer = pool.request("GET", f"{self.url}/readyz", headers={"Authorization": f"Bearer {TOKEN}"})
                if answer.status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.3)
        pytest.fail(f"{self.url} was not ready after {timeout:.0f} s:\n{self.log.read_text()[-3000:]}")

    def raw(self) -> Raw:
        """Return a plain HTTP client with all rights, which knows nothing of the engine under test."""
        return Raw(self.url, self.certificate)

    def _popen(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def _end(self) -> None:
        for process in (self._process, self._etcd):
            if process is not None:
                process.terminate()
                try:
                    process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(timeout=30)


class Raw:
    """Requests as they are written here, nothing more: no retries, no interpretation."""

    def __init__(self, url: str, certificate: Path) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(ca_certs=str(certificate), retries=False, timeout=60, maxsize=8)

    def send(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json"
    ) -> tuple[int, dict[str, Any]]:
        """Return status and parsed body; what is no object becomes the message of one."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": content_type, "Accept": "application/json"}
        answer = self._pool.request(
            method, self._url + path, body=None if body is None else json.dumps(body), headers=headers
        )
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        return answer.status, json.loads(answer.data) if is_json else {"message": answer.data.decode()}

    def get(self, path: str) -> dict[str, Any]:
        """Return what is there, and fail the test when nothing is."""
        status, body = self.send("GET", path)
        assert status == 200, body
        return body
