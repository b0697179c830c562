# SPDX-License-Identifier: GPL-3.0-or-later
"""The Git server's files: bare repositories, the push password, and what lighttpd serves beside them."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.layout import GIT_URL
from miniapp_infra.local.node.commands import run
from miniapp_infra.local.node.files import PUBLIC, SECRET, write

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout

USER = "miniapp"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # the same as in templates/lighttpd.conf.j2
_PASSWORD_BYTES = 32


def backend() -> str:
    """Return the path of ``git-http-backend``, which the git package installs."""
    return str(Path(run(["git", "--exec-path"], "find git's programs").strip()) / "git-http-backend")


def prepare(layout: Layout) -> None:
    """Make the directories, the password and the user file that the Git server needs."""
    for directory in (layout.repositories, layout.data / "git-uploads"):
        directory.mkdir(parents=True, exist_ok=True)
    if not layout.git_password.is_file():
        write(layout.git_password, secrets.token_urlsafe(_PASSWORD_BYTES), SECRET)
    # Plain text is no weaker here than a hash: the password lies beside it, for the programs that push.
    write(layout.config / "git-users", f"{USER}:{layout.git_password.read_text()}\n", SECRET)
    write(layout.config / "git-root" / "healthz", "ok\n", PUBLIC)


def ensure_repository(layout: Layout, name: str, branch: str = "main") -> str:
    """Make the bare repository ``name`` unless it is there, and return its URL.

    Raises:
        MiniappInfraError: ``name`` cannot be part of a URL (``invalid_input``).
    """
    if not _NAME.fullmatch(name) or name.endswith(".git"):
        raise MiniappInfraError(
            f"Failed to create Git repository {name!r}: name must match {_NAME.pattern} and come without .git",
            code=ErrorCode.INVALID_INPUT,
        )
    home = layout.repositories / f"{name}.git"
    # Repeating init is safe and completes a repository that a kill left half made.
    run(["git", "init", "--quiet", "--bare", f"--initial-branch={branch}", str(home)], f"create Git repository {name}")
    return f"{GIT_URL}/{name}.git"
