# SPDX-License-Identifier: GPL-3.0-or-later
"""Deterministic ids: the same usage has the same id on every machine and in every run."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from miniapp_infra.instants import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# Never changes: another namespace would give all stored usage new ids.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:fuze:miniapp-infra:metering-event:v1")


def canonical_json(value: Any) -> str:
    """Return JSON that is the same for equal values: keys sorted, no spaces, ASCII only, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def event_id(
    *,
    source: str,
    event_type: str,
    subject: str,
    window_start: datetime,
    window_end: datetime,
    dimensions: Mapping[str, str],
) -> str:
    """Return the id of the usage of one window.

    The value is no part of it. So the same window with another value has the id of the first one and is noticed as a
    conflict, where it would be charged a second time otherwise.
    """
    identity = {
        "dimensions": dict(dimensions),
        "source": source,
        "subject": subject,
        "type": event_type,
        "window_end": as_text(window_end),
        "window_start": as_text(window_start),
    }
    return str(uuid.uuid5(NAMESPACE, canonical_json(identity)))
