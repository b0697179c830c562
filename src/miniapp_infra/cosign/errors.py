# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of this engine that carry more than a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping


class UnverifiedError(MiniappInfraError):
    """An image is not signed or attested as it has to be.

    Args:
        message: the sentence.
        answer: what was found out, for callers that look at more than the sentence.
    """

    code = ErrorCode.UNVERIFIED_IMAGE

    def __init__(self, message: str, answer: Mapping[str, Any]) -> None:
        super().__init__(message, hint="deploy only what the trusted key has signed")
        self.answer = dict(answer)

    def result(self) -> dict[str, Any]:
        """Return the fields that a module reports beside the error."""
        return {"changed": False, **self.answer}
