# SPDX-License-Identifier: GPL-3.0-or-later
"""What Atlas answers when it refuses."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class Refusal(Exception):  # noqa: N818 - is an answer, not a fault
    """An answer with an error.

    Args:
        status: HTTP status.
        code: Atlas's own code, such as ``CLUSTER_NOT_FOUND``.
        detail: the sentence for people.
        headers: sent with the answer.
    """

    def __init__(self, status: HTTPStatus, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """Return the envelope (schema ``ApiError``)."""
        return {
            "detail": self.detail,
            "error": self.status.value,
            "errorCode": self.code,
            "parameters": [],
            "reason": self.status.phrase,
        }


def not_found(code: str, detail: str) -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, code, detail)


def bad_request(code: str, detail: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, code, detail)


def conflict(code: str, detail: str) -> Refusal:
    return Refusal(HTTPStatus.CONFLICT, code, detail)
