# SPDX-License-Identifier: GPL-3.0-or-later
"""What cosign says, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping


class SignatureFormat(StrEnum):
    """How a signature is stored.

    ``legacy`` is a tag beside the image and what sigstore policy-controller understands together with a plain key;
    ``bundle`` is an OCI 1.1 referrer and cosign's own default since 3.0.
    """

    LEGACY = "legacy"
    BUNDLE = "bundle"


class PredicateType(StrEnum):
    """Kinds of attestation: the name that cosign takes."""

    SPDX_JSON = "spdxjson"
    CYCLONEDX = "cyclonedx"
    SLSA_PROVENANCE_1 = "slsaprovenance1"
    VULNERABILITIES = "vuln"
    OPENVEX = "openvex"


class Reason(StrEnum):
    """Why an image counts as not verified."""

    NO_SIGNATURE = "no_signature"
    IMAGE_NOT_FOUND = "image_not_found"
    NO_MATCHING_SIGNATURE = "no_matching_signature"
    REGISTRY_ERROR = "registry_error"
    OTHER = "other"


@dataclass(frozen=True)
class SigningKey:
    """A private key and what opens it.

    Args:
        reference: a file, or a key reference such as ``awskms:///alias/name`` or ``hashivault://name``.
        password: of the file; None for keys that a service keeps.
    """

    reference: str
    password: str | None = field(default=None, repr=False)

    @classmethod
    def load(cls, reference: str, *, password: str | None, password_file: Path | None) -> SigningKey:
        """Take the password as it is or from the first line of a file.

        Raises:
            MiniappInfraError: ``invalid_input`` if both are given, or the key or password file is not there.
        """
        if password is not None and password_file is not None:
            raise MiniappInfraError(
                "key_password and key_password_file: give one of them, not both", code=ErrorCode.INVALID_INPUT
            )
        if "://" not in reference and not Path(reference).is_file():
            raise MiniappInfraError(f"key: {reference} is not a file", code=ErrorCode.INVALID_INPUT)
        if password_file is not None:
            try:
                password = password_file.read_text().rstrip("\n")
            except OSError as error:
                raise MiniappInfraError(
                    f"key_password_file: {password_file} cannot be read: {error.strerror}",
                    code=ErrorCode.INVALID_INPUT,
                ) from error
        return cls(reference, password)

    def environment(self) -> dict[str, str]:
        """Return the environment that opens the key. Empty instead of unset, or cosign asks on the terminal."""
        return {"COSIGN_PASSWORD": self.password or ""}


@dataclass(frozen=True)
class Signature:
    """One verified signature.

    Args:
        digest: what it signs.
        identity: the image name inside the signed payload.
        kind: the type inside the payload, which differs between formats.
        annotations: claims that the signer added.
    """

    digest: str
    identity: str
    kind: str
    annotations: Mapping[str, Any]

    @classmethod
    def from_api(cls, entry: Mapping[str, Any]) -> Signature:
        """Read one element of what ``cosign verify --output json`` prints.

        Raises:
            KeyError: if it lacks a part.
            TypeError: if a part is of another type.
        """
        critical = entry["critical"]
        return cls(
            digest=critical["image"]["docker-manifest-digest"],
            identity=critical["identity"]["docker-reference"],
            kind=critical["type"],
            annotations=dict(entry.get("optional") or {}),
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "digest": self.digest,
            "identity": self.identity,
            "type": self.kind,
            "annotations": dict(self.annotations),
        }


@dataclass(frozen=True)
class SignatureCheck:
    """Outcome of looking for signatures.

    Args:
        verified: whether at least one signature is good.
        signatures: the good ones.
        reason: why not, None if verified.
        message: cosign's own sentence, empty if verified.
    """

    verified: bool
    signatures: tuple[Signature, ...] = ()
    reason: Reason | None = None
    message: str = ""


@dataclass(frozen=True)
class AttestationCheck:
    """Outcome of looking for attestations of one type.

    Args:
        verified: whether at least one is good.
        statements: decoded in-toto statements of the good ones, in the order that cosign gives.
        reason: why not, None if verified.
        message: cosign's own sentence, empty if verified.
    """

    verified: bool
    statements: tuple[Mapping[str, Any], ...] = ()
    reason: Reason | None = None
    message: str = ""
