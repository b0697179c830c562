# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudEvents over HTTP as OpenMeter and Payhub take them.

Rules from openmeterio/openmeter, ``api/openapi.yaml`` and ``openmeter/meterevent``: new and duplicate events are both
answered with 204, and a server of one's own removes no duplicates by default. So the server is asked first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.instants import as_text, parse_instant
from miniapp_infra.metering.backends.base import Found, Limits, Refusal, decoded
from miniapp_infra.metering.transformations import content_of, payload
from miniapp_infra.metering.usage import UsageRow, quantity
from miniapp_infra.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miniapp_infra.http import HttpError, JsonClient
    from miniapp_infra.metering.models import UsageEvent
    from miniapp_infra.metering.usage import UsageQuery

_EVENTS = "/api/v1/events"
_PAGE = 100
"""The most rows that a list of events has, and it has one page only."""
_MARGIN = timedelta(minutes=10)
"""Between our clock and the server's, which refuses to look further back than 32 days."""


@dataclass(frozen=True)
class CloudEvents:
    """A server that takes CloudEvents.

    Args:
        client: reaches it.
    """

    client: JsonClient
    title: ClassVar[str] = "the CloudEvents server"
    # The description sets no limit to ids and batches; these are ours.
    limits: ClassVar[Limits] = Limits(batch=1000, id_length=255, lists=timedelta(days=32) - _MARGIN)

    @property
    def target(self) -> str:
        """Kind and address, without credentials."""
        return f"cloudevents {redact(self.client.options.url)}"

    def find(self, event: UsageEvent, now: datetime) -> Found | None:
        """Return what is stored under the id of an event.

        Raises:
            MiniappInfraError: conflict, when so many other ids contain this one that the list does not show it.
        """
        action = f"look for event {event.id}"
        # The id matches in part, and without a start the list covers three days only.
        query = {"id": event.id, "from": as_text(now - (self.limits.lists or _MARGIN)), "limit": _PAGE}
        rows = decoded(self.client.request("GET", _EVENTS, action=action, query=query), action)
        ours = [row for row in rows if (row["event"]["source"], row["event"]["id"]) == event.key]
        if not ours:
            if len(rows) >= _PAGE:
                raise MiniappInfraError(
                    f"Failed to {action}: {len(rows)} other ids contain it, and the list has no further page",
                    code=ErrorCode.CONFLICT,
                    hint="Use ids that are no part of others, such as the computed ones.",
                )
            return None
        # Where there are several already, one that differs is what has to be told.
        found = [_found(event, row) for row in ours]
        return next((one for one in found if one.mismatch or one.content != event.content), found[0])

    def drops(self, event: UsageEvent) -> str:
        """Return nothing: what this server has, it counts as soon as there is a meter."""
        del event
        return ""

    def send(self, events: Sequence[UsageEvent]) -> None:
        """Send events in one request, once."""
        self.client.request(
            "POST",
            _EVENTS,
            action=f"send {len(events)} metering events",
            body=json.dumps([_cloud_event(event) for event in events]).encode(),
            headers={"Content-Type": "application/cloudevents-batch+json"},
            repeatable=False,
        )

    def refusal(self, error: HttpError) -> Refusal:
        """Return what the refusal of a single event means; duplicates are never refused."""
        return Refusal(self.client.reason(error.body))

    def usage(self, query: UsageQuery) -> tuple[UsageRow, ...]:
        """Return what a meter says (``queryMeter``)."""
        action = f"query meter {query.meter}"
        pairs: list[tuple[str, Any]] = [
            ("from", as_text(query.start) if query.start else None),
            ("to", as_text(query.end) if query.end else None),
            ("windowSize", query.window_size.upper() if query.window_size else None),
            *(("subject", subject) for subject in query.subjects),
            *(("groupBy", name) for name in query.group_by),
            *((f"filterGroupBy[{name}]", value) for name, value in query.filters),
        ]
        path = f"/api/v1/meters/{quote(query.meter, safe='')}/query"
        body = decoded(self.client.request("GET", path, action=action, query=pairs), action)
        return tuple(
            UsageRow(
                value=quantity(row["value"], action),
                window_start=parse_instant(row["windowStart"], "windowStart"),
                window_end=parse_instant(row["windowEnd"], "windowEnd"),
                subject=row.get("subject") or "",
                group_by=tuple(sorted((name, value or "") for name, value in row["groupBy"].items())),
            )
            for row in body["data"]
        )


def _cloud_event(event: UsageEvent) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": as_text(event.time),
        "datacontenttype": "application/json",
        "data": payload(event),
    }


def _found(event: UsageEvent, row: dict[str, Any]) -> Found:
    stored = row["event"]
    mismatch = ""
    if (stored["type"], stored["subject"]) != (event.type, event.subject):
        mismatch = f"the id belongs to {stored['type']} of {stored['subject']}"
    return Found(content_of(stored.get("data")), row.get("validationError") or "", mismatch)
