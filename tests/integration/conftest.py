# SPDX-License-Identifier: GPL-3.0-or-later
"""Counterparts that several integration tests share."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TOKEN = "empty-cluster-test"  # noqa: S105 - of an apiserver that lives as long as the test session, on loopback


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def empty_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An apiserver with its own etcd that holds nothing but what Kubernetes itself makes. Yields its kubeconfig."""
    state = tmp_path_factory.mktemp("empty-cluster")
    bin_ = ROOT / ".local" / "bin"
    client, peer, api = free_port(), free_port(), free_port()
    key = state / "sa.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    (state / "tokens.csv").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
    kubeconfig = state / "kubeconfig"
    kubeconfig.write_text(
        f"""apiVersion: v1
kind: Config
current-context: empty
contexts: [{{name: empty, context: {{cluster: empty, user: admin}}}}]
clusters:
  - name: empty
    cluster: {{server: "https://127.0.0.1:{api}", certificate-authority: {state}/apiserver.crt}}
users: [{{name: admin, user: {{token: {TOKEN}}}}}]
"""
    )
    etcd = [
        str(bin_ / "etcd"),
        f"--data-dir={state}/etcd",
        f"--listen-client-urls=http://127.0.0.1:{client}",
        f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
        "--unsafe-no-fsync",
    ]
    apiserver = [
        str(bin_ / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{client}",
        "--bind-address=127.0.0.1",
        f"--secure-port={api}",
        f"--cert-dir={state}",
        "--service-cluster-ip-range=198.19.128.0/20",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        f"--token-auth-file={state}/tokens.csv",
        "--authorization-mode=RBAC",
    ]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        with (state / "log").open("wb") as log:
            processes = [subprocess.Popen(command, stdout=log, stderr=log) for command in (etcd, apiserver)]
        wait_until_ready(f"https://127.0.0.1:{api}/readyz", state / "log")
        yield kubeconfig
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(timeout=30)


def wait_until_ready(url: str, log: Path, timeout: float = 60) -> None:
    pool = urllib3.PoolManager(cert_reqs="CERT_NONE", retries=False)
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            if pool.request("GET", url, headers={"Authorization": f"Bearer {TOKEN}"}).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.3)
    pytest.fail(f"{url} was not ready after {timeout:.0f} s:\n{log.read_text()[-3000:]}")
