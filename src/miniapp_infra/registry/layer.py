# SPDX-License-Identifier: GPL-3.0-or-later
"""Reproducible image layers: the same files give the same bytes on every machine and at every time.

Layers are not compressed. Compression would add its own version to the digest, and the local registry is reached over a
virtual cable where it saves nothing.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Entry:
    """One path of a layer: a file (``source`` or ``content``), a link (``target``) or, with none of them, a directory.

    Args:
        path: absolute path in the image.
        mode: permission bits.
        owner: numeric user and group.
        source: file to copy.
        content: bytes to write.
        target: what a symbolic link points to.
    """

    path: str
    mode: int = 0o755
    owner: int = 0
    source: Path | None = None
    content: bytes | None = None
    target: str | None = None

    def __post_init__(self) -> None:
        if not self.path.startswith("/") or ".." in PurePosixPath(self.path).parts or self.path == "/":
            raise MiniappInfraError(
                f"path: {self.path!r} is not an absolute path below / of an image", code=ErrorCode.INVALID_INPUT
            )


@dataclass(frozen=True)
class Layer:
    """A layer on disk. It is not compressed, so its digest is also its diff id.

    Args:
        path: the tar file.
        digest: ``sha256:`` and the hash of the file.
        size: bytes.
    """

    path: Path
    digest: str
    size: int


def write_layer(entries: Iterable[Entry], directory: Path) -> Layer:
    """Write entries, and the directories above them, as a tar file named by its hash.

    Args:
        entries: paths in any order.
        directory: where the file goes; it must exist.

    Raises:
        MiniappInfraError: ``invalid_input`` if two entries have the same path.
        OSError: if a source cannot be read or the file not be written.
    """
    ordered = _with_parents(entries)
    part = directory / "layer.part"
    with part.open("wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in ordered:
            _add(tar, entry)
    layer = read_layer(part)
    return Layer(part.rename(directory / f"{layer.digest.removeprefix('sha256:')}.tar"), layer.digest, layer.size)


def read_layer(path: Path) -> Layer:
    """Describe an existing tar file as a layer."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Layer(path, f"sha256:{digest}", path.stat().st_size)


def _with_parents(entries: Iterable[Entry]) -> list[Entry]:
    wanted: dict[str, Entry] = {}
    for entry in entries:
        if entry.path in wanted:
            raise MiniappInfraError(f"path: {entry.path} is in a layer twice", code=ErrorCode.INVALID_INPUT)
        wanted[entry.path] = entry
    for path in list(wanted):
        for parent in PurePosixPath(path).parents:
            if str(parent) != "/":
                wanted.setdefault(str(parent), Entry(str(parent)))
    return [wanted[path] for path in sorted(wanted)]


def _add(tar: tarfile.TarFile, entry: Entry) -> None:
    # A fresh TarInfo has mtime 0 and empty names: nothing of this machine gets in.
    info = tarfile.TarInfo(entry.path.lstrip("/"))
    info.mode, info.uid, info.gid = entry.mode, entry.owner, entry.owner
    if entry.source is not None:
        info.size = entry.source.stat().st_size
        with entry.source.open("rb") as file:
            tar.addfile(info, file)
    elif entry.content is not None:
        info.size = len(entry.content)
        tar.addfile(info, io.BytesIO(entry.content))
    elif entry.target is not None:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.target, 0o777
        tar.addfile(info)
    else:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
