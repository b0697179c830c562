# SPDX-License-Identifier: GPL-3.0-or-later
"""At most one ``up`` or ``down`` at a time on this machine.

The lock is an abstract UNIX socket: the kernel drops it with its holder, even after ``kill -9``, and it leaves no file.
"""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADDRESS = "\0miniapp-infra-node"
_UCRED = struct.Struct("3i")


def _holder(address: str) -> int | None:
    """Return the pid that listens on ``address``; None when it ended meanwhile."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            return None
        pid, _, _ = _UCRED.unpack(probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
        return int(pid)


@contextmanager
def exclusive(address: str = _ADDRESS) -> Iterator[None]:
    """Hold the lock while the block runs.

    Raises:
        MiniappInfraError: somebody else holds it (``conflict``); the message names the pid.
    """
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(address)
        except OSError as error:
            pid = _holder(address)
            raise MiniappInfraError(
                "Failed to lock the local environment: another `make up` or `make down` is at work"
                + (f" (pid {pid})" if pid else ""),
                code=ErrorCode.CONFLICT,
                retryable=True,
                hint="wait until it has ended, or end it",
            ) from error
        lock.listen(8)
        yield
