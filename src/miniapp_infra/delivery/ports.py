# SPDX-License-Identifier: GPL-3.0-or-later
"""What delivery needs from the systems around it. Tests and other back ends implement the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from miniapp_infra.catalog import Environment
    from miniapp_infra.delivery.release import Image, Release
    from miniapp_infra.githost import GitHost


class Artefacts(Protocol):
    """The registry and what proves where its images come from."""

    def versions(self, repository: str) -> tuple[str, ...]:
        """Return the versions of a repository that exist."""

    def digest(self, repository: str, version: str) -> str | None:
        """Return the digest of a version, None when it does not exist."""

    def require_signed(self, image: Image) -> None:
        """Raise ``UNVERIFIED_IMAGE`` unless the trusted key signed exactly this image."""


@dataclass(frozen=True)
class Deployment:
    """A release that runs.

    Args:
        sync: how Argo CD reports it.
        health: how Argo CD reports it.
        elapsed: how long it took, in seconds.
        awaits_promotion: it is in preview, and the version before serves until somebody promotes it (blue/green).
    """

    sync: str
    health: str
    elapsed: float
    awaits_promotion: bool = False


class Deployments(Protocol):
    """What runs."""

    def is_delivered(self, release: Release, commit: str) -> bool:
        """Tell whether exactly this release, at this commit or a later one, is synchronised, healthy and in service."""

    def deliver(self, release: Release, commit: str) -> Deployment:
        """Wait until it is, or is in preview and ready for its promotion; raises when it fails or takes too long."""


@dataclass(frozen=True)
class Delivery:
    """One environment and the systems that deliver into it.

    Args:
        environment: the inventory.
        host: the repository of desired state.
        artefacts: images and charts.
        deployments: the cluster.
        now: the clock, with a time zone.
    """

    environment: Environment
    host: GitHost
    artefacts: Artefacts
    deployments: Deployments
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
