# SPDX-License-Identifier: GPL-3.0-or-later
"""One long-running program of the node: how it is started, what it needs first and how its health is asked."""

from __future__ import annotations

import hashlib
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from miniapp_infra.local.layout import Layout


@dataclass(frozen=True)
class HttpProbe:
    """Healthy while this URL answers 200. Servers show certificates of the local CA."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True)
class ExecProbe:
    """Healthy while this command, without shell syntax, ends with 0."""

    argv: tuple[str, ...]


@dataclass(frozen=True)
class Component:
    """One supervised program.

    Args:
        name: name of the component and of its log file.
        argv: program and arguments.
        needs: components that must be healthy before it starts.
        probe: how its health is asked.
        ports: TCP ports it listens on.
        files: what it reads at its start; a change restarts it.
        stop_seconds: time between the signal that ends it and SIGKILL.
        stop_signal: the signal that ends it.
        user: who it runs as; root when empty.
    """

    name: str
    argv: tuple[str, ...]
    needs: tuple[str, ...]
    probe: HttpProbe | ExecProbe
    ports: tuple[int, ...]
    files: tuple[Path, ...]
    stop_seconds: int = 10
    stop_signal: int = signal.SIGTERM
    user: str = ""

    def fingerprint(self) -> str:
        """Return a hash over the names and contents of the files."""
        digest = hashlib.sha256()
        for path in self.files:
            digest.update(f"{path}\0".encode() + path.read_bytes() + b"\0")
        return digest.hexdigest()[:16]


def flags(**options: object) -> tuple[str, ...]:
    """Return ``--some-flag=value`` for each keyword ``some_flag``."""
    return tuple(f"--{name.replace('_', '-')}={value}" for name, value in options.items())


def program(layout: Layout, name: str) -> str:
    """Return the program behind the link, so that a new version changes the command line."""
    return str((layout.bin / name).resolve())


def pki(layout: Layout, *names: str) -> tuple[Path, ...]:
    return tuple(layout.pki / name for name in names)


def as_user(name: str) -> tuple[str, ...]:
    """Return the prefix of a command that is to run as this user, in their groups and with no privilege of root's."""
    return ("setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", "--")
