# SPDX-License-Identifier: GPL-3.0-or-later
"""Running programs."""

from __future__ import annotations

import sys

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry import run_command


def test_output_status_and_environment() -> None:
    code = "import os, sys; print(os.environ['X']); print('e', file=sys.stderr); sys.exit(3)"
    done = run_command([sys.executable, "-c", code], environment={"X": "1"}, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (3, "1\n", "e\n")


def test_a_missing_program_is_named_with_what_to_do() -> None:
    with pytest.raises(MiniappInfraError, match="no-such-program") as caught:
        run_command(["/nowhere/no-such-program"], environment={}, timeout=1)
    assert caught.value.code is ErrorCode.MISSING_TOOL
    assert "install no-such-program" in caught.value.hint


def test_a_program_that_hangs_is_ended() -> None:
    with pytest.raises(MiniappInfraError) as caught:
        run_command([sys.executable, "-c", "import time; time.sleep(60)"], environment={}, timeout=0.2)
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.TIMEOUT, True)
