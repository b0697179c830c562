# SPDX-License-Identifier: GPL-3.0-or-later
"""What the delivery of events needs of a back end."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from miniapp_infra import amounts
from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.http import HttpError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from miniapp_infra.http import Answer, JsonClient
    from miniapp_infra.metering.models import Content, UsageEvent
    from miniapp_infra.metering.usage import UsageQuery, UsageRow


@dataclass(frozen=True)
class Limits:
    """What a back end takes.

    Attributes:
        batch: events in one request.
        id_length: characters of an id.
        past: how old an event may be; None for any age.
        future: how far ahead it may be.
        readable: whether it tells which events it has.
        lists: how old the events are that it tells of; None for any age.
        ignores: whether it accepts events that it then drops without a word.
        remembers: how long it refuses a second event of the same id; None for ever.
    """

    batch: int
    id_length: int
    past: timedelta | None = None
    future: timedelta | None = None
    readable: bool = True
    lists: timedelta | None = None
    ignores: bool = False
    remembers: timedelta | None = None


@dataclass(frozen=True)
class Found:
    """An event that a back end has.

    Attributes:
        content: what it charges; None when that is not of our making.
        problem: why it will not be counted; empty when it will.
        mismatch: why it is another event of the same id; empty when it is ours.
    """

    content: Content | None
    problem: str = ""
    mismatch: str = ""


@dataclass(frozen=True)
class Refusal:
    """Why a back end did not take one event.

    Attributes:
        reason: in its words.
        duplicate: whether it has one of this id already.
    """

    reason: str
    duplicate: bool = False


class Backend(Protocol):
    """A system that takes usage events."""

    title: ClassVar[str]
    limits: ClassVar[Limits]

    @property
    def target(self) -> str:
        """Kind and address, without credentials."""
        ...

    def find(self, event: UsageEvent, now: datetime) -> Found | None:
        """Return what is stored under the id of an event. Called only when ``limits.readable``."""
        ...

    def drops(self, event: UsageEvent) -> str:
        """Return why a stored event will never be counted; empty when it will. Called only when ``limits.ignores``."""
        ...

    def send(self, events: Sequence[UsageEvent]) -> None:
        """Send events once, without sending again.

        Raises:
            HttpError: they were refused, all of them.
            MiniappInfraError: unavailable; whether they were stored is unknown.
        """
        ...

    def refusal(self, error: HttpError) -> Refusal:
        """Return what the refusal of a single event means."""
        ...

    def usage(self, query: UsageQuery) -> tuple[UsageRow, ...]:
        """Return what was metered."""
        ...


def decoded(answer: Answer, action: str) -> Any:
    """Return the body of an answer, fractions as ``Decimal``.

    Raises:
        MiniappInfraError: upstream, when it is no JSON.
    """
    try:
        return amounts.loads(answer.data)
    except ValueError as error:
        raise MiniappInfraError(f"Failed to {action}: the answer is no JSON: {answer.data[:80]!r}") from error


def find(client: JsonClient, path: str, *, action: str, query: Any = None) -> Any:
    """Return the decoded body of a GET, None when there is no such thing (404).

    Raises:
        HttpError: the server refused it for another reason.
    """
    try:
        return decoded(client.request("GET", path, action=action, query=query), action)
    except HttpError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
