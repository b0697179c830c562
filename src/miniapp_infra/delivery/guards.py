# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold before desired state changes. Each refusal says what, why, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miniapp_infra.delivery.release import Image, Release, require_version
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from datetime import datetime

    from packaging.version import Version

    from miniapp_infra.catalog import Environment
    from miniapp_infra.delivery.ports import Artefacts

# As many versions as fit into a line of an error message.
_SHOWN = 8


def require_not_frozen(environment: Environment, moment: datetime, *, action: str) -> None:
    """Refuse while a freeze window is in force; any one window is enough.

    Args:
        environment: the inventory with its freeze windows.
        moment: now, with a time zone.
        action: completes "Failed to ...".

    Raises:
        MiniappInfraError: ``FROZEN`` with reason, owner and end of every window in force.
    """
    windows = environment.frozen(moment)
    if windows:
        raise MiniappInfraError(
            f"Failed to {action}: {environment.name} is frozen by {'; '.join(str(window) for window in windows)}",
            code=ErrorCode.FROZEN,
            retryable=True,
            hint=f"Wait until {windows[0].until.isoformat()} or ask {windows[0].window.owner} to end the window.",
        )


def resolve_release(
    environment: Environment, artefacts: Artefacts, service: str, version: str, *, chart_version: str = ""
) -> Release:
    """Return the release of a version that exists and is signed by the trusted key.

    Raises:
        MiniappInfraError: ``INVALID_INPUT``, ``NOT_FOUND`` for an unknown service or version, ``UNVERIFIED_IMAGE``.
    """
    environment.service(service)
    require_version(version)
    repository = environment.image_repository(service)
    digest = artefacts.digest(repository, version)
    if digest is None:
        known = _newest_first(artefacts.versions(repository))
        shown = ", ".join(known[:_SHOWN]) or "none"
        raise MiniappInfraError(
            f"Failed to find version {version} of service {service}: {repository} has {shown}",
            code=ErrorCode.NOT_FOUND,
            hint="Publish and sign the image of this version first.",
        )
    image = Image(repository=repository, digest=digest)
    artefacts.require_signed(image)
    chart = chart_version or environment.gitops.chart.version
    require_chart(environment, artefacts, chart)
    return Release.model_validate(
        {
            "service": service,
            "env": environment.name,
            "version": version,
            "chart": {"version": chart},
            "image": image.model_dump(),
        }
    )


def require_chart(environment: Environment, artefacts: Artefacts, version: str) -> None:
    """Refuse a chart version that was not published.

    Raises:
        MiniappInfraError: ``NOT_FOUND``.
    """
    reference = environment.gitops.chart.ref.removeprefix("oci://")
    if artefacts.digest(reference, version) is None:
        known = ", ".join(_newest_first(artefacts.versions(reference))[:_SHOWN]) or "none"
        raise MiniappInfraError(
            f"Failed to find version {version} of chart {reference}: it has {known}",
            code=ErrorCode.NOT_FOUND,
            hint="Publish the chart first (module helm_chart_publish), or correct gitops.chart.version.",
        )


def _newest_first(versions: tuple[str, ...]) -> list[str]:
    """Sort versions; tags that are none are left out."""
    found: dict[str, Version] = {}
    for text in versions:
        try:
            found[text] = require_version(text)
        except MiniappInfraError:  # a tag such as "latest" is no version that could be promoted
            continue
    return sorted(found, key=lambda text: found[text], reverse=True)
