# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows of time in OpenCost's words, resolved here.

OpenCost 2 answers a window that it does not understand with an error and a result, and counts the words in its own time
zone. So it is only ever asked for two points in time. The rules are those of ``core/pkg/opencost/window.go`` in UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.instants import as_text, parse_instant

_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhdw])", re.ASCII)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_DAY = timedelta(days=1)
WORDS = ("today", "yesterday", "week", "lastweek", "month", "lastmonth")


@dataclass(frozen=True)
class Window:
    """From ``start``, inclusive, to ``end``, exclusive; both in UTC."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        """Return it as OpenCost's API wants it."""
        return f"{as_text(self.start)},{as_text(self.end)}"


def parse_window(text: str, now: datetime) -> Window:
    """Return the window that a text means.

    Args:
        text: a word such as ``yesterday``, a duration such as ``7d``, or two times with a comma between them.
        now: the present, in UTC.

    Raises:
        MiniappInfraError: invalid_input, naming the option ``window``.
    """
    if text in WORDS:
        return _word(text, now)
    if match := _DURATION.fullmatch(text):
        return _duration(int(match[1]), match[2], now)
    start, comma, end = text.partition(",")
    if comma:
        return between(parse_instant(start.strip(), "window"), parse_instant(end.strip(), "window"), "window")
    raise MiniappInfraError(
        f"window: must be one of {', '.join(WORDS)}, a duration such as 7d or 12h, or two times with a comma between "
        f"them, not {text!r}",
        code=ErrorCode.INVALID_INPUT,
    )


def between(start: datetime, end: datetime, option: str) -> Window:
    """Return the window between two points in time.

    Raises:
        MiniappInfraError: invalid_input, when it is empty.
    """
    if end <= start:
        raise MiniappInfraError(
            f"{option}: the end {as_text(end)} must be after the start {as_text(start)}", code=ErrorCode.INVALID_INPUT
        )
    return Window(start, end)


def _word(word: str, now: datetime) -> Window:
    today = _floor(now, _DAY)
    sunday = today - _DAY * (today.isoweekday() % 7)
    first = today.replace(day=1)
    return {
        "today": Window(today, today + _DAY),
        "yesterday": Window(today - _DAY, today),
        "week": Window(sunday, now),
        "lastweek": Window(sunday - 7 * _DAY, sunday),
        "month": Window(first, now),
        "lastmonth": Window((first - _DAY).replace(day=1), first),
    }[word]


def _duration(number: int, unit: str, now: datetime) -> Window:
    # "The past 7 days" are today and the six days before, whole ones.
    step = _DAY if unit == "w" else _UNITS[unit]
    end = _floor(now, step) + step
    return Window(end - number * _UNITS[unit], end)


def _floor(moment: datetime, step: timedelta) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // step * step
