# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.githost import LocalGitHost, Remote
from miniapp_infra.githost.repository import copy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    """An empty bare repository."""
    directory = tmp_path / "platform.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(directory)], check=True)
    return Remote(f"file://{directory}")


@pytest.fixture
def open_host(remote: Remote) -> Iterator[Callable[..., LocalGitHost]]:
    """Opens the repository as a user; each call has a copy of its own, as another machine would have."""
    copies = []

    def open_as(user: str, **options: object) -> LocalGitHost:
        copy = copy_of(remote)
        copies.append(copy)
        return LocalGitHost(copy.__enter__(), user=user, **options)

    yield open_as
    for copy in copies:
        copy.__exit__(None, None, None)
