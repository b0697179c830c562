# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one program and returns what it said. Engines take it as an argument, so tests give them another."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Completed:
    """What a program left behind.

    Args:
        returncode: its exit status.
        stdout: its standard output.
        stderr: its standard error.
    """

    returncode: int
    stdout: str
    stderr: str


class Runner(Protocol):
    """Runs ``argv`` with ``environment`` on top of the caller's own; ``timeout`` is in seconds."""

    def __call__(self, argv: Sequence[str], *, environment: Mapping[str, str], timeout: float) -> Completed: ...


def run_command(argv: Sequence[str], *, environment: Mapping[str, str], timeout: float) -> Completed:
    """Run a program to its end without a shell, without standard input and without a terminal.

    A secret goes into ``environment``, never into ``argv``, which every user of the machine can read.

    Raises:
        MiniappInfraError: ``missing_tool`` if there is no such program, ``timeout`` if it did not end in time.
    """
    try:
        done = subprocess.run(
            list(argv),
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except (FileNotFoundError, PermissionError) as error:
        raise MiniappInfraError(
            f"Failed to run {argv[0]}: {error.strerror}",
            code=ErrorCode.MISSING_TOOL,
            hint=f"install {os.path.basename(argv[0])} or name its path in the option that ends in _binary",  # noqa: PTH119 - a program name, not a path
        ) from error
    except subprocess.TimeoutExpired as error:
        raise MiniappInfraError(
            f"Failed to run {argv[0]}: it did not end within {timeout:g} s", code=ErrorCode.TIMEOUT, retryable=True
        ) from error
    return Completed(done.returncode, done.stdout, done.stderr)
