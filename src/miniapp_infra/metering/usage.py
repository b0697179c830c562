# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about what was metered."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from miniapp_infra.amounts import plain
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.instants import as_text, parse_instant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True)
class UsageQuery:
    """A question about one meter.

    Attributes:
        meter: OpenMeter's slug, Lago's code of a billable metric, Stripe's id of a meter.
        subjects: only these.
        customer: Lago's customer.
        start: inclusive.
        end: exclusive.
        window_size: one row for each ``minute``, ``hour``, ``day`` or ``month``; one for all when empty.
        group_by: dimensions.
        filters: values of dimensions.
    """

    meter: str
    subjects: tuple[str, ...] = ()
    customer: str = ""
    start: datetime | None = None
    end: datetime | None = None
    window_size: str | None = None
    group_by: tuple[str, ...] = ()
    filters: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> UsageQuery:
        """Return the question of a module.

        Raises:
            MiniappInfraError: invalid_input, naming the option.
        """
        start = parse_instant(params["start"], "start") if params.get("start") else None
        end = parse_instant(params["end"], "end") if params.get("end") else None
        if start and end and end <= start:
            raise _bad("end", f"must be after start {as_text(start)}, but is {as_text(end)}")
        return cls(
            meter=params["meter"],
            subjects=tuple(params.get("subjects") or ()),
            customer=params.get("customer") or "",
            start=start,
            end=end,
            window_size=params.get("window_size"),
            group_by=tuple(params.get("group_by") or ()),
            filters=tuple(sorted((name, str(value)) for name, value in (params.get("filters") or {}).items())),
        )

    def required(self, name: str) -> Any:
        """Return an option that a back end cannot do without.

        Raises:
            MiniappInfraError: invalid_input, when it is not given.
        """
        value = getattr(self, name)
        if not value:
            raise _bad(name, "is required for this backend")
        return value


@dataclass(frozen=True)
class UsageRow:
    """The usage of one window."""

    value: Decimal
    window_start: datetime
    window_end: datetime
    subject: str = ""
    group_by: tuple[tuple[str, str], ...] = ()

    def as_result(self, now: datetime) -> dict[str, Any]:
        """Return what modules report."""
        return {
            "value": plain(self.value),
            "window_start": as_text(self.window_start),
            "window_end": as_text(self.window_end),
            "subject": self.subject,
            "group_by": dict(self.group_by),
            "closed": self.window_end <= now,
        }


def quantity(value: Any, action: str) -> Decimal:
    """Return a number of an answer, exactly as it was written there.

    Raises:
        MiniappInfraError: upstream, when it is none.
    """
    if isinstance(value, int | str | Decimal) and not isinstance(value, bool):
        with suppress(InvalidOperation):
            number = Decimal(str(value))
            if number.is_finite():
                return number
    raise MiniappInfraError(f"Failed to {action}: {value!r} is no number")


def unsupported(query: UsageQuery, server: str, *names: str) -> None:
    """Refuse what a back end cannot be asked.

    Raises:
        MiniappInfraError: invalid_input, naming the option.
    """
    for name in names:
        if getattr(query, name):
            raise _bad(name, f"{server} cannot be asked for that")


def _bad(field: str, reason: str) -> MiniappInfraError:
    return MiniappInfraError(f"{field}: {reason}", code=ErrorCode.INVALID_INPUT)
