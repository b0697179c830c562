# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sends the requests of a set: threads, or for a single object the caller itself."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.width import MOST

if TYPE_CHECKING:
    from collections.abc import Callable


class _Caller(Executor):
    """Does the work at once: a thread costs more than it saves where there is one thing to do."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - the future carries it to who asks for the result
            future.set_exception(error)
        return future


def workers(count: int, name: str) -> Executor:
    """Return what does the work for so many objects, as a context manager."""
    return ThreadPoolExecutor(MOST, thread_name_prefix=name) if count > 1 else _Caller()
