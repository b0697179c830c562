# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PICTURES = {".png"}


def repository_files():
    """Return every file that is or would be committed, relative to the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [Path(name) for name in sorted(set(listed.stdout.split("\0"))) if name and (ROOT / name).is_file()]


@pytest.fixture(scope="session")
def files():
    found = repository_files()
    assert found, "no files: this is not a checkout"
    return found


@pytest.fixture(scope="session")
def texts(files):
    """The text of each file but pictures. Nothing else is binary, except keys of tests that say so by their name."""
    return {path: (ROOT / path).read_text(encoding="utf-8") for path in files if path.suffix not in PICTURES}
