# SPDX-License-Identifier: GPL-3.0-or-later
"""What a registry holds about an image: signatures and attestations, in both formats in which cosign keeps them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miniapp_infra.cosign.check import check_attestation, check_signature
from miniapp_infra.cosign.models import AttestationCheck, SignatureCheck, SignatureFormat
from miniapp_infra.cosign.transformations import BUNDLE_KIND, predicate_hash
from miniapp_infra.registry.reference import ImageReference
from miniapp_infra.sbom.document import package_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miniapp_infra.cosign.api import Cosign
    from miniapp_infra.registry.client import RegistryClient

SIGNATURE = "signature"
ATTESTATION = "attestation"
SBOM_TYPES = {"https://spdx.dev/Document": "spdx-json", "https://cyclonedx.org/bom": "cyclonedx-json"}
"""Predicate types of bills of materials, and what their format is called."""

NOT_CHECKED = "not_checked"
_PREDICATE_TYPE = "predicateType"
_BUNDLE_PREDICATE_TYPE = "dev.sigstore.bundle.predicateType"
_BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle"


@dataclass(frozen=True, order=True)
class Artefact:
    """One thing that is kept beside an image, verified by nobody yet.

    Args:
        kind: ``SIGNATURE`` or ``ATTESTATION``.
        signature_format: how it is kept.
        predicate_type: of an attestation, a URI; empty where it does not say.
    """

    kind: str
    signature_format: SignatureFormat
    predicate_type: str = ""


@dataclass(frozen=True)
class ImageVerifier:
    """Verifies what is kept beside one image.

    Args:
        cosign: the verifier.
        registry: tells whether the image exists.
        image: by digest.
    """

    cosign: Cosign
    registry: RegistryClient
    image: ImageReference

    def signed(self, public_key: str, signature_format: SignatureFormat) -> SignatureCheck:
        return check_signature(
            self.cosign, self.registry, self.image, public_key, signature_format=signature_format, annotations={}
        )

    def attested(
        self, public_key: str, predicate_type: str, signature_format: SignatureFormat = SignatureFormat.LEGACY
    ) -> AttestationCheck:
        return check_attestation(
            self.cosign,
            self.registry,
            self.image,
            public_key,
            predicate_type=predicate_type,
            signature_format=signature_format,
        )


def artefacts(cosign: Cosign, registry: RegistryClient, image: ImageReference) -> list[Artefact]:
    """Return what is kept beside an image, sorted.

    Args:
        cosign: lists what refers to it.
        registry: holds it.
        image: by digest.

    Raises:
        MiniappInfraError: the registry cannot be asked.
    """
    digest = image.require_digest()
    found = []
    for suffix, kind in (("sig", SIGNATURE), ("att", ATTESTATION)):
        # cosign's SIGNATURE_SPEC: a tag made of the digest, whose layers are the single signatures.
        tag = ImageReference(image.registry, image.repository, tag=f"{digest.replace(':', '-')}.{suffix}")
        manifest = registry.manifest(tag) or {}
        found += [
            Artefact(kind, SignatureFormat.LEGACY, _note(layer, _PREDICATE_TYPE))
            for layer in manifest.get("layers", ())
        ]
    for reference in cosign.referrers(image):
        manifest = registry.manifest(image.at_digest(reference)) or {}
        if str(manifest.get("artifactType", "")).startswith(_BUNDLE_TYPE):
            predicate_type = _note(manifest, _BUNDLE_PREDICATE_TYPE)
            is_signature = predicate_type == BUNDLE_KIND
            kind = SIGNATURE if is_signature else ATTESTATION
            found.append(Artefact(kind, SignatureFormat.BUNDLE, "" if is_signature else predicate_type))
    return sorted(found)


def signatures(verifier: ImageVerifier, found: Sequence[Artefact], public_key: str | None) -> list[dict[str, Any]]:
    """Return the signatures of each format, verified where there is a key."""
    counts = Counter(item.signature_format for item in found if item.kind == SIGNATURE)
    return [
        {
            "format": str(signature_format),
            "count": count,
            **_verification(verifier.signed(public_key, signature_format) if public_key else None),
        }
        for signature_format, count in sorted(counts.items())
    ]


def attestations(
    verifier: ImageVerifier, found: Sequence[Artefact], public_key: str | None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the attestations of each type and format, and what they say about the bill of materials."""
    counts = Counter((item.predicate_type, item.signature_format) for item in found if item.kind == ATTESTATION)
    listed = []
    boms = []
    for (predicate_type, signature_format), count in sorted(counts.items()):
        check = (
            verifier.attested(public_key, predicate_type, signature_format) if public_key and predicate_type else None
        )
        entry = {
            "predicate_type": predicate_type,
            "format": str(signature_format),
            "count": count,
            **_verification(check),
        }
        listed.append(entry)
        if predicate_type in SBOM_TYPES:
            boms.append(_bill_of_materials(predicate_type, check))
    # A verified one says more than one that is merely there.
    best = next((bom for bom in boms if bom["verified"]), boms[0] if boms else no_bill_of_materials())
    return listed, best


def no_bill_of_materials() -> dict[str, Any]:
    """Return what is said about an image that has none."""
    return _bill_of_materials("", None)


def _bill_of_materials(predicate_type: str, check: AttestationCheck | None) -> dict[str, Any]:
    predicate: Mapping[str, Any] = {}
    if check is not None and check.verified:
        predicate = check.statements[-1].get("predicate") or {}
    return {
        "found": bool(predicate_type),
        "format": SBOM_TYPES.get(predicate_type, ""),
        "verified": bool(predicate),
        "packages": package_count(predicate) if predicate else 0,
        "sha256": predicate_hash(predicate) if predicate else "",
    }


def _verification(check: SignatureCheck | AttestationCheck | None) -> dict[str, Any]:
    if check is None:
        return {"verified": False, "reason": NOT_CHECKED}
    return {"verified": check.verified, "reason": str(check.reason or "")}


def _note(item: Mapping[str, Any], name: str) -> str:
    return str((item.get("annotations") or {}).get(name, ""))
