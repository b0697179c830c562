# SPDX-License-Identifier: GPL-3.0-or-later
"""``freeze.yml``: times in which nothing is promoted."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated

from dateutil import rrule
from pydantic import AfterValidator

from miniapp_infra.catalog.base import Model
from miniapp_infra.catalog.types import Name, Text, TimeZone

_DURATION = re.compile(r"P(?!$)(?:(?P<days>\d+)D)?(?:T(?!$)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?)?")


def parse_duration(text: str) -> timedelta:
    """Return an ISO 8601 duration of days, hours and minutes such as ``P2D`` or ``PT8H30M``.

    Raises:
        ValueError: it is none, or it is zero.
    """
    match = _DURATION.fullmatch(text)
    duration = timedelta(**{unit: int(value) for unit, value in match.groupdict("0").items()}) if match else timedelta()
    if not duration:
        raise ValueError("must be an ISO 8601 duration such as P2D or PT8H30M")
    return duration


def _duration(value: str) -> str:
    parse_duration(value)
    return value


def _local_time(value: str) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("must be a local time such as '2026-12-18T18:00:00'") from None
    if moment.tzinfo is not None:
        raise ValueError("must be a local time without an offset; 'timezone' says where")
    return value


def _recurrence(value: str) -> str:
    if "DTSTART" in value.upper():
        raise ValueError("must not contain DTSTART; 'start' is the first occurrence")
    try:
        rrule.rrulestr(value, dtstart=datetime(2026, 1, 1))  # noqa: DTZ001 - only parsed, and occurrences are local times
    except ValueError as error:
        raise ValueError(f"must be a recurrence rule of RFC 5545 ({error})") from None
    return value


LocalTime = Annotated[str, AfterValidator(_local_time)]
Duration = Annotated[str, AfterValidator(_duration)]
Recurrence = Annotated[str, AfterValidator(_recurrence)]


class FreezeWindow(Model):
    """A one-off window has ``end`` or ``duration``; a recurring one has ``rrule`` and ``duration``.

    All times are local to ``timezone``, so that a window starts at the same hour in summer and winter.
    """

    name: Name
    start: LocalTime
    end: LocalTime | None = None
    rrule: Recurrence | None = None
    duration: Duration | None = None
    timezone: TimeZone
    reason: Text
    owner: Name
