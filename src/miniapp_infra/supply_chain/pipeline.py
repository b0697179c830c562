# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the images of services available, signed and attested.

A tag is the last thing that is written: whoever finds one finds a signed image with a bill of materials behind it. A
tag never moves; the same version with another content is refused before anything is pushed.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miniapp_infra.cosign.ensure import Attested, Signed, ensure_attested, ensure_signed
from miniapp_infra.cosign.models import PredicateType, SignatureFormat
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry.image import write_layout
from miniapp_infra.sbom.document import SbomFormat, Subject, package_count, retarget
from miniapp_infra.supply_chain.build import program_layer, service_config
from miniapp_infra.supply_chain.models import ServiceImage, ServiceRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miniapp_infra.cosign.api import Cosign
    from miniapp_infra.cosign.models import SigningKey
    from miniapp_infra.registry.client import RegistryClient
    from miniapp_infra.registry.reference import ImageReference
    from miniapp_infra.sbom.syft import Syft

_PREDICATES = {
    SbomFormat.SPDX_JSON: PredicateType.SPDX_JSON,
    SbomFormat.CYCLONEDX_JSON: PredicateType.CYCLONEDX,
}
# Opening the key costs about 0.1 s of processor time; more at once only wait for each other.
_MOST_AT_ONCE = 4


@dataclass(frozen=True)
class Outcome:
    """What a run found and did.

    Args:
        images: one for each request, in the same order.
        before: digest, signatures and attestation of each image as found.
        after: the same afterwards.
    """

    images: tuple[ServiceImage, ...]
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    @property
    def changed(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True)
class _Built:
    request: ServiceRequest
    tag: ImageReference
    layout: Path
    digest: str
    present: bool = False

    @property
    def image(self) -> ImageReference:
        return self.tag.at_digest(self.digest)

    @property
    def subject(self) -> Subject:
        return Subject(self.tag.name, self.request.version, self.digest)


@dataclass(frozen=True)
class Pipeline:
    """The tools and the identity with which images are made.

    Args:
        registry: stores images.
        cosign: signs.
        syft: lists packages.
        key: the private key.
        public_key: path or reference of its public half.
        signed_by: fingerprint of the public half.
        formats: signature formats.
        sbom_format: format of the bill of materials.
    """

    registry: RegistryClient
    cosign: Cosign
    syft: Syft
    key: SigningKey
    public_key: str
    signed_by: str
    formats: tuple[SignatureFormat, ...] = (SignatureFormat.LEGACY,)
    sbom_format: SbomFormat = SbomFormat.SPDX_JSON

    def ensure(
        self,
        requests: Sequence[ServiceRequest],
        *,
        program: Path,
        registry: str,
        prefix: str = "miniapp",
        check_mode: bool = False,
    ) -> Outcome:
        """Make every requested image available.

        Args:
            requests: services and versions.
            program: static executable that the images carry.
            registry: host and optional port.
            prefix: path in the registry above the services.
            check_mode: only look.

        Raises:
            MiniappInfraError: ``conflict`` if a tag exists with another content, before anything is pushed.
        """
        with (
            tempfile.TemporaryDirectory(prefix="miniapp-image-") as directory,
            ThreadPoolExecutor(max_workers=min(_MOST_AT_ONCE, os.cpu_count() or 1)) as pool,
        ):
            built = self._build(requests, program, registry, prefix, Path(directory))
            found = list(pool.map(self._look_up, built))
            _refuse_moved([image for image, _ in found], [digest for _, digest in found])
            documents = self._documents(built)
            images = list(
                pool.map(
                    lambda image, document: self._ensure_one(image, document, check_mode=check_mode),
                    [image for image, _ in found],
                    documents,
                )
            )
        return Outcome(
            images=tuple(images),
            before={f"{image.name}:{image.version}": _state(image, before=True) for image in images},
            after={f"{image.name}:{image.version}": _state(image, before=False) for image in images},
        )

    def _build(
        self, requests: Sequence[ServiceRequest], program: Path, registry: str, prefix: str, directory: Path
    ) -> list[_Built]:
        layer = program_layer(program, directory)
        built = []
        for index, request in enumerate(requests):
            tag = request.image(registry, prefix)
            layout = directory / str(index)
            digest = write_layout(layout, [layer], service_config(request, program.name, tag.repository))
            built.append(_Built(request, tag, layout, digest))
        return built

    def _look_up(self, built: _Built) -> tuple[_Built, str | None]:
        digest = self.registry.digest(built.tag)
        return replace(built, present=digest is not None), digest

    def _documents(self, built: Sequence[_Built]) -> list[dict[str, Any]]:
        """Scan once: the images share their only layer."""
        scanned = self.syft.scan_layout(built[0].layout, built[0].subject, self.sbom_format)
        return [retarget(scanned, image.subject) for image in built]

    def _ensure_one(self, built: _Built, document: dict[str, Any], *, check_mode: bool) -> ServiceImage:
        if not built.present and check_mode:
            return self._result(built, document, signed=True, attested=True)
        if not built.present:
            self._push(built)
        signed: Signed = ensure_signed(
            self.cosign,
            self.registry,
            built.image,
            self.key,
            self.public_key,
            formats=self.formats,
            annotations={},
            check_mode=check_mode,
        )
        attested: Attested = ensure_attested(
            self.cosign,
            self.registry,
            built.image,
            self.key,
            self.public_key,
            predicate_type=_PREDICATES[self.sbom_format],
            predicate=document,
            check_mode=check_mode,
        )
        if not built.present:
            self.registry.tag(built.image, built.request.version)
        return self._result(built, document, signed=signed.changed, attested=attested.changed)

    def _push(self, built: _Built) -> None:
        stored = self.registry.push(built.layout, built.image)
        if stored != built.digest:
            raise MiniappInfraError(
                f"Failed to push image {built.image}: the registry stored {stored}", code=ErrorCode.CONFLICT
            )

    def _result(self, built: _Built, document: dict[str, Any], *, signed: bool, attested: bool) -> ServiceImage:
        return ServiceImage(
            name=built.request.name,
            version=built.request.version,
            image=str(built.image),
            digest=built.digest,
            pushed=not built.present,
            signed=signed,
            attested=attested,
            signed_by=self.signed_by,
            packages=package_count(document),
        )


def _refuse_moved(built: Sequence[_Built], found: Sequence[str | None]) -> None:
    moved = [
        f"{image.tag} is {digest}, not {image.digest}"
        for image, digest in zip(built, found, strict=True)
        if digest not in (None, image.digest)
    ]
    if moved:
        raise MiniappInfraError(
            f"Failed to push {len(moved)} of {len(built)} images: a tag keeps its content: {'; '.join(moved)}",
            code=ErrorCode.CONFLICT,
            hint="give the changed content a new version",
        )


def _state(image: ServiceImage, *, before: bool) -> dict[str, Any]:
    return {
        "digest": None if before and image.pushed else image.digest,
        "signed_by": None if before and image.signed else image.signed_by,
        "sbom": None if before and image.attested else {"packages": image.packages},
    }
