# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts below our directories: container root file systems, pod volumes, network namespace handles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.local.node.commands import run

if TYPE_CHECKING:
    from collections.abc import Iterable

_OCTAL = re.compile(r"\\([0-7]{3})")


def below(directories: Iterable[Path], table: str | None = None) -> list[Path]:
    """Return the mount points at or below ``directories``, innermost first.

    Args:
        directories: absolute paths.
        table: content of ``/proc/self/mounts``, which is read when it is None.
    """
    roots = tuple(directories)
    lines = (Path("/proc/self/mounts").read_text() if table is None else table).splitlines()
    points = (Path(_OCTAL.sub(lambda code: chr(int(code[1], 8)), line.split(" ")[1])) for line in lines)
    ours = [point for point in points if any(point.is_relative_to(root) for root in roots)]
    return sorted(ours, key=lambda point: len(point.parts), reverse=True)


def is_point(path: Path) -> bool:
    """Return whether something is mounted exactly on ``path``, which may be a file (``Path.is_mount`` denies those)."""
    return path in below([path])


def unmount(directories: Iterable[Path]) -> int:
    """Unmount everything at or below ``directories`` and return how many mounts that were."""
    points = below(directories)
    for point in points:
        run(["umount", "--", str(point)], f"unmount {point}")
    return len(points)
