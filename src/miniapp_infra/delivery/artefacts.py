# SPDX-License-Identifier: GPL-3.0-or-later
"""Images and charts in a registry, and the signatures that admission will ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from miniapp_infra.cosign import Cosign, SignatureFormat
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry import ImageReference, RegistryClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.delivery.release import Image


@dataclass(frozen=True)
class RegistryArtefacts:
    """Implements ``Artefacts``.

    Args:
        registry: reads tags and digests.
        cosign: verifies signatures.
        public_key: file or key reference of the trusted key.
        signature_format: the format that admission understands.
        annotations: that a signature must carry.
    """

    registry: RegistryClient
    cosign: Cosign
    public_key: str
    signature_format: SignatureFormat = SignatureFormat.LEGACY
    annotations: Mapping[str, str] = field(default_factory=dict)

    def versions(self, repository: str) -> tuple[str, ...]:
        return self.registry.tags(ImageReference.parse(repository, field="repository"))

    def digest(self, repository: str, version: str) -> str | None:
        return self.registry.digest(ImageReference.parse(f"{repository}:{version}", field="version"))

    def require_signed(self, image: Image) -> None:
        check = self.cosign.verify(
            ImageReference.parse(str(image)),
            self.public_key,
            signature_format=self.signature_format,
            annotations=self.annotations,
        )
        if not check.verified:
            raise MiniappInfraError(
                f"Failed to verify image {image}: {check.message or check.reason}",
                code=ErrorCode.UNVERIFIED_IMAGE,
                hint=f"Sign it with the key that belongs to {self.public_key}; the cluster would refuse it as well.",
            )
