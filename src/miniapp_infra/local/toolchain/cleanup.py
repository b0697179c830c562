# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the disk use of a build small: the Go caches are worth a few gigabytes while it runs and nothing afterwards."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from miniapp_infra.local.toolchain.golang import GoCaches
    from miniapp_infra.local.toolchain.recipes import Tool

KEEP_VARIABLE = "MINIAPP_INFRA_KEEP_GO_CACHE"
CACHE_LIMIT = 8_000_000_000
"""Bytes of both Go caches above which the share of finished tools is removed before the next one starts. The largest
tool adds less than 5 GB, so the peak stays under 13 GB, which leaves room for everything else within 20 GB."""
_AGE_STEP = 90 * 60
"""Seconds. Go refreshes the time of a cache entry that it uses only when it is more than an hour old."""
_UNUSED_DAYS = 14


def keep_caches() -> bool:
    """Tell whether the developer wants to keep the Go caches for the next build."""
    return os.environ.get(KEEP_VARIABLE, "") not in ("", "0")


def usage(directory: Path) -> int:
    """Return the bytes that the files under a directory occupy on disk."""
    total = 0
    for folder, _, names in os.walk(directory):
        total += sum(os.lstat(os.path.join(folder, name)).st_blocks * 512 for name in names)  # noqa: PTH118 - 200000 files
    return total


def age(caches: GoCaches) -> None:
    """Make every entry of the build cache older, so that those the next build uses stand out as younger."""
    for path in _entries(caches.builds):
        status = path.stat()
        os.utime(path, (status.st_atime, status.st_mtime - _AGE_STEP))


def shrink(caches: GoCaches, remaining: Iterable[Tool], limit: int) -> None:
    """Remove what the remaining tools do not need, then what was used longest ago, until ``limit`` bytes are left.

    Args:
        caches: both caches.
        remaining: tools still to build; their modules stay.
        limit: bytes.
    """
    keep = {f"{_escape(module)}@{_escape(version)}" for tool in remaining for module, version in tool.modules()}
    for module in _extracted(caches.modules):
        if str(module.relative_to(caches.modules)) not in keep:
            shutil.rmtree(module)
    # Once a module is extracted its archive is never read again.
    for archive in (caches.modules / "cache" / "download").rglob("*.zip"):
        archive.unlink()
    surplus = usage(caches.root) - limit
    for _, size, path in sorted((path.stat().st_mtime, path.stat().st_size, path) for path in _entries(caches.builds)):
        if surplus <= 0:
            break
        path.unlink()
        surplus -= size


def remove(caches: GoCaches) -> None:
    """Remove both caches."""
    if caches.root.exists():
        shutil.rmtree(caches.root)


def remove_unused(store: Path, used: Iterable[Path]) -> None:
    """Remove built tools that no checkout has used for two weeks.

    Args:
        store: directory of the built tools.
        used: the ones in use now, whose time of use is noted for the next time.
    """
    current = set(used)
    for directory in current:
        os.utime(directory)
    oldest = time.time() - _UNUSED_DAYS * 24 * 3600
    for directory in store.iterdir():
        if directory.is_dir() and directory not in current and directory.stat().st_mtime < oldest:
            shutil.rmtree(directory)


def _entries(builds: Path) -> list[Path]:
    """Return the files of the build cache: 256 directories named by two hex digits."""
    return [path for path in builds.glob("[0-9a-f][0-9a-f]/*") if path.is_file()]


def _extracted(modules: Path) -> list[Path]:
    """Return the source directories of modules, such as ``github.com/!burnt!sushi/toml@v1.5.0``."""
    found = []
    for folder, names, _ in os.walk(modules):
        if Path(folder) == modules:
            names[:] = [name for name in names if name != "cache"]
        found += [Path(folder, name) for name in names if "@" in name]
        names[:] = [name for name in names if "@" not in name]
    return found


def _escape(text: str) -> str:
    """Write a module path or version as Go's module cache does: a capital letter is ``!`` and its small form."""
    return "".join(f"!{letter.lower()}" if letter.isupper() else letter for letter in text)
