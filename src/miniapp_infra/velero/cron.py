# SPDX-License-Identifier: GPL-3.0-or-later
"""Cron expressions as Velero reads them: the standard parser of github.com/robfig/cron/v3.

Velero reports a wrong one only in the status of the schedule, after it was made; here it is refused before.
"""

from __future__ import annotations

import re
import zoneinfo

from miniapp_infra.cron import FIELDS
from miniapp_infra.velero.durations import seconds_of
from miniapp_infra.velero.errors import invalid

DESCRIPTORS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_ZONE = re.compile(r"^(?:CRON_)?TZ=(?P<zone>\S+)\s+(?P<rest>.*)$")


def check(expression: str, option: str = "schedule") -> None:
    """Refuse what Velero would not accept.

    Args:
        expression: five fields, or a descriptor such as ``@daily`` or ``@every 6h``; ``CRON_TZ=Zone`` may stand first.
        option: name of the option, for the message.

    Raises:
        MiniappInfraError: invalid_input; names what is wrong.
    """
    text = expression.strip()
    if text.startswith(("TZ=", "CRON_TZ=")):
        match = _ZONE.match(text)
        if match is None:
            raise invalid(f"{option}: {expression!r} has a time zone and nothing after it")
        _check_zone(match["zone"], option)
        text = match["rest"].strip()
    if text.startswith("@"):
        _check_descriptor(text, option)
        return
    fields = text.split()
    if len(fields) != len(FIELDS):
        names = ", ".join(name for name, *_ in FIELDS)
        raise invalid(f"{option}: must have 5 fields ({names}) or be such as @daily, got {expression!r}")
    for field, (name, least, most, words) in zip(fields, FIELDS, strict=True):
        for part in field.split(","):
            _check_part(part, name, (least, most), words, option)


def _check_zone(zone: str, option: str) -> None:
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        if not zoneinfo.available_timezones():
            return  # this host has no list of time zones; Velero has its own
        raise invalid(f"{option}: time zone {zone!r} does not exist", "Such as CRON_TZ=Europe/Zurich.") from error


def _check_descriptor(text: str, option: str) -> None:
    if text.startswith("@every "):
        if seconds_of(text.removeprefix("@every ").strip(), option) < 1:
            raise invalid(f"{option}: {text!r} must be at least a second")
    elif text not in DESCRIPTORS:
        raise invalid(f"{option}: {text!r} must be one of {', '.join(sorted(DESCRIPTORS))} or @every with a duration")


def _check_part(part: str, name: str, limits: tuple[int, int], words: dict[str, int], option: str) -> None:
    least, most = limits
    span, slash, step = part.partition("/")
    first, dash, last = span.partition("-")
    numbers = []
    for word in [first, *([last] if dash else [])]:
        if word in {"*", "?"} and not dash:
            continue
        number = words.get(word.lower(), int(word) if word.isascii() and word.isdigit() else -1)
        if not least <= number <= most:
            raise invalid(f"{option}: {name} {part!r}: {word!r} must be from {least} to {most}, or * for any")
        numbers.append(number)
    if numbers != sorted(numbers):
        raise invalid(f"{option}: {name} {part!r} ends before it begins")
    if slash and not (step.isascii() and step.isdigit() and int(step) > 0):
        raise invalid(f"{option}: {name} {part!r}: the step must be a number above 0")
