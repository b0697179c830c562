# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from miniapp_infra.local.node.files import SECRET, write

if TYPE_CHECKING:
    from pathlib import Path


def test_says_whether_anything_changed(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "file"
    assert write(file, "a")
    assert not write(file, "a")
    assert write(file, "b")
    assert write(file, "b", SECRET)
    assert stat.S_IMODE(file.stat().st_mode) == SECRET


def test_the_leftover_of_a_killed_writer_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".file.new").write_text("half")
    assert write(tmp_path / "file", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
