# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings an image to a wanted state: verify first, act only when something is missing, verify again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miniapp_infra.cosign.check import check_attestation, check_signature
from miniapp_infra.cosign.models import (
    AttestationCheck,
    Reason,
    Signature,
    SignatureCheck,
    SignatureFormat,
    SigningOptions,
)
from miniapp_infra.cosign.transformations import predicate_hash
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miniapp_infra.cosign.api import Cosign
    from miniapp_infra.cosign.models import PredicateType, SigningKey
    from miniapp_infra.registry.client import RegistryClient
    from miniapp_infra.registry.reference import ImageReference


@dataclass(frozen=True)
class Signed:
    """State of an image's signatures.

    Args:
        changed: whether a signature was added, or would be in check mode.
        formats: formats in which the image was signed before.
        added: formats added, or that would be.
        signatures: verified signatures; those that check mode would add are not among them.
    """

    changed: bool
    formats: tuple[SignatureFormat, ...]
    added: tuple[SignatureFormat, ...]
    signatures: tuple[Signature, ...]


@dataclass(frozen=True)
class Attested:
    """State of an image's attestation of one type.

    Args:
        changed: whether it was attached or replaced, or would be in check mode.
        before: hash of the predicate found, None without a valid one.
        after: hash of the predicate wanted.
    """

    changed: bool
    before: str | None
    after: str


def ensure_signed(
    cosign: Cosign,
    registry: RegistryClient,
    image: ImageReference,
    key: SigningKey,
    public_key: str,
    *,
    formats: Sequence[SignatureFormat],
    annotations: Mapping[str, str],
    options: SigningOptions | None = None,
    force: bool = False,
    check_mode: bool = False,
) -> Signed:
    """Sign an image in every wanted format in which this key has not signed it with these annotations.

    Args:
        cosign: the signer.
        registry: tells whether the image exists.
        image: named by digest.
        key: signs.
        public_key: its public half, a file or reference; signatures are recognised by it.
        formats: wanted formats.
        annotations: claims to sign with the digest.
        options: how to sign beside that.
        force: sign once more in every wanted format, although it is signed.
        check_mode: only look.

    Raises:
        MiniappInfraError: if the image does not exist, cannot be checked or cannot be signed.
    """
    image.require_digest()
    found: dict[SignatureFormat, SignatureCheck] = {}
    for wanted in dict.fromkeys(formats):
        check = check_signature(cosign, registry, image, public_key, signature_format=wanted, annotations=annotations)
        _require_answer(f"check signatures of image {image}", check)
        found[wanted] = check
    before = tuple(wanted for wanted, check in found.items() if check.verified)
    added: list[SignatureFormat] = []
    for wanted in [wanted for wanted, check in found.items() if force or not check.verified]:
        if not check_mode:
            found[wanted] = _sign(
                cosign,
                image,
                key,
                public_key,
                signature_format=wanted,
                annotations=annotations,
                options=options,
                done=added,
            )
        added.append(wanted)
    return Signed(
        changed=bool(added),
        formats=before,
        added=tuple(added),
        signatures=tuple(signature for check in found.values() for signature in check.signatures),
    )


def ensure_attested(
    cosign: Cosign,
    registry: RegistryClient,
    image: ImageReference,
    key: SigningKey,
    public_key: str,
    *,
    predicate_type: PredicateType,
    predicate: Mapping[str, Any],
    check_mode: bool = False,
) -> Attested:
    """Attach an attestation unless the one that is there says the same.

    Args:
        cosign: the signer.
        registry: tells whether the image exists.
        image: named by digest.
        key: signs.
        public_key: its public half.
        predicate_type: kind of attestation.
        predicate: what is attested, a JSON object.
        check_mode: only look.

    Raises:
        MiniappInfraError: if the image cannot be checked or attested.
    """
    image.require_digest()
    wanted = predicate_hash(predicate)
    check = check_attestation(cosign, registry, image, public_key, predicate_type=predicate_type)
    _require_answer(f"check attestations of image {image}", check)
    hashes = [predicate_hash(statement["predicate"]) for statement in check.statements]
    before = wanted if wanted in hashes else (hashes[-1] if hashes else None)
    if before == wanted or check_mode:
        return Attested(changed=before != wanted, before=before, after=wanted)
    cosign.attest(image, key, predicate_type=predicate_type, predicate=predicate)
    proof = cosign.verify_attestation(image, public_key, predicate_type=predicate_type)
    if wanted not in [predicate_hash(statement["predicate"]) for statement in proof.statements]:
        raise _wrong_key(f"attest image {image}", proof.message)
    return Attested(changed=True, before=before, after=wanted)


def _sign(
    cosign: Cosign,
    image: ImageReference,
    key: SigningKey,
    public_key: str,
    *,
    signature_format: SignatureFormat,
    annotations: Mapping[str, str],
    options: SigningOptions | None,
    done: Sequence[SignatureFormat],
) -> SignatureCheck:
    already = f" (signed in format {', '.join(done)} before that)" if done else ""
    try:
        cosign.sign(image, key, signature_format=signature_format, annotations=annotations, options=options)
    except MiniappInfraError as error:
        error.message += already
        raise
    check = cosign.verify(image, public_key, signature_format=signature_format, annotations=annotations)
    if not check.verified:
        raise _wrong_key(f"sign image {image} in format {signature_format}{already}", check.message)
    return check


def _wrong_key(action: str, message: str) -> MiniappInfraError:
    return MiniappInfraError(
        f"Failed to {action}: what was just made does not verify: {message}",
        code=ErrorCode.CONFLICT,
        hint="public_key is not the public half of key, or another process writes to the same image",
    )


def _require_answer(action: str, check: SignatureCheck | AttestationCheck) -> None:
    """Raise unless the answer is yes or a plain no: signing on top of an unknown state piles up signatures."""
    if check.verified or check.reason in {Reason.NO_SIGNATURE, Reason.NO_MATCHING_SIGNATURE}:
        return
    missing = check.reason is Reason.IMAGE_NOT_FOUND
    unreachable = check.reason is Reason.REGISTRY_ERROR
    code = ErrorCode.NOT_FOUND if missing else ErrorCode.UNAVAILABLE if unreachable else ErrorCode.UPSTREAM
    raise MiniappInfraError(f"Failed to {action}: {check.message}", code=code, retryable=unreachable)
