# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.node.commands import run


def test_output_and_input() -> None:
    assert run(["cat"], "copy", stdin="text") == "text"


def test_a_failure_says_what_for_and_why() -> None:
    with pytest.raises(MiniappInfraError, match=r"^Failed to look: sh ended with 3: no luck$"):
        run(["sh", "-c", "echo no luck >&2; exit 3"], "look")


def test_a_missing_program_is_named() -> None:
    with pytest.raises(MiniappInfraError, match="no-such-program is not installed") as caught:
        run(["no-such-program"], "look")
    assert caught.value.code is ErrorCode.MISSING_TOOL


def test_a_slow_command_is_ended() -> None:
    with pytest.raises(MiniappInfraError, match="did not end within") as caught:
        run(["sleep", "5"], "sleep", timeout=0.1)
    assert caught.value.retryable
