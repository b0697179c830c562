# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one command of the host and say clearly what failed."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KEPT_OUTPUT = 2000


def run(
    argv: Sequence[str],
    purpose: str,
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> str:
    """Run ``argv`` and return its standard output.

    Args:
        argv: program and arguments; no shell is involved.
        purpose: completes "Failed to ...", for the error.
        stdin: text for standard input; without it the command reads nothing.
        env: the whole environment; the caller's own when None.
        timeout: seconds.

    Raises:
        MiniappInfraError: the program is missing, failed or took too long.
    """
    try:
        done = subprocess.run(
            list(argv),
            input=stdin if stdin is not None else "",
            env=dict(env) if env is not None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise MiniappInfraError(
            f"Failed to {purpose}: program {argv[0]} is not installed", code=ErrorCode.MISSING_TOOL
        ) from error
    except subprocess.TimeoutExpired as error:
        raise MiniappInfraError(
            f"Failed to {purpose}: {argv[0]} did not end within {timeout:.0f} s", code=ErrorCode.TIMEOUT, retryable=True
        ) from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-_KEPT_OUTPUT:]
        raise MiniappInfraError(f"Failed to {purpose}: {argv[0]} ended with {done.returncode}: {said}")
    return done.stdout
