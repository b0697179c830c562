# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as Vault and its users write them: ``90d``, ``1h30m``, ``45s`` or seconds."""

from __future__ import annotations

import re

from miniapp_infra.errors import ErrorCode, MiniappInfraError

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?=\d)(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+)s)?", re.ASCII)


def seconds(option: str, value: str | int) -> int:
    """Return the seconds of a duration.

    Args:
        option: whose value it is; the error names it.
        value: such as ``90d``, ``1h30m`` or ``3600``.

    Raises:
        MiniappInfraError: invalid_input, when it is no duration.
    """
    text = str(value).strip()
    if text.isascii() and text.isdecimal():
        return int(text)
    match = _DURATION.fullmatch(text)
    if match is None:
        raise MiniappInfraError(
            f"{option}: must be a duration such as 90d, 1h30m or 3600 (seconds), not {text!r}",
            code=ErrorCode.INVALID_INPUT,
        )
    return sum(_UNITS[unit] * int(count) for unit, count in match.groupdict("0").items())
