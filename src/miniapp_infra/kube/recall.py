# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that does not ask the same question twice in a moment."""

from __future__ import annotations

import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.client import Client, Response
from miniapp_infra.kube.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable


FRESH = 5.0
"""Seconds. What was read longer ago is read again, such as when a chart had to be fetched in the meantime."""


class Recall(Client):
    """Remembers what it has read, until the first change that is sent through it.

    A run is checked as a whole before it changes anything, and then each part reads what it works on. This way the
    second reading costs nothing. May be used from several threads.

    Args:
        inner: does the work; what is sent through it directly does not count as a change.
        clock: replaced in tests.
    """

    def __init__(self, inner: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self.__dict__.update(inner.__dict__)
        self.inner = inner
        self._clock = clock
        self._guard = threading.Lock()
        self._answers: dict[tuple[Any, ...], tuple[float, Response | ApiError]] | None = {}

    def request(self, method: str, path: str, **options: Any) -> Response:
        """Answer from memory where that is possible. Raises KubeError; see ``Client.request``."""
        key = (path, tuple(sorted((options.get("query") or {}).items())), options.get("accept"))
        if method != "GET":
            self.forget()
            return self.inner.request(method, path, **options)
        found = self._found(key)
        if found is not None:
            return _given(found)
        asked = self._clock()
        try:
            answer: Response | ApiError = self.inner.request(method, path, **options)
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            answer = error  # that something does not exist is an answer, too
        with self._guard:
            if self._answers is not None:
                self._answers[key] = (asked, answer)
        return _given(answer)

    def forget(self) -> None:
        """Remember nothing from now on."""
        with self._guard:
            self._answers = None

    def _found(self, key: tuple[Any, ...]) -> Response | ApiError | None:
        with self._guard:
            asked, answer = (self._answers or {}).get(key, (0.0, None))
        return answer if answer is not None and self._clock() - asked <= FRESH else None


def _given(answer: Response | ApiError) -> Response:
    if isinstance(answer, ApiError):
        raise answer
    return answer
