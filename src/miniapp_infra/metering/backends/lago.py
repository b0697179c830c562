# SPDX-License-Identifier: GPL-3.0-or-later
"""Lago.

Rules from getlago/lago-openapi 1.51.0: at most 100 events in a batch; an event of an unknown billable metric is taken
and then ignored; with the ClickHouse store a second event of the same id and time replaces the first one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.instants import parse_instant
from miniapp_infra.metering.backends.base import Found, Limits, Refusal, decoded, find
from miniapp_infra.metering.transformations import content_of, payload
from miniapp_infra.metering.usage import UsageRow, quantity, unsupported
from miniapp_infra.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from miniapp_infra.http import HttpError, JsonClient
    from miniapp_infra.metering.models import UsageEvent
    from miniapp_infra.metering.usage import UsageQuery

_EVENTS = "/api/v1/events"


@dataclass(frozen=True)
class Lago:
    """A Lago server.

    Args:
        client: reaches it.
    """

    client: JsonClient
    title: ClassVar[str] = "Lago"
    limits: ClassVar[Limits] = Limits(batch=100, id_length=255, ignores=True)
    _unknown: dict[str, bool] = field(default_factory=dict, repr=False)

    @property
    def target(self) -> str:
        """Kind and address, without credentials."""
        return f"lago {redact(self.client.options.url)}"

    def find(self, event: UsageEvent, now: datetime) -> Found | None:
        """Return what is stored under the id of an event."""
        del now
        path = f"{_EVENTS}/{quote(event.id, safe='')}"
        body = find(self.client, path, action=f"look for event {event.id}")
        if body is None:
            return None
        stored = body["event"]
        mismatch = ""
        if (stored["code"], stored["external_subscription_id"]) != (event.type, event.subject):
            # Lago shows the first event of an id, whatever its subscription is.
            mismatch = f"the id belongs to {stored['code']} of {stored['external_subscription_id']}"
        return Found(content_of(stored.get("properties")), mismatch=mismatch)

    def drops(self, event: UsageEvent) -> str:
        """Return that the billable metric does not exist, when it does not."""
        if event.type not in self._unknown:
            path = f"/api/v1/billable_metrics/{quote(event.type, safe='')}"
            found = find(self.client, path, action=f"look for billable metric {event.type}")
            self._unknown[event.type] = found is None
        return f"Lago ignores it: no active billable metric has the code {event.type}" * self._unknown[event.type]

    def send(self, events: Sequence[UsageEvent]) -> None:
        """Send events in one request, once."""
        inputs = [_event_input(event) for event in events]
        single = len(inputs) == 1
        self.client.request(
            "POST",
            _EVENTS if single else f"{_EVENTS}/batch",
            action=f"send {len(events)} metering events",
            body={"event": inputs[0]} if single else {"events": inputs},
            repeatable=False,
        )

    def refusal(self, error: HttpError) -> Refusal:
        """Return what the refusal of a single event means."""
        details = error.body.get("error_details") if isinstance(error.body, dict) else None
        duplicate = isinstance(details, dict) and "value_already_exist" in (details.get("transaction_id") or ())
        reason = self.client.reason(error.body)
        return Refusal(f"{reason}: {details}" if details else reason, duplicate)

    def usage(self, query: UsageQuery) -> tuple[UsageRow, ...]:
        """Return the usage of subscriptions in the present billing period (``findCustomerCurrentUsage``)."""
        unsupported(query, self.title, "start", "end", "window_size", "group_by", "filters")
        path = f"/api/v1/customers/{quote(query.required('customer'), safe='')}/current_usage"
        action = f"read the usage of customer {query.customer}"
        rows = []
        for subject in query.required("subjects"):
            body = decoded(
                self.client.request(
                    "GET",
                    path,
                    action=action,
                    query={"external_subscription_id": subject, "billable_metric_code": query.meter},
                ),
                action,
            )["customer_usage"]
            rows.append(
                UsageRow(
                    value=sum(
                        (
                            quantity(charge["units"], action)
                            for charge in body["charges_usage"]
                            if charge["billable_metric"]["code"] == query.meter
                        ),
                        start=quantity("0", action),
                    ),
                    window_start=parse_instant(body["from_datetime"], "from_datetime"),
                    window_end=parse_instant(body["to_datetime"], "to_datetime"),
                    subject=subject,
                )
            )
        if not rows:
            raise MiniappInfraError(f"Failed to {action}: Lago answered nothing")
        return tuple(rows)


def _event_input(event: UsageEvent) -> dict[str, Any]:
    moment = event.time
    seconds = str(int(moment.timestamp()))
    return {
        "transaction_id": event.id,
        "external_subscription_id": event.subject,
        "code": event.type,
        # Unix seconds, with milliseconds behind a point where there are some.
        "timestamp": f"{seconds}.{moment.microsecond // 1000:03}" if moment.microsecond else seconds,
        "properties": {**payload(event), "source": event.source},
    }
