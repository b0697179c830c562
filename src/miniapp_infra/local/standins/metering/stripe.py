# SPDX-License-Identifier: GPL-3.0-or-later
"""Stripe's billing meters: docs.stripe.com/api/billing/meter-event and stripe/openapi at f6c2a48f."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any

from miniapp_infra.local.standins.metering.wire import OK, Reply, Request

_LONGEST = 100
_PAST = timedelta(days=35)
_FUTURE = timedelta(minutes=5)
_UNIQUE = timedelta(hours=24)
_SUMMARIES = re.compile(r"/v1/billing/meters/(.+)/event_summaries")
_PAYLOAD = re.compile(r"payload\[(.+)\]")
_STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(frozen=True)
class MeterEvent:
    """An event as it is kept."""

    identifier: str
    event_name: str
    payload: dict[str, str]
    time: datetime
    at: datetime


@dataclass
class Stripe:
    """Stripe.

    Attributes:
        meters: name of the events by id of the meter.
        events: every one that was taken.
    """

    meters: dict[str, str] = field(default_factory=dict)
    events: list[MeterEvent] = field(default_factory=list)

    def unauthorized(self) -> Reply:
        """Answer a request without the right token."""
        return _refused("Invalid API Key provided.", HTTPStatus.UNAUTHORIZED)

    def handle(self, request: Request) -> Reply:
        """Answer a request."""
        match request.method, request.path:
            case "POST", "/v1/billing/meter_events":
                return self._create(request)
            case "GET", path if found := _SUMMARIES.fullmatch(path):
                return self._summaries(found[1], request)
        return _refused(f"Unrecognized request URL ({request.method}: {request.path}).", HTTPStatus.NOT_FOUND)

    def _create(self, request: Request) -> Reply:
        if request.content_type != "application/x-www-form-urlencoded":
            return _refused("Invalid request: the body must be a form.")
        form = request.form()
        payload = {found[1]: value for key, value in form.items() if (found := _PAYLOAD.fullmatch(key))}
        name, identifier = (
            form.get("event_name", ""),
            form.get("identifier") or hashlib.sha256(request.body).hexdigest(),
        )
        time = _time(form.get("timestamp"), request.at)
        for problem in (
            "" if name else "Missing required param: event_name.",
            "" if len(name) <= _LONGEST else "Invalid string: event_name must be at most 100 characters.",
            "" if len(identifier) <= _LONGEST else "Invalid string: identifier must be at most 100 characters.",
            "" if "stripe_customer_id" in payload else "Missing payload key stripe_customer_id.",
            "" if _is_number(payload.get("value")) else "The value of payload[value] must be numeric.",
            "" if time else "Invalid timestamp: must be an integer Unix timestamp.",
            "" if time and request.at - _PAST <= time else "The timestamp is more than 35 days in the past.",
            "" if time and time <= request.at + _FUTURE else "The timestamp is more than 5 minutes in the future.",
        ):
            if problem:
                return _refused(problem)
        if any(had.identifier == identifier and had.at > request.at - _UNIQUE for had in self.events):
            return _refused(f"An event already exists with identifier {identifier}.")
        event = MeterEvent(identifier, name, payload, time or request.at, request.at)
        self.events.append(event)
        body = {
            "object": "billing.meter_event",
            "created": int(event.at.timestamp()),
            "event_name": name,
            "identifier": identifier,
            "livemode": False,
            "payload": payload,
            "timestamp": int(event.time.timestamp()),
        }
        return Reply(OK, body)

    def _summaries(self, meter: str, request: Request) -> Reply:
        name, customer = self.meters.get(meter), request.one("customer")
        start, end = _time(request.one("start_time"), None), _time(request.one("end_time"), None)
        if name is None:
            return _refused(f"No such meter: '{meter}'", HTTPStatus.NOT_FOUND)
        if not customer or not start or not end:
            return _refused("Missing required param: customer, start_time and end_time are required.")
        step = _STEPS.get(request.one("value_grouping_window") or "", end - start)
        summaries = []
        while start < end:
            until = min(start + step, end)
            total = sum(
                Decimal(event.payload["value"])
                for event in self.events
                if event.event_name == name
                and event.payload["stripe_customer_id"] == customer
                and start <= event.time < until
            )
            summaries.append(
                {
                    "id": f"mtrusg_{int(start.timestamp())}",
                    "object": "billing.meter_event_summary",
                    "aggregated_value": float(total),  # a number, says the description
                    "start_time": int(start.timestamp()),
                    "end_time": int(until.timestamp()),
                    "livemode": False,
                    "meter": meter,
                }
            )
            start = until
        return _page([one for one in summaries if one["aggregated_value"]], request)


def _page(items: list[dict[str, Any]], request: Request) -> Reply:
    limit, after = int(request.one("limit") or 10), request.one("starting_after")
    first = next((number + 1 for number, item in enumerate(items) if item["id"] == after), 0)
    shown = items[first : first + limit]
    body = {"object": "list", "data": shown, "has_more": first + limit < len(items), "url": request.path}
    return Reply(OK, body)


def _time(text: str | None, default: datetime | None) -> datetime | None:
    if text is None:
        return default
    return datetime.fromtimestamp(int(text), UTC) if text.isascii() and text.isdigit() else None


def _is_number(text: str | None) -> bool:
    try:
        return text is not None and Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _refused(message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Reply:
    return Reply(status, {"error": {"type": "invalid_request_error", "message": message}})
