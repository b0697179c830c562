# SPDX-License-Identifier: GPL-3.0-or-later
"""What a place for key rings has to be able to do."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from miniapp_infra.secrets.rotation.ring import Ring


class Overtaken(Exception):  # noqa: N818 - no failure: somebody else was first, and the ring is read again
    """The secret is not as it was read any more, so nothing was changed."""


@dataclass(frozen=True)
class Held:
    """A ring as it was read.

    Attributes:
        ring: None when there is none yet.
        version: ID of the version that holds it; empty without one.
        guard: what the store compares to notice that somebody else was faster.
    """

    ring: Ring | None
    version: str = ""
    guard: Any = None


class Store(Protocol):
    """A place for one key ring. Each change is one comparison and exchange of the whole ring."""

    @property
    def place(self) -> str:
        """What messages call it."""

    def read(self) -> Held:
        """Return what is there.

        Raises:
            MiniappInfraError: it cannot be read, or is no key ring.
        """

    def swap(self, held: Held, ring: Ring, is_stale: Callable[[], bool]) -> Held:
        """Put a ring in the place of the one that was read.

        Args:
            held: as it was read.
            ring: the new one.
            is_stale: asked right before the call that decides; the times in the ring do not hold any more.

        Raises:
            Overtaken: somebody else was first, or it took too long. Nobody sees the new ring.
            MiniappInfraError: the store refused it.
        """

    def tidy(self, held: Held, *, check_mode: bool) -> tuple[str, ...]:
        """Write the summary beside the secret, and destroy versions that nobody needs any more.

        Also mends what an interrupted run left.

        Returns:
            What it did, or in check mode would do.

        Raises:
            MiniappInfraError: the store refused it.
        """


def needed(package: str, extra: str) -> Any:
    """Import a package that only some stores need.

    Raises:
        MiniappInfraError: missing_tool.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MiniappInfraError(
            f"The Python package {package.partition('.')[0]} is not installed where the module runs",
            code=ErrorCode.MISSING_TOOL,
            hint=f"pip install 'miniapp-infra[{extra}]'",
        ) from error
