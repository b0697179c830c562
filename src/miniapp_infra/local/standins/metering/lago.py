# SPDX-License-Identifier: GPL-3.0-or-later
"""Lago: getlago/lago-openapi 1.51.0, ``src/resources/event*.yaml`` and ``src/schemas/Event*.yaml``."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any

from miniapp_infra.local.standins.metering.wire import OK, Reply, Request, text_of

_MOST = 100
_MANDATORY = ("transaction_id", "external_subscription_id", "code")
_EVENT = re.compile(r"/api/v1/events/(.+)")
_METRIC = re.compile(r"/api/v1/billable_metrics/(.+)")
_USAGE = re.compile(r"/api/v1/customers/(.+)/current_usage")


@dataclass
class Lago:
    """A Lago server.

    Attributes:
        codes: of the active billable metrics.
        clickhouse: whether the event store is ClickHouse, in which a second event of the same id and time replaces the
            first one; refused otherwise.
        keeps_unknown: whether events of unknown codes can be read though they are never counted.
        events: in the order of their arrival.
    """

    codes: set[str] = field(default_factory=set)
    clickhouse: bool = True
    keeps_unknown: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)

    def unauthorized(self) -> Reply:
        """Answer a request without the right token."""
        return Reply(HTTPStatus.UNAUTHORIZED, {"status": 401, "error": "Unauthorized"})

    def handle(self, request: Request) -> Reply:
        """Answer a request."""
        match request.method, request.path:
            case "POST", "/api/v1/events":
                return self._create(request, batch=False)
            case "POST", "/api/v1/events/batch":
                return self._create(request, batch=True)
            case "GET", path if found := _EVENT.fullmatch(path):
                return self._find(found[1])
            case "GET", path if found := _METRIC.fullmatch(path):
                return _metric(found[1]) if found[1] in self.codes else _missing("billable_metric_not_found")
            case "GET", path if found := _USAGE.fullmatch(path):
                return self._usage(request)
        return _missing("not_found")

    def _create(self, request: Request, *, batch: bool) -> Reply:
        try:
            body = json.loads(request.body)
            inputs = body["events"] if batch else [body["event"]]
        except (ValueError, KeyError, TypeError):
            return Reply(HTTPStatus.BAD_REQUEST, {"status": 400, "error": "Bad request"})
        if batch and len(inputs) > _MOST:
            return _invalid({"events": ["too_many_events"]})
        errors: dict[str, Any] = {}
        made = []
        for number, one in enumerate(inputs):
            problems = self._problems(one)
            if problems:
                errors[str(number)] = problems
            else:
                made.append(_stored(one, request.at))
        if errors:
            return _invalid(errors if batch else errors["0"])
        for event in made:
            self._store(event)
        return Reply(OK, {"events": made} if batch else {"event": made[0]})

    def _problems(self, one: Any) -> dict[str, list[str]]:
        problems = {name: ["value_is_mandatory"] for name in _MANDATORY if not one.get(name)}
        if not problems and not self.clickhouse and self._same(one) is not None:
            problems["transaction_id"] = ["value_already_exist"]
        try:
            Decimal(str(one.get("timestamp", 0)))
        except InvalidOperation:
            problems["timestamp"] = ["invalid_format"]
        return problems

    def _same(self, one: dict[str, Any]) -> dict[str, Any] | None:
        names = ("transaction_id", "external_subscription_id")
        return next((had for had in self.events if all(had[name] == one[name] for name in names)), None)

    def _store(self, event: dict[str, Any]) -> None:
        if event["code"] not in self.codes and not self.keeps_unknown:
            return
        had = self._same(event)
        if had is not None and had["timestamp"] == event["timestamp"]:
            self.events[self.events.index(had)] = event
        else:
            self.events.append(event)

    def _find(self, transaction: str) -> Reply:
        found = next((event for event in self.events if event["transaction_id"] == transaction), None)
        return Reply(OK, {"event": found}) if found else _missing("event_not_found")

    def _units(self, code: str, subscription: str) -> str:
        values = [
            Decimal(str(event["properties"].get("value", 0)))
            for event in self.events
            if event["code"] == code and event["external_subscription_id"] == subscription
        ]
        return str(sum(values, Decimal(0)))

    def _usage(self, request: Request) -> Reply:
        subscription, only = request.one("external_subscription_id"), request.one("billable_metric_code")
        if not subscription:
            return _missing("subscription_not_found")
        start = request.at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        end = (start + timedelta(days=32)).replace(day=1) - timedelta(seconds=1)
        charges = [
            {
                "units": (units := self._units(code, subscription)),
                "total_aggregated_units": units,
                "events_count": sum(event["code"] == code for event in self.events),
                "amount_cents": 0,
                "amount_currency": "EUR",
                "charge": {"lago_id": _id(f"charge {code}"), "charge_model": "standard"},
                "billable_metric": {"code": code, "name": code, "aggregation_type": "sum_agg", "lago_id": _id(code)},
            }
            for code in sorted(self.codes)
            if only in {None, code}
        ]
        usage = {
            "from_datetime": text_of(start),
            "to_datetime": text_of(end),
            "issuing_date": (end + timedelta(seconds=1)).date().isoformat(),
            "currency": "EUR",
            "amount_cents": 0,
            "taxes_amount_cents": 0,
            "total_amount_cents": 0,
            "charges_usage": charges,
        }
        return Reply(OK, {"customer_usage": usage})


def _stored(one: dict[str, Any], now: datetime) -> dict[str, Any]:
    time = datetime.fromtimestamp(float(one.get("timestamp") or now.timestamp()), UTC)
    return {
        "lago_id": _id(one["transaction_id"]),
        "transaction_id": one["transaction_id"],
        "lago_customer_id": None,
        "code": one["code"],
        "timestamp": text_of(time),
        "properties": one.get("properties") or {},
        "precise_total_amount_cents": one.get("precise_total_amount_cents"),
        "lago_subscription_id": _id(one["external_subscription_id"]),
        "external_subscription_id": one["external_subscription_id"],
        "created_at": text_of(now),
    }


def _id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"lago:{name}"))


def _metric(code: str) -> Reply:
    metric = {
        "lago_id": _id(code),
        "code": code,
        "name": code,
        "aggregation_type": "sum_agg",
        "field_name": "value",
        "recurring": False,
        "created_at": "2026-01-01T00:00:00Z",
    }
    return Reply(OK, {"billable_metric": metric})


def _invalid(details: dict[str, Any]) -> Reply:
    body = {"status": 422, "error": "Unprocessable entity", "code": "validation_errors", "error_details": details}
    return Reply(HTTPStatus.UNPROCESSABLE_ENTITY, body)


def _missing(code: str) -> Reply:
    return Reply(HTTPStatus.NOT_FOUND, {"status": 404, "error": "Not Found", "code": code})
