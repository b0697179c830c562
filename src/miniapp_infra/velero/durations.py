# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as Go writes them, which Velero's fields are. A wrong one would stop its controllers from reading any."""

from __future__ import annotations

import re

from miniapp_infra.velero.errors import invalid

_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)", re.ASCII)
_DAYS = re.compile(r"(\d+(?:\.\d+)?)d", re.ASCII)
_PLAIN = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


def seconds_of(text: str, option: str) -> float:
    """Return the seconds of a duration such as ``1h30m``.

    Raises:
        MiniappInfraError: invalid_input; names the option.
    """
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise invalid(f"{option}: must be a duration such as 720h, 90m or 1h30m, got {text!r}")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def seconds_or_days(text: str, option: str) -> float:
    """Return the same, where seconds without a unit and days, such as ``7d``, are understood as well.

    Raises:
        MiniappInfraError: invalid_input; names the option.
    """
    if _PLAIN.fullmatch(text):
        return float(text)
    days = _DAYS.fullmatch(text)
    return float(days[1]) * 86400 if days else seconds_of(text, option)
