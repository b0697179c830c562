# SPDX-License-Identifier: GPL-3.0-or-later
"""The promises of the local node, against the running one.

Nothing here removes its data: where the node has to go, it goes the way a reboot takes it, and comes back with all it
had.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import urllib3

from live_node import assert_each_component_runs_once
from miniapp_infra.local import node
from miniapp_infra.local.layout import GIT_URL, NODE_ADDRESS, REGISTRY, Layout
from miniapp_infra.local.node import cleanup, network, ownership, processes

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

LAYOUT = Layout(Path(__file__).parents[3])
KILLS = 5


def command(verb: str, root: Path = LAYOUT.root) -> list[str]:
    return [sys.executable, "-m", "miniapp_infra.local.node", "--root", str(root), verb]


def call(verb: str, root: Path = LAYOUT.root) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(verb, root), capture_output=True, text=True, check=False, timeout=240)


def up() -> str:
    done = call("up")
    assert done.returncode == 0, done.stderr
    return done.stdout


def pids() -> dict[str, int]:
    return {state.name: state.pid for state in node.status(LAYOUT).components}


def kubectl(*arguments: str) -> str:
    return subprocess.run(
        [str(LAYOUT.bin / "kubectl"), "--kubeconfig", str(LAYOUT.kubeconfig), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


@contextmanager
def kept_object() -> Iterator[str]:
    """An object whose survival proves that etcd kept its data."""
    name = f"kept-{random.randrange(10**9)}"
    kubectl("create", "configmap", name, "--from-literal=a=b", "-n", "default")
    yield name
    assert json.loads(kubectl("get", "configmap", name, "-n", "default", "-o", "json"))["data"] == {"a": "b"}
    kubectl("delete", "configmap", name, "-n", "default")


def assert_whole() -> None:
    """The node is healthy and there is one process of each component, no more."""
    found = node.status(LAYOUT)
    assert found.healthy, found
    assert_each_component_runs_once(LAYOUT)


def test_the_second_up_changes_nothing_and_is_quick() -> None:
    up()
    before, begun = pids(), time.monotonic()
    up()
    assert time.monotonic() - begun < 10
    assert pids() == before


def test_health_is_public_and_nothing_else() -> None:
    with urllib3.PoolManager(ca_certs=str(LAYOUT.ca_certificate), retries=False) as client:
        assert client.request("GET", f"https://{NODE_ADDRESS}:6443/readyz").status == 200
        assert client.request("GET", f"https://{NODE_ADDRESS}:6443/api").status == 401
        assert client.request("GET", f"https://{NODE_ADDRESS}:10250/pods").status == 401
        assert client.request("GET", f"https://{REGISTRY}/v2/").status == 200


def test_secrets_are_encrypted_in_etcd() -> None:
    canary = f"canary-{random.randrange(10**12)}"
    kubectl("create", "secret", "generic", canary, f"--from-literal=value={canary}-plain", "-n", "default")
    try:
        kept = b"".join(path.read_bytes() for path in (LAYOUT.data / "etcd").rglob("*") if path.is_file())
        assert canary.encode() in kept  # the name is there, so this looked in the right place
        assert f"{canary}-plain".encode() not in kept
    finally:
        kubectl("delete", "secret", canary, "-n", "default")


def test_anybody_reads_and_the_owner_of_the_password_pushes(tmp_path: Path) -> None:
    name = f"trial-{random.randrange(10**9)}"
    url = node.ensure_repository(LAYOUT, name)
    assert url == f"{GIT_URL}/{name}.git"
    asked = tmp_path / "askpass"
    asked.write_text(f'#!/bin/sh\ncase "$1" in Username*) echo miniapp;; *) cat {LAYOUT.git_password};; esac\n')
    asked.chmod(0o700)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GIT_SSL_CAINFO": str(LAYOUT.ca_certificate),
        "GIT_TERMINAL_PROMPT": "0",
        **{f"GIT_{who}_{what}": "trial@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }

    def git(*arguments: str, askpass: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments],
            cwd=tmp_path,
            env=environment | {"GIT_ASKPASS": askpass},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    try:
        assert git("clone", url, "work").returncode == 0
        (tmp_path / "work" / "big").write_bytes(os.urandom(3 << 20))  # more than one request buffer
        assert git("-C", "work", "add", "big").returncode == 0
        assert git("-C", "work", "commit", "--quiet", "-m", "one").returncode == 0
        refused = git("-C", "work", "push", "origin", "HEAD:main")
        assert refused.returncode != 0
        assert "could not read Username" in refused.stderr
        pushed = git("-C", "work", "push", "origin", "HEAD:main", askpass=str(asked))
        assert pushed.returncode == 0, pushed.stderr
        assert git("clone", url, "again").returncode == 0
        assert (tmp_path / "again" / "big").stat().st_size == 3 << 20
    finally:
        subprocess.run(["rm", "-rf", "--", str(LAYOUT.repositories / f"{name}.git")], check=True)


def test_a_foreign_use_of_our_addresses_is_refused() -> None:
    subprocess.run(["ip", "link", "add", "foreign7", "type", "bridge"], check=True)
    try:
        subprocess.run(["ip", "address", "add", "198.18.77.1/24", "dev", "foreign7"], check=True)
        refused = call("up")
        assert refused.returncode == 1
        assert "interface foreign7 already uses 198.18.77.0/24" in refused.stderr
    finally:
        subprocess.run(["ip", "link", "del", "foreign7"], check=True)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another checkout with the same programs."""
    (tmp_path / "local").symlink_to(LAYOUT.root / "local")
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "bin").symlink_to(LAYOUT.bin)
    return tmp_path


def test_another_checkout_is_refused_and_cannot_take_the_node_down(other: Path) -> None:
    before = pids()
    refused = call("up", other)
    assert refused.returncode == 1
    assert f"the one of checkout {LAYOUT.root} is up" in refused.stderr
    assert f"run `make down` in {LAYOUT.root}" in refused.stderr
    done = call("down", other)
    assert done.returncode == 0, done.stderr
    assert "left alone" in done.stdout
    assert pids() == before


def test_a_copied_state_is_refused_until_it_is_removed(other: Path) -> None:
    before = pids()
    (other / ".local" / "state.json").write_bytes(LAYOUT.state_file.read_bytes())
    (other / ".local" / "data").mkdir()
    refused = call("up", other)
    assert refused.returncode == 1
    assert f"is stale, it was made for the checkout {LAYOUT.root}, not for {other}" in refused.stderr
    assert "make down" in refused.stderr
    assert (other / ".local" / "state.json").exists()  # refusing changes nothing
    assert call("down", other).returncode == 0
    assert sorted(path.name for path in (other / ".local").iterdir()) == ["bin"]
    assert pids() == before


@pytest.mark.disruptive
def test_a_new_certificate_restarts_only_its_server() -> None:
    up()
    before = pids()
    (LAYOUT.pki / "git.crt").unlink()
    assert "certificates made: git\n" in up()
    changed = {name for name, pid in pids().items() if before[name] != pid}
    assert changed == {"git"}


@pytest.mark.disruptive
@pytest.mark.parametrize("name", ["etcd", "kube-apiserver", "containerd"])
def test_a_killed_component_comes_back(name: str) -> None:
    with kept_object():
        os.kill(pids()[name], signal.SIGKILL)
        up()
    assert_whole()


@pytest.mark.disruptive
def test_a_killed_supervisor_is_replaced_and_pods_live_on() -> None:
    shims = {item.pid for item in processes.marked(LAYOUT.state) if item.shim}
    with kept_object():
        supervisor = next(item for item in processes.marked(LAYOUT.state) if item.program == "process-compose")
        os.kill(supervisor.pid, signal.SIGKILL)
        assert "ending components without supervisor" in up()
    assert_whole()
    assert shims <= {item.pid for item in processes.marked(LAYOUT.state) if item.shim}


def as_after_a_reboot() -> None:
    """Take away what a reboot takes away, and give the records another boot's id."""
    done = subprocess.run([*command("down"), "--keep-data"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    state = ownership.read(LAYOUT.state_file)
    assert state is not None
    ownership.save(LAYOUT.state_file, ownership.Record(state.checkout, state.format, "earlier-boot", state.sysctls))


@pytest.mark.disruptive
def test_survives_a_reboot_a_foreign_process_and_kills_at_random_moments() -> None:
    with kept_object():
        as_after_a_reboot()
        assert cleanup.leftovers(LAYOUT) == []
        mounts = Path("/proc/mounts").read_text()
        assert str(LAYOUT.runtime) not in mounts
        assert str(LAYOUT.data) not in mounts

        network.up(LAYOUT)
        listener = (
            "import socket, time; s = socket.create_server(('198.18.0.2', 5000)); print(flush=True); time.sleep(99)"
        )
        foreign = subprocess.Popen(
            network.in_namespace(LAYOUT, [sys.executable, "-c", listener]), stdout=subprocess.PIPE
        )
        try:
            assert foreign.stdout
            foreign.stdout.readline()
            refused = call("up")
            assert refused.returncode == 1
            assert "Failed to start registry: port 5000" in refused.stderr
            assert f"(pid {foreign.pid})" in refused.stderr
            assert f"kill {foreign.pid}" in refused.stderr
        finally:
            foreign.kill()
            foreign.wait()

        for _ in range(KILLS):
            attempt = subprocess.Popen(command("up"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(random.uniform(0.2, 4))
            attempt.kill()
            attempt.wait()

        gone = ownership.Record("/gone", ownership.FORMAT, ownership.boot_id())
        ownership.save(LAYOUT.owner_file, gone)
        assert "removing what the dead environment of /gone left" in up()
    assert_whole()
