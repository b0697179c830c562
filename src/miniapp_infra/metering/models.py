# SPDX-License-Identifier: GPL-3.0-or-later
"""What is metered, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from miniapp_infra.amounts import plain

if TYPE_CHECKING:
    from decimal import Decimal


def utc_now() -> datetime:
    """Return the present."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Content:
    """What an event charges; everything else is its identity."""

    value: Decimal
    unit: str = ""
    currency: str = ""

    def __str__(self) -> str:
        """Return it as people write it, such as ``12.5 FZ``."""
        return " ".join(part for part in (plain(self.value), self.unit, self.currency) if part)


@dataclass(frozen=True)
class UsageEvent:
    """The usage of one subject in one closed window.

    Attributes:
        id: the same for the same usage, whenever it is computed.
        source: who measured it, such as ``miniapp-infra/prod``.
        type: the meter: CloudEvents ``type``, Lago ``code``, Stripe ``event_name``.
        subject: who used it: CloudEvents ``subject``, Lago's subscription, Stripe's customer.
        content: value, unit and currency.
        window_start: inclusive.
        window_end: exclusive.
        time: when the back end counts it.
        dimensions: what the usage is split by, sorted.
    """

    id: str
    source: str
    type: str
    subject: str
    content: Content
    window_start: datetime
    window_end: datetime
    time: datetime
    dimensions: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What makes it unique (CloudEvents 1.0: ``source`` and ``id``)."""
        return self.source, self.id


class Status(StrEnum):
    """What became of an event."""

    PLANNED = "planned"
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"
    PENDING = "pending"


@dataclass(frozen=True)
class Outcome:
    """What became of one event.

    Attributes:
        event: the event.
        status: what became of it.
        reason: why it is in conflict or was rejected, or what the back end says about an accepted one.
        recovered: whether an earlier run left it behind.
    """

    event: UsageEvent
    status: Status
    reason: str = ""
    recovered: bool = False

    def as_result(self) -> dict[str, object]:
        """Return what modules report."""
        return {
            "id": self.event.id,
            "type": self.event.type,
            "subject": self.event.subject,
            "value": plain(self.event.content.value),
            "status": self.status.value,
            "reason": self.reason,
            "recovered": self.recovered,
        }
