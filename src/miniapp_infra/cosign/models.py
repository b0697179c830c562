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
    NO_CERTIFICATE = "no_certificate"
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
class Identity:
    """Who signed, by a certificate instead of a key, and what vouches for the certificate.

    Args:
        subject: the name in the certificate, such as an e-mail address or the URL of a workflow.
        subject_regexp: the same as a regular expression; exactly one of the two is given.
        issuer: the OIDC issuer in the certificate.
        issuer_regexp: the same as a regular expression; exactly one of the two is given.
        github_workflow: claims about a workflow of GitHub: ``name``, ``ref``, ``repository``, ``sha``, ``trigger``.
        trusted_root: file with the authorities and logs to trust; without it cosign fetches those of Sigstore.
        ignore_log: whether a signature counts that is in no transparency log.
        ignore_sct: whether a certificate counts that is in no certificate log.
        use_signed_timestamps: whether a time-stamp authority has to vouch for the time of signing.
    """

    subject: str = ""
    subject_regexp: str = ""
    issuer: str = ""
    issuer_regexp: str = ""
    github_workflow: Mapping[str, str] = field(default_factory=dict)
    trusted_root: Path | None = None
    ignore_log: bool = False
    ignore_sct: bool = False
    use_signed_timestamps: bool = False

    def __post_init__(self) -> None:
        for option, one, other in (
            ("certificate_identity", self.subject, self.subject_regexp),
            ("certificate_oidc_issuer", self.issuer, self.issuer_regexp),
        ):
            if bool(one) == bool(other):
                raise MiniappInfraError(
                    f"{option}: exactly one of {option} and {option}_regexp must be given",
                    code=ErrorCode.INVALID_INPUT,
                    hint="Without both halves anybody with an account at the issuer could have signed.",
                )
        if self.trusted_root is not None and not self.trusted_root.is_file():
            raise MiniappInfraError(f"trusted_root: {self.trusted_root} is not a file", code=ErrorCode.INVALID_INPUT)

    def flags(self) -> tuple[str, ...]:
        """Return the options of ``cosign verify``."""
        values = {
            "certificate-identity": self.subject,
            "certificate-identity-regexp": self.subject_regexp,
            "certificate-oidc-issuer": self.issuer,
            "certificate-oidc-issuer-regexp": self.issuer_regexp,
            **{f"certificate-github-workflow-{name}": value for name, value in sorted(self.github_workflow.items())},
            "trusted-root": str(self.trusted_root or ""),
        }
        switches = {
            "insecure-ignore-tlog": self.ignore_log,
            "insecure-ignore-sct": self.ignore_sct,
            "use-signed-timestamps": self.use_signed_timestamps,
        }
        return (
            *(f"--{name}={value}" for name, value in values.items() if value),
            *(f"--{name}=true" for name, is_on in switches.items() if is_on),
        )


@dataclass(frozen=True)
class SigningOptions:
    """How a signature is made beside its key and its format.

    Args:
        signing_config: file with the services to use for a bundle; without it, none.
        trusted_root: file with the authorities and logs of those services.
        certificate: file with the certificate of the key, which makes it an identity.
        certificate_chain: file with the authorities of that certificate.
    """

    signing_config: Path | None = None
    trusted_root: Path | None = None
    certificate: Path | None = None
    certificate_chain: Path | None = None

    def __post_init__(self) -> None:
        for option in ("signing_config", "trusted_root", "certificate", "certificate_chain"):
            path = getattr(self, option)
            if path is not None and not path.is_file():
                raise MiniappInfraError(f"{option}: {path} is not a file", code=ErrorCode.INVALID_INPUT)
        if self.trusted_root is not None and self.signing_config is None:
            raise MiniappInfraError(
                "trusted_root: belongs to signing_config, which is not given", code=ErrorCode.INVALID_INPUT
            )


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
