# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a program brings everything it needs, as it must in an image that holds nothing else."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from pathlib import Path

_ELF64 = b"\x7fELF\x02"
_PT_INTERP = 3  # elf(5): the segment that names the dynamic loader


def require_static(program: Path) -> None:
    """Check that a program needs no dynamic loader.

    Raises:
        MiniappInfraError: ``invalid_input`` if it does, or is not a 64-bit ELF program at all.
    """
    with program.open("rb") as file:
        header = file.read(64)
        if not header.startswith(_ELF64):
            raise MiniappInfraError(f"{program} is not a 64-bit ELF program", code=ErrorCode.INVALID_INPUT)
        order = "<" if header[5] == 1 else ">"
        (table,) = struct.unpack_from(f"{order}Q", header, 32)
        size, count = struct.unpack_from(f"{order}HH", header, 54)
        file.seek(table)
        segments = file.read(size * count)
    kinds = {struct.unpack_from(f"{order}I", segments, index * size)[0] for index in range(count)}
    if _PT_INTERP in kinds:
        raise MiniappInfraError(
            f"{program} needs shared libraries and cannot run in an image without a root file system",
            code=ErrorCode.INVALID_INPUT,
            hint="take this program from the toolchain, which builds static ones, not from PATH",
        )
