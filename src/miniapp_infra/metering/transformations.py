# SPDX-License-Identifier: GPL-3.0-or-later
"""Events from the options of a module, and to and from the lines of the ledger."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from miniapp_infra.amounts import exact, plain
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.instants import as_text, parse_instant
from miniapp_infra.metering.identity import event_id
from miniapp_infra.metering.models import Content, UsageEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

CURRENCIES = ("FZ", "PT")
ADJUSTMENT = "adjustment"
"""How the type of a correction ends; only a correction may be negative."""
_RESERVED = frozenset({"value", "unit", "currency", "window_start", "window_end", "source", "stripe_customer_id"})
_DIMENSION = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}", re.ASCII)


def events_from(items: Sequence[Mapping[str, Any]], *, source: str, now: datetime) -> tuple[UsageEvent, ...]:
    """Return the events of a module's option ``events``.

    Raises:
        MiniappInfraError: invalid_input, naming the field: an open window, a value that is no exact number, the same
            usage twice.
    """
    if not source or source != source.strip() or any(character.isspace() for character in source):
        raise _bad("source", f"must be a name without spaces such as miniapp-infra/prod, not {source!r}")
    events = tuple(_event(item, f"events[{number}]", source, now) for number, item in enumerate(items))
    seen: dict[str, int] = {}
    for number, event in enumerate(events):
        if event.id in seen:
            raise _bad(
                f"events[{number}]",
                f"is the same usage as events[{seen[event.id]}] (id {event.id}); tell them apart by a dimension",
            )
        seen[event.id] = number
    return events


def as_record(event: UsageEvent) -> dict[str, Any]:
    """Return an event as JSON, without loss."""
    return {
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "value": plain(event.content.value),
        "unit": event.content.unit,
        "currency": event.content.currency,
        "window_start": as_text(event.window_start),
        "window_end": as_text(event.window_end),
        "time": as_text(event.time),
        "dimensions": dict(event.dimensions),
    }


def from_record(record: Mapping[str, Any]) -> UsageEvent:
    """Return the event of a record.

    Raises:
        KeyError: a field is missing.
        MiniappInfraError: a field is damaged.
    """
    return UsageEvent(
        id=record["id"],
        source=record["source"],
        type=record["type"],
        subject=record["subject"],
        content=Content(exact(record["value"], "value", negative=True), record["unit"], record["currency"]),
        window_start=parse_instant(record["window_start"], "window_start"),
        window_end=parse_instant(record["window_end"], "window_end"),
        time=parse_instant(record["time"], "time"),
        dimensions=tuple(sorted(record["dimensions"].items())),
    )


def payload(event: UsageEvent) -> dict[str, str]:
    """Return what back ends keep beside the identity: the content, the window and the dimensions, all as texts."""
    content = {"value": plain(event.content.value), "unit": event.content.unit, "currency": event.content.currency}
    return {
        **{name: text for name, text in content.items() if text},
        "window_start": as_text(event.window_start),
        "window_end": as_text(event.window_end),
        **dict(event.dimensions),
    }


def content_of(data: Any) -> Content | None:
    """Return the content in what a back end kept, None when it is not of our making."""
    if not isinstance(data, dict):
        return None
    try:
        value = exact(data.get("value"), "value", negative=True)
    except MiniappInfraError:
        return None
    return Content(value, str(data.get("unit") or ""), str(data.get("currency") or ""))


def _event(item: Mapping[str, Any], field: str, source: str, now: datetime) -> UsageEvent:
    event_type, subject = _text(item, field, "type"), _text(item, field, "subject")
    correction = event_type.endswith(ADJUSTMENT)
    try:
        value = exact(item.get("value"), f"{field}.value", negative=correction)
    except MiniappInfraError as error:
        error.hint = f"Lower usage that is stored already by an event whose type ends in {ADJUSTMENT}."
        raise
    start = parse_instant(str(item.get("window_start")), f"{field}.window_start")
    end = parse_instant(str(item.get("window_end")), f"{field}.window_end")
    if end <= start:
        raise _bad(f"{field}.window_end", f"must be after window_start {as_text(start)}, but is {as_text(end)}")
    if end > now:
        raise MiniappInfraError(
            f"{field}.window_end: the window is open until {as_text(end)}, and its usage may still change",
            code=ErrorCode.INVALID_INPUT,
            hint="Meter a window after its end.",
        )
    time = parse_instant(str(item["time"]), f"{field}.time") if item.get("time") else start
    if not start <= time <= end:
        raise _bad(f"{field}.time", f"must be in the window, but is {as_text(time)}")
    dimensions = _dimensions(item.get("dimensions") or {}, f"{field}.dimensions")
    identity = event_id(
        source=source, event_type=event_type, subject=subject, window_start=start, window_end=end, dimensions=dimensions
    )
    return UsageEvent(
        id=_text(item, field, "id") if item.get("id") is not None else identity,
        source=source,
        type=event_type,
        subject=subject,
        content=Content(value, item.get("unit") or "", _currency(item.get("currency"), f"{field}.currency")),
        window_start=start,
        window_end=end,
        time=time,
        dimensions=tuple(sorted(dimensions.items())),
    )


def _text(item: Mapping[str, Any], field: str, name: str) -> str:
    text = item.get(name)
    if not isinstance(text, str) or not text.strip() or text != text.strip():
        raise _bad(f"{field}.{name}", f"must be a text without spaces around it, not {text!r}")
    return text


def _currency(currency: str | None, field: str) -> str:
    if currency and currency not in CURRENCIES:
        raise _bad(field, f"must be one of {', '.join(CURRENCIES)}, not {currency!r}")
    return currency or ""


def _dimensions(given: Mapping[str, Any], field: str) -> dict[str, str]:
    dimensions = {}
    for name, value in given.items():
        if not _DIMENSION.fullmatch(name) or name in _RESERVED:
            raise _bad(f"{field}.{name}", "is no name of a dimension: letters, digits and _.- that mean nothing else")
        if isinstance(value, float) or not isinstance(value, str | int):
            raise _bad(f"{field}.{name}", f"must be a text, an integer or a boolean, not {value!r}")
        dimensions[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return dimensions


def _bad(field: str, reason: str) -> MiniappInfraError:
    return MiniappInfraError(f"{field}: {reason}", code=ErrorCode.INVALID_INPUT)
