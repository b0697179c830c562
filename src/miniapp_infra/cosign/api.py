# SPDX-License-Identifier: GPL-3.0-or-later
"""The cosign program, one call per function. Nothing here decides whether a call is needed."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miniapp_infra.cosign.models import (
    AttestationCheck,
    Identity,
    PredicateType,
    SignatureCheck,
    SignatureFormat,
    SigningKey,
    SigningOptions,
)
from miniapp_infra.cosign.transformations import (
    BUNDLE_KIND,
    read_referrers,
    read_signatures,
    read_statements,
    signing_error,
)
from miniapp_infra.cosign.version import CosignVersion, parse_version
from miniapp_infra.registry.access import RegistryAccess
from miniapp_infra.registry.command import Completed, Runner, run_command
from miniapp_infra.registry.errors import registry_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miniapp_infra.registry.reference import ImageReference

# A signing configuration would name a transparency log and make cosign fetch Sigstore's trust root from the network.
_NO_LOG = ("--use-signing-config=false", "--tlog-upload=false")
# With a key and without a log there is nothing else to check and nothing to fetch (cosign v3.0.4 and later).
_OFFLINE = ("--insecure-ignore-tlog=true",)


@dataclass(frozen=True)
class Cosign:
    """Drives one cosign program.

    Args:
        program: path or name of ``cosign``.
        access: trust and credentials of the registry.
        run: what runs the program.
        timeout: limit of one call, seconds.
    """

    program: str = "cosign"
    access: RegistryAccess = field(default_factory=RegistryAccess)
    run: Runner = run_command
    timeout: float = 60.0

    @cached_property
    def version(self) -> CosignVersion:
        """The version of the program.

        Raises:
            MiniappInfraError: ``missing_tool`` if there is none, or one that we do not know how to drive.
        """
        return parse_version(self.run([self.program, "version", "--json"], environment={}, timeout=self.timeout))

    def generate_key_pair(self, prefix: Path, password: str) -> None:
        """Write ``<prefix>.key`` and ``<prefix>.pub``.

        Raises:
            MiniappInfraError: if cosign cannot.
        """
        done = self.run(
            [self.program, "generate-key-pair", "--output-key-prefix", str(prefix)],
            environment={"COSIGN_PASSWORD": password},
            timeout=self.timeout,
        )
        if done.returncode != 0:
            raise signing_error(f"generate key pair {prefix}", done)

    def public_key(self, key: SigningKey) -> str:
        """Return the public half of a private key, in PEM.

        Raises:
            MiniappInfraError: if the key cannot be read or does not open.
        """
        done = self.run(
            [self.program, "public-key", "--key", key.reference], environment=key.environment(), timeout=self.timeout
        )
        if done.returncode != 0:
            raise signing_error(f"read the public half of key {key.reference}", done)
        return done.stdout

    def verify(
        self,
        image: ImageReference,
        trusted: str | Identity,
        *,
        signature_format: SignatureFormat,
        annotations: Mapping[str, str],
    ) -> SignatureCheck:
        """Look for signatures of one format by one key or identity, with at least these annotations."""
        claims = [part for name, value in sorted(annotations.items()) for part in ("-a", f"{name}={value}")]
        done = self._at_registry(
            image, "verify", *_by(trusted), *_format(signature_format), *claims, "--output", "json"
        )
        check = read_signatures(done, image.require_digest())
        if signature_format is SignatureFormat.LEGACY or not check.verified:
            return check
        # Asked for bundles, cosign falls back silently to legacy signatures.
        bundles = tuple(signature for signature in check.signatures if signature.kind == BUNDLE_KIND)
        if bundles:
            return SignatureCheck(verified=True, signatures=bundles)
        return read_signatures(Completed(10, "", "Error: no signatures found in bundle format"), image.require_digest())

    def sign(
        self,
        image: ImageReference,
        key: SigningKey,
        *,
        signature_format: SignatureFormat,
        annotations: Mapping[str, str],
        options: SigningOptions | None = None,
    ) -> None:
        """Add one signature.

        Raises:
            MiniappInfraError: if cosign cannot.
        """
        claims = [part for name, value in sorted(annotations.items()) for part in ("-a", f"{name}={value}")]
        done = self._at_registry(
            image,
            "sign",
            "--yes",
            "--key",
            key.reference,
            *_format(signature_format),
            *_services(signature_format, options or SigningOptions()),
            *claims,
            environment=key.environment(),
        )
        if done.returncode != 0:
            raise signing_error(f"sign image {image}", done)

    def verify_attestation(
        self,
        image: ImageReference,
        trusted: str | Identity,
        *,
        predicate_type: str,
        signature_format: SignatureFormat = SignatureFormat.LEGACY,
        policies: Sequence[Path] = (),
    ) -> AttestationCheck:
        """Look for attestations of one type by one key or identity.

        Args:
            image: named by digest.
            trusted: public key, a file or reference; or who signed.
            predicate_type: short name or URI.
            signature_format: how they are stored.
            policies: files in Rego or CUE, which every statement has to satisfy.
        """
        done = self._at_registry(
            image,
            "verify-attestation",
            *_by(trusted),
            *_format(signature_format),
            "--type",
            str(predicate_type),
            *(f"--policy={path}" for path in policies),
            "--output",
            "json",
        )
        return read_statements(done, image.require_digest())

    def attest(
        self, image: ImageReference, key: SigningKey, *, predicate_type: PredicateType, predicate: Mapping[str, Any]
    ) -> None:
        """Replace the attestation of one type; those of other types stay.

        Raises:
            MiniappInfraError: if cosign cannot.
        """
        with tempfile.TemporaryDirectory(prefix="miniapp-predicate-") as directory:
            file = Path(directory) / "predicate.json"
            file.write_text(json.dumps(predicate))
            done = self._at_registry(
                image,
                "attest",
                "--yes",
                "--key",
                key.reference,
                *_format(SignatureFormat.LEGACY),
                *_NO_LOG,
                "--replace",
                "--type",
                predicate_type.value,
                "--predicate",
                str(file),
                environment=key.environment(),
            )
        if done.returncode != 0:
            raise signing_error(f"attest image {image}", done)

    def referrers(self, image: ImageReference) -> tuple[str, ...]:
        """Return the digests of what refers to an image by OCI 1.1; registries need no API for it.

        Raises:
            MiniappInfraError: if the registry cannot be asked.
        """
        done = self._at_registry(image, "tree", "--experimental-oci11=true")
        if done.returncode != 0:
            raise registry_error(f"list what refers to image {image}", done.stderr)
        return read_referrers(done.stdout)

    def _at_registry(
        self, image: ImageReference, command: str, *flags: str, environment: Mapping[str, str] | None = None
    ) -> Completed:
        # Reading the version first refuses a cosign that would understand these flags differently.
        _ = self.version
        insecure = ["--allow-http-registry"] if self.access.allow_http else []
        insecure += ["--allow-insecure-registry"] if self.access.allow_http or self.access.allow_insecure else []
        with self.access.environment(image.registry) as trust:
            return self.run(
                [self.program, command, *flags, *insecure, str(image)],
                environment={**trust, **(environment or {})},
                timeout=self.timeout,
            )


def _format(signature_format: SignatureFormat) -> tuple[str, ...]:
    return (f"--new-bundle-format={str(signature_format is SignatureFormat.BUNDLE).lower()}",)


def _by(trusted: str | Identity) -> tuple[str, ...]:
    return trusted.flags() if isinstance(trusted, Identity) else ("--key", trusted, *_OFFLINE)


def _services(signature_format: SignatureFormat, options: SigningOptions) -> tuple[str, ...]:
    certificates = tuple(
        f"--{name}={path}"
        for name, path in (("certificate", options.certificate), ("certificate-chain", options.certificate_chain))
        if path is not None
    )
    # cosign knows no signing configuration for the legacy format.
    if options.signing_config is None or signature_format is SignatureFormat.LEGACY:
        return (*_NO_LOG, *certificates)
    root = (f"--trusted-root={options.trusted_root}",) if options.trusted_root else ()
    return (f"--signing-config={options.signing_config}", *root, *certificates)
