# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about an image, with answers that keep apart what cosign mixes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from miniapp_infra.cosign.models import AttestationCheck, Reason, SignatureCheck, SignatureFormat
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from miniapp_infra.cosign.api import Cosign
    from miniapp_infra.cosign.models import Identity
    from miniapp_infra.registry.client import RegistryClient
    from miniapp_infra.registry.reference import ImageReference


def check_signature(
    cosign: Cosign,
    registry: RegistryClient,
    image: ImageReference,
    trusted: str | Identity,
    *,
    signature_format: SignatureFormat,
    annotations: Mapping[str, str],
) -> SignatureCheck:
    """Verify, and tell an image that does not exist from one that is not signed: cosign calls both unsigned."""
    check = cosign.verify(image, trusted, signature_format=signature_format, annotations=annotations)
    if check.reason is Reason.NO_SIGNATURE and registry.digest(image) is None:
        return SignatureCheck(verified=False, reason=Reason.IMAGE_NOT_FOUND, message=f"there is no image {image}")
    return check


def check_attestation(
    cosign: Cosign,
    registry: RegistryClient,
    image: ImageReference,
    trusted: str | Identity,
    *,
    predicate_type: str,
    signature_format: SignatureFormat = SignatureFormat.LEGACY,
    policies: Sequence[Path] = (),
) -> AttestationCheck:
    """Verify, and tell an image that does not exist from one without attestations."""
    check = cosign.verify_attestation(
        image, trusted, predicate_type=predicate_type, signature_format=signature_format, policies=policies
    )
    if check.reason is Reason.NO_SIGNATURE and registry.digest(image) is None:
        return AttestationCheck(verified=False, reason=Reason.IMAGE_NOT_FOUND, message=f"there is no image {image}")
    return check


def verify_image(
    cosign: Cosign,
    registry: RegistryClient,
    image: ImageReference,
    trusted: str | Identity,
    *,
    resolve_tag: bool = False,
    signature_format: Literal["any", "legacy", "bundle"] = "any",
    annotations: Mapping[str, str] | None = None,
) -> tuple[ImageReference, SignatureCheck]:
    """Verify an image in one format or in whichever has a good signature.

    Args:
        cosign: the verifier.
        registry: resolves tags.
        image: by digest, or by tag with ``resolve_tag``.
        trusted: public key, a file or reference; or who signed.
        resolve_tag: whether to look up the digest of a tag.
        signature_format: format that counts.
        annotations: claims that a signature has to carry.

    Returns:
        The image by digest (by tag if there is none) and the answer. A registry that cannot be asked is an answer too.

    Raises:
        MiniappInfraError: ``invalid_input`` for a tag without ``resolve_tag``.
    """
    try:
        digest = registry.digest(image) if resolve_tag and image.digest is None else image.require_digest()
    except MiniappInfraError as error:
        if error.code is ErrorCode.INVALID_INPUT:
            raise
        return image, SignatureCheck(verified=False, reason=Reason.REGISTRY_ERROR, message=error.message)
    if digest is None:
        return image, SignatureCheck(
            verified=False, reason=Reason.IMAGE_NOT_FOUND, message=f"there is no image {image}"
        )
    pinned = image.at_digest(digest)
    formats = list(SignatureFormat) if signature_format == "any" else [SignatureFormat(signature_format)]
    checks = []
    for wanted in formats:
        check = check_signature(
            cosign, registry, pinned, trusted, signature_format=wanted, annotations=annotations or {}
        )
        if check.verified:
            return pinned, check
        checks.append(check)
    # "There is none" says less than what any other format found out.
    return pinned, next((check for check in checks if check.reason is not Reason.NO_SIGNATURE), checks[0])


def read_predicate(path: Path) -> dict[str, Any]:
    """Read a predicate from a JSON file.

    Raises:
        MiniappInfraError: ``invalid_input`` if it is not a JSON object.
    """
    try:
        predicate = json.loads(path.read_text())
    except OSError as error:
        raise MiniappInfraError(
            f"predicate: {path} cannot be read: {error.strerror}", code=ErrorCode.INVALID_INPUT
        ) from error
    except ValueError as error:
        raise MiniappInfraError(f"predicate: {path} is not JSON: {error}", code=ErrorCode.INVALID_INPUT) from error
    if not isinstance(predicate, dict):
        raise MiniappInfraError(f"predicate: {path} is not a JSON object", code=ErrorCode.INVALID_INPUT)
    return predicate
