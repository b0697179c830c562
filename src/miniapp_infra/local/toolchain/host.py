# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine must be and have before anything is built."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from pathlib import Path

EXTERNAL_CLUSTER = (
    "With a cluster of your own neither is needed: KUBECONFIG=/path/to/kubeconfig make up LOCAL_ENGINE=external"
)
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Machine:
    """The two facts about a machine that decide whether a node can run on it.

    Attributes:
        system: as ``uname -s`` prints it.
        user_id: effective user id.
    """

    system: str
    user_id: int

    @classmethod
    def here(cls) -> Machine:
        return cls(platform.system(), os.geteuid())

    def require_supported(self) -> None:
        """Check that a node can be started here.

        Raises:
            MiniappInfraError: unsupported_host, with what to do instead.
        """
        if self.system != "Linux":
            raise MiniappInfraError(
                f"The local environment needs Linux, this is {self.system}: it runs a real Kubernetes node in a "
                "network namespace of its own",
                code=ErrorCode.UNSUPPORTED_HOST,
                hint=f"Run it in a Debian or Ubuntu virtual machine, as root. {EXTERNAL_CLUSTER}",
            )
        if self.user_id != 0:
            raise MiniappInfraError(
                f"The local environment needs root, this is user id {self.user_id}: it creates a network namespace, "
                "mounts and control groups",
                code=ErrorCode.UNSUPPORTED_HOST,
                hint=f"Run the same command as root (sudo make up). {EXTERNAL_CLUSTER}",
            )


def free_bytes(path: Path) -> int:
    """Return the bytes free to us on the file system that holds ``path``, which need not exist yet."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def require_disk(path: Path, needed: int) -> None:
    """Check that a build fits.

    Args:
        path: where the caches are or will be.
        needed: bytes.

    Raises:
        MiniappInfraError: unsupported_host, with both numbers.
    """
    free = free_bytes(path)
    if free < needed:
        raise MiniappInfraError(
            f"Building the toolchain needs {needed} bytes ({needed / 1e9:.1f} GB) of free disk for {path}, "
            f"{free} bytes ({free / 1e9:.1f} GB) are available: {(needed - free) / 1e9:.1f} GB are missing",
            code=ErrorCode.UNSUPPORTED_HOST,
            hint="Free that much, or set MINIAPP_INFRA_CACHE to a directory on a larger file system.",
        )
