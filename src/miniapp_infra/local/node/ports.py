# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens on the ports that the node's components need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.node import processes
from miniapp_infra.local.node.commands import run
from miniapp_infra.local.node.network import in_namespace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from miniapp_infra.local.layout import Layout

_LISTEN = "0A"  # TCP_LISTEN of include/net/tcp_states.h, as /proc/net/tcp prints it


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket."""

    port: int
    inode: int


def parse(table: str) -> list[Listener]:
    """Return the listeners in the text of ``/proc/net/tcp`` or ``tcp6``."""
    rows = (line.split() for line in table.splitlines())
    return [
        Listener(int(row[1].rpartition(":")[2], 16), int(row[9]))
        for row in rows
        if len(row) > 9 and row[3] == _LISTEN  # noqa: PLR2004 - the inode is the tenth field
    ]


def refuse_foreign(layout: Layout, needed: Mapping[int, str]) -> None:
    """Check that nobody but our own components listens on ``needed`` ports in the namespace.

    Args:
        layout: the environment.
        needed: port and the component that needs it.

    Raises:
        MiniappInfraError: a foreign process has one (``conflict``); names port, program and pid.
    """
    tables = run(
        in_namespace(layout, ["cat", "/proc/net/tcp", "/proc/net/tcp6"]), "list the listening ports of the namespace"
    )
    wanted = {item.inode: item.port for item in parse(tables) if item.port in needed}
    inside = processes.network_identity(layout.network_namespace)
    for process, inode in _holders(wanted, inside):
        if process.environment != str(layout.state):
            port = wanted[inode]
            raise MiniappInfraError(
                f"Failed to start {needed[port]}: port {port} in network namespace {layout.network_namespace.name} is "
                f"used by {process}",
                code=ErrorCode.CONFLICT,
                hint=f"end it (kill {process.pid}), then run `make up` again",
            )


def _holders(inodes: Iterable[int], namespace: str) -> Iterable[tuple[processes.Process, int]]:
    targets = {f"socket:[{inode}]": inode for inode in inodes}
    if not targets:
        return
    for process in processes.running():
        if process.network != namespace:
            continue
        for handle in _open_files(process.pid):
            if handle in targets:
                yield process, targets[handle]


def _open_files(pid: int) -> Iterable[str]:
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            yield str(entry.readlink())
    except FileNotFoundError:
        return  # the process, or this file of it, is gone
