# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of a service: one static program in an otherwise empty image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry.image import ImageConfig
from miniapp_infra.registry.layer import Entry, Layer, write_layer

if TYPE_CHECKING:
    from pathlib import Path

    from miniapp_infra.supply_chain.models import ServiceRequest

# The usual "nonroot" of images without a user database; the chart sets the same.
_USER = "65532:65532"
_USER_ID = 65532


def program_layer(program: Path, directory: Path) -> Layer:
    """Write the layer that all services share: ``/app/<program>`` and nothing else.

    Args:
        program: a static executable.
        directory: where the layer goes.

    Raises:
        MiniappInfraError: ``invalid_input`` if there is no such program.
    """
    if not program.is_file():
        raise MiniappInfraError(f"program: {program} is not a file", code=ErrorCode.INVALID_INPUT)
    # A mount point for the writable volume of a container whose root file system is read-only.
    scratch = Entry("/tmp", mode=0o1777, owner=_USER_ID)  # noqa: S108 - a path in the image
    return write_layer([Entry(f"/app/{program.name}", source=program.resolve()), scratch], directory)


def service_config(request: ServiceRequest, program_name: str, repository: str) -> ImageConfig:
    """Return how the container starts, and who it says it is, so that each service and version is another image."""
    return ImageConfig(
        entrypoint=(f"/app/{program_name}",),
        user=_USER,
        workdir="/app",
        env={
            "SERVICE_NAME": request.name,
            "SERVICE_VERSION": request.version,
            # What the stand-in program answers with, so that a call proves which service and version replied.
            "PODINFO_UI_MESSAGE": f"{request.name} {request.version}",
            **request.env,
        },
        labels={
            "org.opencontainers.image.title": request.name,
            "org.opencontainers.image.version": request.version,
            "org.opencontainers.image.ref.name": repository,
            "app.kubernetes.io/part-of": "miniapp",
        },
    )
