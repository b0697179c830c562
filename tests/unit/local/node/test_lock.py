# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import re

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.node.lock import exclusive

ADDRESS = f"\0miniapp-infra-test-{os.getpid()}"


def test_the_second_is_refused_and_told_who_holds_it() -> None:
    with (
        exclusive(ADDRESS),
        pytest.raises(MiniappInfraError, match=re.escape(f"(pid {os.getpid()})")) as caught,
        exclusive(ADDRESS),
    ):
        pass
    assert caught.value.code is ErrorCode.CONFLICT


def test_it_is_free_afterwards() -> None:
    for _ in range(2):
        with exclusive(ADDRESS):
            pass
