# SPDX-License-Identifier: GPL-3.0-or-later
"""Write files so that a kill at any moment leaves either the old or the new content."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PUBLIC = 0o644
SECRET = 0o600


def write(path: Path, content: str | bytes, mode: int = PUBLIC) -> bool:
    """Replace ``path`` by ``content`` atomically, with ``mode`` from its first byte on.

    Returns:
        Whether the content or the mode was different before.
    """
    data = content.encode() if isinstance(content, str) else content
    if path.is_file() and path.read_bytes() == data and path.stat().st_mode & 0o777 == mode:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    return True
