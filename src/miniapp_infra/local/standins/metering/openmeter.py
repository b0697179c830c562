# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenMeter: openmeterio/openmeter at 7e57a394, ``api/openapi.yaml`` 1.0.0 and ``openmeter/meterevent/service.go``."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any

from miniapp_infra.local.standins.metering.wire import OK, Reply, Request, moment, text_of

_LIST_WINDOW = timedelta(hours=72)
_OLDEST = timedelta(days=32)
_PAGE = 100
_REQUIRED = ("id", "source", "specversion", "type", "subject")
_TYPES = frozenset({"application/cloudevents+json", "application/cloudevents-batch+json", "application/json"})
_QUERY = re.compile(r"/api/v1/meters/([a-z0-9_]+)/query")
_FILTER = re.compile(r"filterGroupBy\[(.+)\]")
_STEPS = {"MINUTE": timedelta(minutes=1), "HOUR": timedelta(hours=1), "DAY": timedelta(days=1)}


@dataclass(frozen=True)
class Meter:
    """What is counted.

    Attributes:
        event_type: of the events that count.
        value: name in ``data`` whose values are summed; events are counted when empty.
    """

    event_type: str
    value: str = "value"


@dataclass(frozen=True)
class Stored:
    """An event as it is kept."""

    event: dict[str, Any]
    time: datetime
    at: datetime


@dataclass
class OpenMeter:
    """An OpenMeter server.

    Attributes:
        meters: by slug.
        dedupe: whether a second event of the same source and id is dropped; off by default, as it is there.
        lag: how long a stored event cannot be read yet.
        stored: every event that was not dropped.
    """

    meters: dict[str, Meter] = field(default_factory=dict)
    dedupe: bool = False
    lag: timedelta = timedelta(0)
    stored: list[Stored] = field(default_factory=list)

    def unauthorized(self) -> Reply:
        """Answer a request without the right token."""
        return _problem(HTTPStatus.UNAUTHORIZED, "invalid token")

    def handle(self, request: Request) -> Reply:
        """Answer a request."""
        match request.method, request.path:
            case "POST", "/api/v1/events":
                return self._ingest(request)
            case "GET", "/api/v1/events":
                return self._list(request)
            case "GET", path if found := _QUERY.fullmatch(path):
                return self._query(found[1], request)
        return _problem(HTTPStatus.NOT_FOUND, f"no such path: {request.path}")

    def _ingest(self, request: Request) -> Reply:
        if request.content_type not in _TYPES:
            return _problem(HTTPStatus.BAD_REQUEST, f"unsupported content type {request.content_type!r}")
        try:
            body = json.loads(request.body)
            batch = body if isinstance(body, list) else [body]
            if isinstance(body, list) != (request.content_type == "application/cloudevents-batch+json") and (
                request.content_type != "application/json"
            ):
                raise ValueError(f"the body is no {request.content_type}")  # noqa: TRY301 - one answer for all of them
            stored = [_checked(event, request.at) for event in batch]
        except (ValueError, TypeError, AttributeError) as error:
            return _problem(HTTPStatus.BAD_REQUEST, str(error))
        for one in stored:
            key = (one.event["source"], one.event["id"])
            if self.dedupe and any((had.event["source"], had.event["id"]) == key for had in self.stored):
                continue
            self.stored.append(one)
        return Reply(HTTPStatus.NO_CONTENT)

    def _list(self, request: Request) -> Reply:
        try:
            start = moment(request.one("from") or text_of(request.at - _LIST_WINDOW))
            end = moment(request.one("to") or text_of(datetime.max.replace(tzinfo=request.at.tzinfo)))
            limit = int(request.one("limit") or _PAGE)
            if not 1 <= limit <= _PAGE:
                raise ValueError(f"limit must be 1 to {_PAGE}")  # noqa: TRY301 - one answer for all of them
            if start < request.at - _OLDEST:
                raise ValueError(f"from date is too old: {text_of(start)}")  # noqa: TRY301 - the same
        except ValueError as error:
            return _problem(HTTPStatus.BAD_REQUEST, str(error))
        part, subject = request.one("id") or "", request.one("subject") or ""
        rows = [
            one
            for one in self.stored
            if part in one.event["id"]
            and subject in one.event["subject"]
            and start <= one.time <= end
            and one.at + self.lag <= request.at
        ]
        rows.sort(key=lambda one: one.time, reverse=True)
        return Reply(OK, [self._row(one) for one in rows[:limit]])

    def _row(self, one: Stored) -> dict[str, Any]:
        row = {"event": one.event, "ingestedAt": text_of(one.at), "storedAt": text_of(one.at)}
        meters = [meter for meter in self.meters.values() if meter.event_type == one.event["type"]]
        if not meters:
            row["validationError"] = f"no meter found for event type: {one.event['type']}"
        return row

    def _query(self, slug: str, request: Request) -> Reply:
        meter = self.meters.get(slug)
        if meter is None:
            return _problem(HTTPStatus.NOT_FOUND, f"meter not found: {slug}")
        try:
            start = moment(request.one("from") or "0001-01-01T00:00:00Z")
            end = moment(request.one("to") or text_of(request.at))
        except ValueError as error:
            return _problem(HTTPStatus.BAD_REQUEST, str(error))
        size = request.one("windowSize")
        groups, subjects = request.all("groupBy"), request.all("subject")
        filters = [(found[1], value) for key, value in request.query if (found := _FILTER.fullmatch(key))]
        sums: dict[tuple[Any, ...], Decimal] = {}
        for one in self.stored:
            data, subject = one.event.get("data") or {}, one.event["subject"]
            if (
                one.event["type"] != meter.event_type
                or not start <= one.time < end
                or (subjects and subject not in subjects)
                or any(str(data.get(name)) != value for name, value in filters)
            ):
                continue
            window = _window(one.time, size) or (start, end)
            shown = subject if "subject" in groups or len(subjects) == 1 else None
            group = tuple((name, data.get(name)) for name in groups if name != "subject")
            key = (window, shown, group)
            sums[key] = sums.get(key, Decimal(0)) + _value(data, meter)
        rows = [
            {
                # The description says number, format double.
                "value": float(total),
                "windowStart": text_of(window[0]),
                "windowEnd": text_of(window[1]),
                "subject": subject,
                "groupBy": dict(group),
            }
            for (window, subject, group), total in sorted(sums.items(), key=lambda pair: str(pair[0]))
        ]
        return Reply(OK, {"data": rows, "from": text_of(start), "to": text_of(end), **_named(size)})


def _named(size: str | None) -> dict[str, str]:
    return {"windowSize": size} if size else {}


def _value(data: dict[str, Any], meter: Meter) -> Decimal:
    try:
        return Decimal(str(data[meter.value])) if meter.value else Decimal(1)
    except (KeyError, InvalidOperation):
        return Decimal(0)


def _window(time: datetime, size: str | None) -> tuple[datetime, datetime] | None:
    if size == "MONTH":
        start = time.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return start, (start + timedelta(days=32)).replace(day=1)
    if size not in _STEPS:
        return None
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight + (time - midnight) // _STEPS[size] * _STEPS[size]
    return start, start + _STEPS[size]


def _checked(event: Any, now: datetime) -> Stored:
    for name in _REQUIRED:
        if not isinstance(event.get(name), str) or not event[name]:
            raise ValueError(f"{name}: must not be empty")
    if event["specversion"] != "1.0":
        raise ValueError(f"specversion: unsupported version {event['specversion']}")
    if event.get("data") is not None and not isinstance(event["data"], dict):
        raise ValueError("data: must be a JSON object")
    time = moment(event["time"]) if event.get("time") else now
    return Stored({**event, "time": text_of(time)}, time, now)


def _problem(status: HTTPStatus, detail: str) -> Reply:
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "instance": "urn:request:standin",
    }
    return Reply(status, body, "application/problem+json")
