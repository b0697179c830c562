# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception family of the engines.

Plugins turn it into ``fail_json`` and the service into an RFC 9457 problem, so it carries what both need.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """Closed set of machine-readable error codes (design.md section 3, contract "Modules")."""

    INVALID_INPUT = "invalid_input"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    FORBIDDEN = "forbidden"
    REFUSED_BY_POLICY = "refused_by_policy"
    FROZEN = "frozen"
    UNVERIFIED_IMAGE = "unverified_image"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    MISSING_TOOL = "missing_tool"
    UNSUPPORTED_HOST = "unsupported_host"
    UPSTREAM = "upstream"


class MiniappInfraError(Exception):
    """An operation could not be done.

    Args:
        message: one sentence ``Failed to <verb> <kind> <namespace>/<name> in <env>: <upstream reason>``.
        code: what kind of failure this is.
        retryable: whether the same call may succeed later without any change.
        hint: what the reader can do about it; empty when there is nothing to say.
    """

    code: ErrorCode = ErrorCode.UPSTREAM

    def __init__(self, message: str, *, code: ErrorCode | None = None, retryable: bool = False, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.retryable = retryable
        self.hint = hint

    def as_dict(self) -> dict[str, str | bool]:
        """Return the fields that modules report under ``error``."""
        return {"code": self.code.value, "retryable": self.retryable, "hint": self.hint}
