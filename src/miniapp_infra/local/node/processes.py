# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the processes of an environment, and end processes for certain.

Everything that we start carries ``MINIAPP_INFRA_ENVIRONMENT=<state directory>``, which children inherit; containers do
not inherit it but live in our cgroup and in our network namespaces.
"""

from __future__ import annotations

import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.local.layout import CGROUP, ENVIRONMENT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

SHIM = "containerd-shim"
_PROC = Path("/proc")
_GONE = (FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True)
class Process:
    """One running process.

    Args:
        pid: process id.
        program: name of the executable; the kernel's short name when the command line is empty.
        environment: value of ``MINIAPP_INFRA_ENVIRONMENT``; empty when it has none.
        cgroups: content of ``/proc/<pid>/cgroup``.
        network: identity of its network namespace, as ``net:[4026531840]``.
    """

    pid: int
    program: str
    environment: str
    cgroups: str
    network: str

    @property
    def contained(self) -> bool:
        """Whether it runs in a container of ours."""
        return any(
            line.partition("::")[2].startswith(f"/{CGROUP}/")
            if "::" in line
            else line.split(":", 2)[-1].startswith(f"/{CGROUP}/")
            for line in self.cgroups.splitlines()
        )

    @property
    def shim(self) -> bool:
        """Whether it keeps a pod alive while containerd is away."""
        return self.program.startswith(SHIM)

    def __str__(self) -> str:
        return f"{self.program} (pid {self.pid})"


def _read(pid: int) -> Process | None:
    home = _PROC / str(pid)
    try:
        arguments = (home / "cmdline").read_bytes().split(b"\0")
        if not arguments[0]:  # a kernel thread or a zombie
            return None
        marker = f"{ENVIRONMENT_VARIABLE}=".encode()
        environment = next(
            (item[len(marker) :] for item in (home / "environ").read_bytes().split(b"\0") if item.startswith(marker)),
            b"",
        )
        return Process(
            pid=pid,
            program=Path(arguments[0].decode(errors="replace")).name,
            environment=environment.decode(errors="replace"),
            cgroups=(home / "cgroup").read_text(),
            network=str((home / "ns" / "net").readlink()),
        )
    except _GONE:
        return None


def running() -> Iterator[Process]:
    """Yield every process except this one, its ancestors, kernel threads and zombies."""
    spared = set(_lineage())
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) not in spared and (process := _read(int(entry.name))):
            yield process


def _lineage() -> Iterator[int]:
    pid = os.getpid()
    while pid:
        yield pid
        stat = (_PROC / str(pid) / "stat").read_text()
        pid = int(stat.rpartition(")")[2].split()[1])


def network_identity(handle: Path) -> str:
    """Return what ``/proc/<pid>/ns/net`` reads for members of the namespace at ``handle``; empty if it is gone."""
    try:
        return f"net:[{handle.stat().st_ino}]"
    except FileNotFoundError:
        return ""


def marked(state: Path | str) -> list[Process]:
    """Return the processes that the environment kept in ``state`` started, without those in containers."""
    return [process for process in running() if process.environment == str(state)]


def end(processes: Iterable[Process], *, grace: float) -> None:
    """End ``processes``: SIGTERM, and SIGKILL for those still there after ``grace`` seconds.

    Raises:
        MiniappInfraError: a process is still there five seconds after SIGKILL, for example in a hung system call.
    """
    handles = {handle: process for process in processes if (handle := _open(process)) is not None}
    try:
        left = _signal_and_wait(handles, signal.SIGTERM, grace) if grace else set(handles)
        left = _signal_and_wait({handle: handles[handle] for handle in left}, signal.SIGKILL, 5)
        if left:
            names = ", ".join(str(handles[handle]) for handle in left)
            raise MiniappInfraError(f"Failed to end {names}: still there after SIGKILL", retryable=True)
    finally:
        for handle in handles:
            os.close(handle)


def _open(process: Process) -> int | None:
    """Return a pidfd, which cannot come to mean another process; None when the process is gone or was replaced."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    now = _read(process.pid)
    if now is None or now.program != process.program:
        os.close(handle)
        return None
    return handle


def _signal_and_wait(handles: Collection[int], number: signal.Signals, seconds: float) -> set[int]:
    left = set(handles)
    poller = select.poll()
    for handle in handles:
        poller.register(handle, select.POLLIN)
        try:
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            continue  # the poller reports it
    deadline = time.monotonic() + seconds
    while left and (rest := deadline - time.monotonic()) > 0:
        for handle, _ in poller.poll(rest * 1000):
            poller.unregister(handle)
            left.discard(handle)
    return left
