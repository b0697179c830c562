# SPDX-License-Identifier: GPL-3.0-or-later
"""Points in time as people write them and as we print them."""

from __future__ import annotations

from datetime import UTC, datetime

from miniapp_infra.errors import ErrorCode, MiniappInfraError


def parse_instant(text: str, option: str) -> datetime:
    """Return the point in time that an ISO 8601 text with a time zone means, in UTC.

    Args:
        text: such as ``2026-11-24T10:15:00Z``.
        option: named by the error.

    Raises:
        MiniappInfraError: invalid_input, when it is none or lacks its time zone: which hour is meant must not depend on
            the machine.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise MiniappInfraError(
            f"{option}: must be a time such as 2026-11-24T10:15:00Z; got {text!r}", code=ErrorCode.INVALID_INPUT
        ) from error
    if found.tzinfo is None:
        raise MiniappInfraError(
            f"{option}: must end with a time zone, such as Z for UTC; got {text!r}", code=ErrorCode.INVALID_INPUT
        )
    return found.astimezone(UTC)


def as_text(instant: datetime) -> str:
    """Return a point in time in UTC, to the second or finer when it is: ``2026-11-24T10:15:00Z``."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
