# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the metering stand-in, without a connection."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from miniapp_infra.local.standins.metering.wire import Request, text_of

if TYPE_CHECKING:
    from datetime import datetime

FORM = "application/x-www-form-urlencoded"


def get(path: str, *query: tuple[str, str]) -> Request:
    return Request("GET", path, tuple(query))


def post(path: str, body: Any, content_type: str = "application/json") -> Request:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Request("POST", path, headers={"content-type": content_type}, body=data)


def hours_ago(hours: float, now: datetime) -> str:
    return text_of(now - timedelta(hours=hours))
