# SPDX-License-Identifier: GPL-3.0-or-later
"""The live cluster as kubectl sees it: another client than the engines, so that they cannot agree on a mistake."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
BIN = ROOT / ".local" / "bin"
# Where samples are offered. Any tenant would do; nothing of the service itself is touched.
NAMESPACE = "watchlist"


@dataclass(frozen=True)
class Answer:
    """What kubectl said.

    Args:
        admitted: whether it succeeded.
        message: errors and warnings, on one line.
        output: what it printed.
    """

    admitted: bool
    message: str
    output: str = ""


@dataclass(frozen=True)
class Cluster:
    """The cluster behind a kubeconfig."""

    kubeconfig: Path

    def run(self, *arguments: str, stdin: Any = None) -> Answer:
        """Run kubectl; ``stdin`` is sent as JSON."""
        done = subprocess.run(
            [str(BIN / "kubectl"), f"--kubeconfig={self.kubeconfig}", "--request-timeout=20s", *arguments],
            input=None if stdin is None else json.dumps(stdin),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "NO_PROXY": "198.18.0.0/15,127.0.0.1", "no_proxy": "198.18.0.0/15,127.0.0.1"},
        )
        return Answer(done.returncode == 0, " ".join(done.stderr.split()), done.stdout)

    def get(self, *arguments: str) -> dict[str, Any]:
        answer = self.run("get", "--output=json", *arguments)
        assert answer.admitted, answer.message
        result: dict[str, Any] = json.loads(answer.output)
        return result

    def items(self, *arguments: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(*arguments)["items"]
        return found

    def offer(self, item: dict[str, Any], *, user: tuple[str, ...] = ()) -> Answer:
        """Let admission judge an object as if it were created. Nothing is stored."""
        return self.run("create", "--dry-run=server", "--filename=-", *user, stdin=item)

    def offer_ephemeral(self, pod: dict[str, Any], container: dict[str, Any]) -> Answer:
        """Let admission judge an ephemeral container in a running pod, on the way that kubectl debug takes."""
        item = json.loads(json.dumps(pod))
        item["spec"].setdefault("ephemeralContainers", []).append(container)
        space, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        path = f"/api/v1/namespaces/{space}/pods/{name}/ephemeralcontainers?dryRun=All"
        return self.run("replace", f"--raw={path}", "--filename=-", stdin=item)

    def pod(self, service: str) -> dict[str, Any]:
        """Return a running pod of a service."""
        selector = f"--selector=app.kubernetes.io/name={service},app.kubernetes.io/component=server"
        pods = self.items("pods", f"--namespace={service}", selector)
        # Of a pod that goes away nothing is judged: the kubelet starts no container in it any more.
        running = [p for p in pods if p["status"]["phase"] == "Running" and "deletionTimestamp" not in p["metadata"]]
        assert running, f"no pod of {service} runs"
        return running[0]


def member_of(group: str) -> tuple[str, ...]:
    """Return the options that act as somebody of a group of the identity provider, and of nothing else."""
    return "--as=somebody", f"--as-group={group}"
