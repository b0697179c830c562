# SPDX-License-Identifier: GPL-3.0-or-later
"""Stripe's billing meters.

Rules from docs.stripe.com/api/billing/meter-event: one event a request; an identifier is unique for at least 24 hours;
an event is at most 35 days old and 5 minutes ahead; events cannot be read back, so that the ledger is the memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.metering.backends.base import Found, Limits, Refusal, decoded
from miniapp_infra.metering.transformations import payload
from miniapp_infra.metering.usage import UsageRow, quantity, unsupported
from miniapp_infra.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miniapp_infra.http import HttpError, JsonClient
    from miniapp_infra.metering.models import UsageEvent
    from miniapp_infra.metering.usage import UsageQuery

_DUPLICATE = "already exists with identifier"
_PAGE = 100


@dataclass(frozen=True)
class Stripe:
    """Stripe, or what speaks like it.

    Args:
        client: reaches it.
    """

    client: JsonClient
    title: ClassVar[str] = "Stripe"
    limits: ClassVar[Limits] = Limits(
        batch=1,
        id_length=100,
        past=timedelta(days=35),
        future=timedelta(minutes=5),
        readable=False,
        remembers=timedelta(hours=24),
    )

    @property
    def target(self) -> str:
        """Kind and address, without credentials."""
        return f"stripe {redact(self.client.options.url)}"

    def find(self, event: UsageEvent, now: datetime) -> Found | None:
        """Raise, because Stripe does not tell which events it has."""
        del now
        raise MiniappInfraError(f"Failed to look for event {event.id}: Stripe does not tell which events it has")

    def drops(self, event: UsageEvent) -> str:
        """Return nothing: Stripe reports what it cannot count by webhook only."""
        del event
        return ""

    def send(self, events: Sequence[UsageEvent]) -> None:
        """Send one event, once."""
        (event,) = events
        fields = {
            "event_name": event.type,
            "identifier": event.id,
            "timestamp": str(int(event.time.timestamp())),
            "payload[stripe_customer_id]": event.subject,
            **{f"payload[{name}]": value for name, value in payload(event).items()},
        }
        self.client.request(
            "POST",
            "/v1/billing/meter_events",
            action=f"send metering event {event.id}",
            body=urlencode(fields).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            repeatable=False,
        )

    def refusal(self, error: HttpError) -> Refusal:
        """Return what the refusal of a single event means."""
        reason = self.client.reason(error.body)
        return Refusal(reason, duplicate=_DUPLICATE in reason)

    def usage(self, query: UsageQuery) -> tuple[UsageRow, ...]:
        """Return the summaries of a meter for customers."""
        unsupported(query, self.title, "group_by", "filters")
        start, end = query.required("start"), query.required("end")
        path = f"/v1/billing/meters/{quote(query.meter, safe='')}/event_summaries"
        action = f"read the summaries of meter {query.meter}"
        rows: list[UsageRow] = []
        for customer in query.required("subjects"):
            last = None
            while True:
                parameters: dict[str, Any] = {
                    "customer": customer,
                    "start_time": int(start.timestamp()),
                    "end_time": int(end.timestamp()),
                    "value_grouping_window": query.window_size,
                    "limit": _PAGE,
                    "starting_after": last,
                }
                body = decoded(self.client.request("GET", path, action=action, query=parameters), action)
                rows += [
                    UsageRow(
                        value=quantity(item["aggregated_value"], action),
                        window_start=datetime.fromtimestamp(item["start_time"], UTC),
                        window_end=datetime.fromtimestamp(item["end_time"], UTC),
                        subject=customer,
                    )
                    for item in body["data"]
                ]
                if not body.get("has_more") or not body["data"]:
                    break
                last = body["data"][-1]["id"]
        return tuple(sorted(rows, key=lambda row: (row.subject, row.window_start)))
