# SPDX-License-Identifier: GPL-3.0-or-later
"""Built tools in the cache: ``toolchain/<tool>-<hash>/`` with ``bin``, ``assets`` and ``manifest.json``.

A directory of that name is complete by construction: it is filled under another name and renamed at the end.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from miniapp_infra.local.toolchain.recipes import Tool

_MANIFEST = "manifest.json"
_PARTIAL = ".partial-"


class DamagedError(MiniappInfraError):
    """A cached tool is not what was built; the message says in which file."""


@dataclass(frozen=True)
class Store:
    """The cache of built tools.

    Args:
        root: ``<cache>/toolchain``.
    """

    root: Path

    def directory(self, tool: Tool, compiler: str) -> Path:
        return self.root / f"{tool.name}-{tool.digest(compiler)}"

    @contextmanager
    def lock(self, say: Callable[[str], None]) -> Iterator[int]:
        """Keep a second build out; yield the descriptor, which a compiler that we start inherits.

        The kernel drops the lock when the last process that holds the descriptor is gone, so neither ``kill -9`` nor a
        power cut leaves it behind, and a compiler that outlives us keeps the next run away from its files.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Another run is building the toolchain in this cache; waiting for it to end")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle.fileno()

    def new_partial(self, tool: Tool) -> Path:
        """Return an empty directory for a build; only under the lock."""
        partial = self.root / f"{_PARTIAL}{tool.name}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        return partial

    def remove_partials(self) -> None:
        """Remove what interrupted builds left behind; only under the lock."""
        for partial in self.root.glob(f"{_PARTIAL}*"):
            shutil.rmtree(partial)

    def commit(self, partial: Path, directory: Path, about: dict[str, str]) -> None:
        """Make a finished build visible in one step that survives a power cut.

        Args:
            partial: the directory from ``new_partial``, filled.
            directory: its final name; a damaged predecessor is replaced.
            about: tool, version and compiler, for whoever opens the manifest.
        """
        files = {str(path.relative_to(partial)): _fingerprint(path) for path in _files(partial)}
        (partial / _MANIFEST).write_text(json.dumps({**about, "files": files}, indent=1, sort_keys=True) + "\n")
        os.sync()
        shutil.rmtree(directory, ignore_errors=True)
        partial.rename(directory)

    def verify(self, directory: Path) -> None:
        """Check a cached tool against its manifest.

        A file whose size and modification time are those of the build is taken as unchanged (the whole set is 1.5 GB,
        and hashing it costs seconds in every start); any other is hashed.

        Raises:
            DamagedError: a file is missing, surplus or different.
        """
        try:
            recorded = json.loads((directory / _MANIFEST).read_text())["files"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(directory, _MANIFEST, "cannot be read") from error
        present = {str(path.relative_to(directory)) for path in _files(directory)} - {_MANIFEST}
        for name in sorted(present ^ set(recorded)):
            raise _damaged(directory, name, "is missing" if name in recorded else "does not belong there")
        for name, expected in recorded.items():
            path = directory / name
            status = path.stat()
            if status.st_mode & 0o777 != expected["mode"]:
                raise _damaged(directory, name, f"has mode {status.st_mode & 0o777:o}, not {expected['mode']:o}")
            if status.st_size != expected["size"]:
                raise _damaged(directory, name, f"has {status.st_size} bytes, not {expected['size']}")
            if status.st_mtime_ns != expected["mtime_ns"] and _sha256(path) != expected["sha256"]:
                raise _damaged(directory, name, "has another SHA-256 than the one that was built")


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def _fingerprint(path: Path) -> dict[str, str | int]:
    status = path.stat()
    return {
        "sha256": _sha256(path),
        "size": status.st_size,
        "mode": status.st_mode & 0o777,
        "mtime_ns": status.st_mtime_ns,
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _damaged(directory: Path, name: str, fault: str) -> DamagedError:
    return DamagedError(f"{directory.name}: {name} {fault}", code=ErrorCode.CONFLICT, hint="It is built again.")
