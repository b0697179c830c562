# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as Vault writes them."""

from __future__ import annotations

from typing import Any

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.secrets.durations import seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0),
        ("0s", 0),
        (3600, 3600),
        ("3600", 3600),
        ("45s", 45),
        ("1h30m", 5400),
        ("720h0m0s", 2592000),
        ("90d", 7776000),
        (" 1d1h1m1s ", 90061),
    ],
)
def test_a_duration(value: Any, expected: int) -> None:
    assert seconds("ttl", value) == expected


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5h", "1m1h", "h", "1w", "1 h", "٣s"])
def test_what_is_none_names_its_option(value: str) -> None:
    with pytest.raises(MiniappInfraError, match=r"^ttl: must be a duration") as raised:
        seconds("ttl", value)
    assert raised.value.code is ErrorCode.INVALID_INPUT
