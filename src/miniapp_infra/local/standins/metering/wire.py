# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and replies, without the server around them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Request:
    """What was asked.

    Attributes:
        method: HTTP method.
        path: below the system's own path, decoded.
        query: parameters in their order.
        headers: names in lower case.
        body: as received.
        at: when.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def one(self, name: str) -> str | None:
        """Return a parameter, None when it is not given."""
        return next((value for key, value in self.query if key == name), None)

    def all(self, name: str) -> list[str]:
        """Return every value of a parameter."""
        return [value for key, value in self.query if key == name]

    @property
    def content_type(self) -> str:
        """Media type of the body."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def form(self) -> dict[str, str]:
        """Return the fields of a form."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True)
class Reply:
    """What is answered.

    Attributes:
        status: HTTP status.
        body: JSON; None for nothing.
        content_type: of the body.
        headers: in addition.
    """

    status: int
    body: Any = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Return the body as bytes."""
        return b"" if self.body is None else json.dumps(self.body).encode()


OK = HTTPStatus.OK


def moment(text: str) -> datetime:
    """Return the point in time of an RFC 3339 text.

    Raises:
        ValueError: it is none.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return found.astimezone(UTC)


def text_of(instant: datetime) -> str:
    """Return a point in time as RFC 3339."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
