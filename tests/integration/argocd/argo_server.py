# SPDX-License-Identifier: GPL-3.0-or-later
"""The real API server of Argo CD, beside an API server of Kubernetes; without repo-server, Redis and Dex.

So it answers whatever needs neither rendered manifests nor cached resource trees: revisions have to be commits, and
sources are not validated.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import subprocess
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import pytest
import urllib3

from live_apiserver import BIN, free_port

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from live_apiserver import Raw

ACCOUNT = "ci"
_LABELS = {"app.kubernetes.io/part-of": "argocd"}


@dataclass
class ArgoServerProcess:
    """A context manager.

    Args:
        kubeconfig: of the cluster with the kinds of Argo CD.
        raw: all rights there.
        namespace: of Argo CD.
        log: gets what it prints.
    """

    kubeconfig: Path
    raw: Raw
    namespace: str
    log: Path

    def __enter__(self) -> Self:
        key, self._id, now = secrets.token_hex(32), str(uuid.uuid4()), int(time.time()) - 60
        self.token = _signed(
            {"iss": "argocd", "sub": f"{ACCOUNT}:apiKey", "jti": self._id, "iat": now, "nbf": now}, key
        )
        tokens = json.dumps([{"id": self._id, "iat": now}])
        self._create("configmaps", "argocd-cm", data={f"accounts.{ACCOUNT}": "apiKey"})
        self._create("configmaps", "argocd-rbac-cm", data={"policy.csv": f"g, {ACCOUNT}, role:admin"})
        self._create(
            "secrets", "argocd-secret", stringData={"server.secretkey": key, f"accounts.{ACCOUNT}.tokens": tokens}
        )
        port, nobody = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [
            "argocd-server",
            "--insecure",
            "--address=127.0.0.1",
            f"--port={port}",
            "--metrics-address=127.0.0.1",
            f"--metrics-port={free_port()}",
            f"--kubeconfig={self.kubeconfig}",
            f"--namespace={self.namespace}",
            f"--repo-server=127.0.0.1:{nobody}",
            f"--redis=127.0.0.1:{nobody}",
            "--loglevel=warn",
        ]
        with self.log.open("ab") as log:
            environment = {**os.environ, "HOME": str(self.log.parent), "GRPC_ENABLE_TXT_SERVICE_CONFIG": "false"}
            # The first word of the command line selects the component.
            self._process = subprocess.Popen(
                command, executable=str(BIN / "argocd"), stdout=log, stderr=log, env=environment
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=15)

    def get(self, path: str) -> tuple[int, Any]:
        """Return status and body, without any client of ours."""
        answer = urllib3.request(
            "GET", self.url + path, headers={"Authorization": f"Bearer {self.token}"}, retries=False, timeout=30
        )
        return answer.status, json.loads(answer.data)

    def _create(self, plural: str, name: str, **content: Any) -> None:
        metadata = {"name": name, "labels": _LABELS}
        path = f"/api/v1/namespaces/{self.namespace}/{plural}"
        status, body = self.raw.send("POST", path, {"metadata": metadata, **content})
        assert status == 201, body

    def _wait_until_ready(self, timeout: float = 120) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log.read_text()[-3000:]
            try:
                if self.get("/api/v1/applications")[0] == 200:
                    return
            except (urllib3.exceptions.HTTPError, ValueError):
                pass
            time.sleep(0.3)
        pytest.fail(f"argocd-server was not ready after {timeout:.0f} s:\n{self.log.read_text()[-3000:]}")


def _signed(claims: dict[str, Any], key: str) -> str:
    """Return a JSON Web Token (RFC 7519) with HS256, as Argo CD issues it for an account."""
    parts = [_text({"alg": "HS256", "typ": "JWT"}), _text(claims)]
    digest = hmac.new(key.encode(), ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()])


def _text(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
