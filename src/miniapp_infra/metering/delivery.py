# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings events to a back end so that each one is there exactly once.

The order is: ask the ledger, ask the back end, write down, send, read back, write down the end. Wherever this is cut
off, the next run finds the event pending and asks the back end before it sends anything again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.http import HttpError
from miniapp_infra.instants import as_text
from miniapp_infra.metering.models import Outcome, Status, UsageEvent, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from miniapp_infra.metering.backends.base import Backend, Found
    from miniapp_infra.metering.ledger import Entry, Ledger

_ABOUT_THE_EVENTS = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Refusals that one event of a batch can cause; sent alone, the others are taken."""
_LONGEST_PAUSE = 5.0
_LONGEST_ASKED = 60.0


class DeliveryError(MiniappInfraError):
    """Not every event got to its end; those that did are told as well."""

    def __init__(self, message: str, outcomes: Sequence[Outcome], *, code: ErrorCode, hint: str = "") -> None:
        super().__init__(message, code=code, retryable=code is ErrorCode.UNAVAILABLE, hint=hint)
        self.outcomes = tuple(outcomes)

    def result(self) -> dict[str, Any]:
        """Return what a module reports in spite of the failure."""
        return summary(self.outcomes)


@dataclass(frozen=True)
class Policy:
    """How to deliver.

    Args:
        batch_size: events in one request.
        retries: how often a request is sent again.
        read_before_send: whether the back end is asked which events it has, where it can be.
        visible_after: seconds until a stored event can be read.
        ignore_conflicts: whether an event that is stored with another value is left alone instead of failing.
        now: replaced in tests.
        sleep: replaced in tests.
    """

    batch_size: int = 100
    retries: int = 3
    read_before_send: bool = True
    visible_after: float = 10.0
    ignore_conflicts: bool = False
    now: Callable[[], datetime] = field(default=utc_now, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)


@dataclass
class Delivery:
    """One run.

    Args:
        backend: where to.
        ledger: what earlier runs know; locked, unless nothing is sent.
        policy: how.
    """

    backend: Backend
    ledger: Ledger
    policy: Policy
    _outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict, repr=False)

    def check(self, events: Iterable[UsageEvent]) -> None:
        """Refuse what the back end would not take, before anything is sent.

        Raises:
            MiniappInfraError: invalid_input, naming the field.
        """
        limits, now = self.backend.limits, self.policy.now()
        oldest, newest = _bounds(now, limits.past, limits.future)
        if not 1 <= self.policy.batch_size <= limits.batch and limits.batch > 1:
            raise _bad("batch_size", f"must be 1 to {limits.batch} for {self.backend.title}")
        for number, event in enumerate(events):
            if len(event.id) > limits.id_length:
                raise _bad(
                    f"events[{number}].id",
                    f"has {len(event.id)} characters; {self.backend.title} takes at most {limits.id_length}",
                )
            if not oldest <= event.time <= newest:
                span = f"{as_text(oldest)} to {as_text(newest)}"
                raise _bad(
                    f"events[{number}].time",
                    f"{as_text(event.time)} is outside of what {self.backend.title} takes now: {span}",
                )
            if self.policy.read_before_send and limits.readable and not self._askable(event):
                raise MiniappInfraError(
                    f"events[{number}].time: {self.backend.title} no longer tells whether it has events of "
                    f"{as_text(event.time)}",
                    code=ErrorCode.INVALID_INPUT,
                    hint="Set read_before_send to false only when it is known that the event was never sent.",
                )

    def plan(self, events: Sequence[UsageEvent]) -> tuple[Outcome, ...]:
        """Return what would become of each event, and of those that an earlier run left behind. Sends nothing."""
        given = {event.key for event in events}
        left = [event for event in self.ledger.pending() if event.key not in given]
        outcomes = [self._judged(event) for event in events] + [self._judged(event, recovered=True) for event in left]
        self._outcomes = {outcome.event.key: outcome for outcome in outcomes}
        return tuple(outcomes)

    def run(self, events: Sequence[UsageEvent]) -> tuple[Outcome, ...]:
        """Deliver events.

        Raises:
            DeliveryError: conflict, before anything is sent; unavailable, when the back end cannot be reached; or
                invalid_input, when it rejected some.
        """
        outcomes = self.plan(events)
        self._settle_what_is_known(outcomes)
        self._refuse_conflicts(outcomes)
        planned = [outcome.event for outcome in outcomes if outcome.status is Status.PLANNED]
        size = min(self.policy.batch_size, self.backend.limits.batch)
        for batch in (planned[first : first + size] for first in range(0, len(planned), size)):
            self.ledger.begin(batch)
            try:
                self._send(batch)
            except MiniappInfraError as error:
                raise self._undelivered(error) from error
        return self._finished()

    def _settle_what_is_known(self, outcomes: Sequence[Outcome]) -> None:
        """Write down the end of what an earlier run left behind, so that it does not come up again."""
        ends = {Status.DUPLICATE: Status.ACCEPTED, Status.CONFLICT: Status.CONFLICT}
        for outcome in outcomes:
            entry = self.ledger.entries.get(outcome.event.key)
            if entry is not None and entry.status is Status.PENDING and outcome.status in ends:
                self.ledger.settle(entry.event, ends[outcome.status], outcome.reason)

    def _finished(self) -> tuple[Outcome, ...]:
        done = tuple(self._outcomes.values())
        rejected = [outcome for outcome in done if outcome.status is Status.REJECTED]
        if rejected:
            raise DeliveryError(
                f"Failed to record {len(rejected)} of {len(done)} metering events: {_named(rejected)}",
                done,
                code=ErrorCode.INVALID_INPUT,
            )
        self._refuse_conflicts(done)
        return done

    def _refuse_conflicts(self, outcomes: Sequence[Outcome]) -> None:
        conflicts = [outcome for outcome in outcomes if outcome.status is Status.CONFLICT]
        if conflicts and not self.policy.ignore_conflicts:
            raise DeliveryError(
                f"Failed to record {len(conflicts)} of {len(outcomes)} metering events: {_named(conflicts)}",
                outcomes,
                code=ErrorCode.CONFLICT,
                hint="Correct stored usage by an event whose type ends in adjustment, or set on_conflict to ignore.",
            )

    def _judged(self, event: UsageEvent, *, recovered: bool = False) -> Outcome:
        entry = self.ledger.entries.get(event.key)
        if entry is not None and entry.status in {Status.ACCEPTED, Status.DUPLICATE}:
            if entry.event.content == event.content:
                return Outcome(event, Status.DUPLICATE, recovered=recovered)
            return Outcome(event, Status.CONFLICT, f"the ledger has it with {entry.event.content}, not {event.content}")
        pending = entry is not None and entry.status is Status.PENDING
        if entry is not None and entry.status is Status.CONFLICT and not self._askable(event):
            return Outcome(event, Status.CONFLICT, f"the ledger has it in conflict with {entry.event.content}")
        if self._askable(event) and (pending or self.policy.read_before_send):
            until = entry.at + timedelta(seconds=self.policy.visible_after) if entry and pending else self.policy.now()
            found = self._look(event, until)
            if found is not None:
                return self._compared(event, found, recovered=recovered)
        elif entry is not None and pending and (doubt := self._doubt(event, entry)):
            return Outcome(event, Status.CONFLICT, doubt, recovered)
        return Outcome(event, Status.PLANNED, recovered=recovered)

    def _doubt(self, event: UsageEvent, entry: Entry) -> str:
        """Return why an event, of which only the ledger knows, must not be sent again."""
        sent = as_text(entry.at)
        if entry.event.content != event.content:
            return (
                f"it may have been sent with {entry.event.content} at {sent}, and {self.backend.title} cannot be asked"
            )
        remembers = self.backend.limits.remembers
        if remembers is not None and self.policy.now() - entry.at < remembers:
            return ""  # a second one of the same id is refused
        return f"it may have been sent at {sent}, which is too long ago for {self.backend.title} to notice a second one"

    def _compared(self, event: UsageEvent, found: Found, *, recovered: bool = False) -> Outcome:
        if found.mismatch:
            return Outcome(event, Status.CONFLICT, found.mismatch, recovered)
        if found.content != event.content:
            stored = found.content or "something else"
            return Outcome(event, Status.CONFLICT, f"it is stored with {stored}, not {event.content}", recovered)
        return Outcome(event, Status.DUPLICATE, found.problem, recovered)

    def _send(self, batch: Sequence[UsageEvent], *, again: bool = False) -> None:
        waiting = list(batch)
        for attempt in range(self.policy.retries + 1):
            try:
                self.backend.send(waiting)
            except HttpError as error:
                if error.status in _ABOUT_THE_EVENTS:
                    self._refused(waiting, error, again=again or attempt > 0)
                    return
                # The client itself sends again what was over a limit, because that was not taken. Any other failure
                # leaves open whether it was.
                final = attempt == self.policy.retries or error.status == HTTPStatus.TOO_MANY_REQUESTS
                if final or not error.retryable:
                    raise
                waiting = self._missing(waiting, self._pause(attempt, error.retry_after))
            except MiniappInfraError as error:
                if not error.retryable or attempt == self.policy.retries:
                    raise
                waiting = self._missing(waiting, self._pause(attempt))
            else:
                self._confirm(waiting)
                return
            if not waiting:
                return

    def _refused(self, events: Sequence[UsageEvent], error: HttpError, *, again: bool) -> None:
        if len(events) > 1:
            for event in events:
                self._send([event], again=again)
            return
        (event,) = events
        refusal = self.backend.refusal(error)
        if not refusal.duplicate:
            self._settle(Outcome(event, Status.REJECTED, refusal.reason))
            return
        found = self._look(event, self._visible()) if self._askable(event) else None
        outcome = self._compared(event, found) if found else Outcome(event, Status.DUPLICATE)
        if again and outcome.status is Status.DUPLICATE:
            outcome = Outcome(event, Status.ACCEPTED)  # by the request whose answer was lost
        self._settle(outcome)

    def _missing(self, events: Sequence[UsageEvent], pause: float) -> list[UsageEvent]:
        """Return the events that have to be sent again after a failure that may have stored them."""
        self.policy.sleep(pause)
        until, missing = self._visible(), []
        for event in events:
            found = self._look(event, until) if self._askable(event) else None
            if found is None:
                missing.append(event)
            else:
                outcome = self._compared(event, found)
                stored = outcome.status is Status.DUPLICATE
                self._settle(Outcome(event, Status.ACCEPTED, outcome.reason) if stored else outcome)
        return missing

    def _confirm(self, events: Sequence[UsageEvent]) -> None:
        limits, until = self.backend.limits, self._visible()
        for event in events:
            outcome = Outcome(event, Status.ACCEPTED)
            if limits.ignores and self._askable(event):
                found = self._look(event, until)
                reason = self.backend.drops(event)
                if found is None or reason:
                    reason = reason or f"{self.backend.title} accepted it and then ignored it"
                    outcome = Outcome(event, Status.REJECTED, reason)
            elif self.policy.read_before_send and self._askable(event):
                found = self.backend.find(event, self.policy.now())
                outcome = Outcome(event, Status.ACCEPTED, found.problem if found else "")
            self._settle(outcome)

    def _settle(self, outcome: Outcome) -> None:
        planned = self._outcomes[outcome.event.key]
        recovered = Outcome(outcome.event, outcome.status, outcome.reason, planned.recovered)
        self._outcomes[outcome.event.key] = recovered
        self.ledger.settle(outcome.event, outcome.status, outcome.reason)

    def _undelivered(self, error: MiniappInfraError) -> DeliveryError:
        outcomes = [
            Outcome(outcome.event, Status.PENDING, recovered=outcome.recovered)
            if outcome.status is Status.PLANNED
            else outcome
            for outcome in self._outcomes.values()
        ]
        return DeliveryError(
            error.message, outcomes, code=error.code, hint=error.hint or "Run it again; nothing is stored twice."
        )

    def _look(self, event: UsageEvent, until: datetime) -> Found | None:
        while True:
            found = self.backend.find(event, self.policy.now())
            left = (until - self.policy.now()).total_seconds()
            if found is not None or left <= 0:
                return found
            self.policy.sleep(min(left, 0.5))

    @staticmethod
    def _pause(attempt: int, asked: float | None = None) -> float:
        """Return seconds before the next attempt: growing, or what the server asked for within reason."""
        return min(asked, _LONGEST_ASKED) if asked else min(0.2 * 2.0**attempt, _LONGEST_PAUSE)

    def _visible(self) -> datetime:
        return self.policy.now() + timedelta(seconds=self.policy.visible_after)

    def _askable(self, event: UsageEvent) -> bool:
        limits = self.backend.limits
        return limits.readable and (limits.lists is None or event.time >= self.policy.now() - limits.lists)


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the outcomes as a module reports them."""

    def of(*statuses: Status) -> list[Outcome]:
        return [outcome for outcome in outcomes if outcome.status in statuses]

    new = of(Status.ACCEPTED, Status.PLANNED)
    return {
        "changed": bool(new),
        "events": [outcome.as_result() for outcome in outcomes],
        "accepted": len(new),
        "duplicates": len(of(Status.DUPLICATE)),
        "conflicts": [_brief(outcome) for outcome in of(Status.CONFLICT)],
        "rejected": [_brief(outcome) for outcome in of(Status.REJECTED)],
        "pending": len(of(Status.PENDING)),
    }


def _brief(outcome: Outcome) -> dict[str, str]:
    return {"id": outcome.event.id, "reason": outcome.reason}


def _named(outcomes: Sequence[Outcome]) -> str:
    shown = "; ".join(
        f"{outcome.event.type} of {outcome.event.subject} ({outcome.event.id}): {outcome.reason}"
        for outcome in outcomes[:3]
    )
    return f"{shown}; and {len(outcomes) - 3} more" if len(outcomes) > 3 else shown  # noqa: PLR2004 - enough to read


def _bounds(now: datetime, past: timedelta | None, future: timedelta | None) -> tuple[datetime, datetime]:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    return (now - past if past else first, now + future if future else last)


def _bad(field_name: str, reason: str) -> MiniappInfraError:
    return MiniappInfraError(f"{field_name}: {reason}", code=ErrorCode.INVALID_INPUT)
