# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.local.layout import ENVIRONMENT_VARIABLE
from miniapp_infra.local.node import processes

if TYPE_CHECKING:
    from collections.abc import Iterator

SLEEP = [sys.executable, "-c", "import signal, time; print(flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)",
]


@pytest.fixture
def start() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def spawn(started: list[subprocess.Popen[bytes]], argv: list[str], state: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(argv, env={ENVIRONMENT_VARIABLE: str(state)}, stdout=subprocess.PIPE)
    started.append(process)
    assert process.stdout
    process.stdout.readline()  # the signal handler is in place
    return process


def test_only_processes_of_that_environment_are_found(start: list[subprocess.Popen[bytes]], tmp_path: Path) -> None:
    ours = spawn(start, SLEEP, tmp_path / "a")
    spawn(start, SLEEP, tmp_path / "ab")
    assert [item.pid for item in processes.marked(tmp_path / "a")] == [ours.pid]


def test_the_own_process_and_its_parents_are_never_found() -> None:
    found = {item.pid for item in processes.running()}
    assert not {os.getpid(), os.getppid()} & found


def test_sigterm_is_enough_for_most(start: list[subprocess.Popen[bytes]], tmp_path: Path) -> None:
    process = spawn(start, SLEEP, tmp_path)
    processes.end(processes.marked(tmp_path), grace=10)
    assert process.wait() == -signal.SIGTERM


def test_one_that_ignores_sigterm_is_killed(start: list[subprocess.Popen[bytes]], tmp_path: Path) -> None:
    process = spawn(start, STUBBORN, tmp_path)
    begun = time.monotonic()
    processes.end(processes.marked(tmp_path), grace=0.3)
    assert process.wait() == -signal.SIGKILL
    assert time.monotonic() - begun < 5


def test_a_pid_that_means_another_program_now_is_spared(start: list[subprocess.Popen[bytes]], tmp_path: Path) -> None:
    process = spawn(start, SLEEP, tmp_path)
    processes.end([replace(item, program="gone") for item in processes.marked(tmp_path)], grace=0.1)
    assert process.poll() is None


@pytest.mark.parametrize(
    ("listing", "contained"),
    [
        ("8:pids:/miniapp-infra/kubepods/pod1/abc\n0::/\n", True),
        ("0::/miniapp-infra/kubepods/pod1/abc\n", True),
        ("0::/user.slice/miniapp-infra-x\n", False),
        ("8:pids:/\n0::/\n", False),
    ],
)
def test_containers_are_recognised_by_their_cgroup(listing: str, contained: bool) -> None:  # noqa: FBT001 - a table's column
    assert processes.Process(1, "app", "", listing, "").contained is contained


def test_a_namespace_that_is_gone_has_no_members() -> None:
    assert processes.network_identity(Path("/nonexistent")) == ""
    assert processes.network_identity(Path("/proc/self/ns/net")) == str(Path("/proc/self/ns/net").readlink())
