# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with Velero beside what the API server says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping


class RunError(MiniappInfraError):
    """A backup or a restore did not end as asked.

    Args:
        message: the sentence for people.
        progress: what a module reports beside the error: how far it came, and what Velero says about it.
    """

    def __init__(
        self,
        message: str,
        progress: Mapping[str, Any],
        *,
        code: ErrorCode = ErrorCode.UPSTREAM,
        retryable: bool = False,
        hint: str = "",
    ) -> None:
        super().__init__(message, code=code, retryable=retryable, hint=hint)
        self._progress = dict(progress)

    def result(self) -> dict[str, Any]:
        """Return what a module reports beside the error."""
        return self._progress


def invalid(message: str, hint: str = "") -> MiniappInfraError:
    """Return the error for an option that cannot be used."""
    return MiniappInfraError(message, code=ErrorCode.INVALID_INPUT, hint=hint)
