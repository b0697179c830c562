# SPDX-License-Identifier: GPL-3.0-or-later
"""Which signatures an environment admits: its ClusterImagePolicy for sigstore's policy-controller."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization

from miniapp_infra.catalog import naming
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.policy.constraints import trusted_repositories

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from miniapp_infra.catalog import Environment

API_VERSION = "policy.sigstore.dev/v1beta1"
# Key references of sigstore's KMS providers, as policy-controller's KeyRef.kms takes them.
KMS_SCHEMES = ("awskms://", "azurekms://", "gcpkms://", "hashivault://")
_PUBLIC_LOG = "https://rekor.sigstore.dev"


def uses_kms(environment: Environment) -> bool:
    """Tell whether the public key stays in a KMS, so that there is no file to read."""
    return environment.supply_chain.public_key.startswith(KMS_SCHEMES)


def public_keys(environment: Environment, root: Path) -> list[str]:
    """Read the public keys of an environment; the file may hold several, during a rotation.

    Args:
        environment: its ``supply_chain.public_key`` is a path relative to ``root``, or refers to a KMS.
        root: the checkout.

    Raises:
        MiniappInfraError: the file cannot be read.
    """
    if uses_kms(environment):
        return []
    path = root / environment.supply_chain.public_key
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _bad_key(environment, f"{environment.supply_chain.public_key}: {error.strerror}") from error
    end = "-----END PUBLIC KEY-----"
    return [f"{block.strip()}\n{end}\n" for block in text.split(end)[:-1]] or [text]


def render(environment: Environment, public_keys: Sequence[str] = ()) -> dict[str, Any]:
    """Return the ClusterImagePolicy of an environment.

    A signature by any one of the keys is enough. During a rotation both the old and the new key are listed, until every
    running digest is signed with the new one; two policies would demand both signatures instead.

    Args:
        environment: the environment; its registry gives the images and its supply chain the format.
        public_keys: PEM public keys, unless ``supply_chain.public_key`` refers to a KMS.

    Raises:
        MiniappInfraError: no key, something else than a public key, the same key twice, or a signature format that
            admission cannot verify with a key.
    """
    _refuse_bundles(environment)
    name = f"{environment.name}-{naming.PRODUCT}-signed-images"
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterImagePolicy",
        "metadata": {"name": name, "labels": naming.labels(environment.name)},
        "spec": {
            "mode": "enforce",
            "images": [{"glob": f"{repository}**"} for repository in trusted_repositories(environment)],
            "authorities": [_authority(environment, key) for key in _keys(environment, public_keys)],
        },
    }


def _refuse_bundles(environment: Environment) -> None:
    # policy-controller refuses bundle + key: "the authority must be keyless" (its issues 1958 and 1899).
    if environment.supply_chain.cosign.signature_format != "legacy":
        raise MiniappInfraError(
            f"Failed to render ClusterImagePolicy in {environment.name}: supply_chain.cosign.signature_format: "
            f"{environment.supply_chain.cosign.signature_format} cannot be verified at admission with a key",
            code=ErrorCode.INVALID_INPUT,
            hint="Set supply_chain.cosign.signature_format to legacy.",
        )


def _keys(environment: Environment, public_keys: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Return name and ``key`` of each authority; the name tells keys apart in the message of a refusal."""
    if uses_kms(environment):
        return [("kms", {"kms": environment.supply_chain.public_key, "hashAlgorithm": "sha256"})]
    keys = [_fingerprinted(environment, pem) for pem in public_keys]
    if not keys:
        raise _bad_key(environment, "no public key was given")
    if len({name for name, _ in keys}) != len(keys):
        raise _bad_key(environment, "the same public key was given twice")
    return keys


def _fingerprinted(environment: Environment, pem: str) -> tuple[str, dict[str, str]]:
    if "PRIVATE KEY" in pem:
        raise _bad_key(environment, "this is a private key, which must never reach the cluster")
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except ValueError as error:
        raise _bad_key(environment, "this is not a PEM public key") from error
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    normal = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"key-{hashlib.sha256(der).hexdigest()[:12]}", {"data": normal.decode(), "hashAlgorithm": "sha256"}


def _authority(environment: Environment, named_key: tuple[str, dict[str, str]]) -> dict[str, Any]:
    name, key = named_key
    authority: dict[str, Any] = {"name": name, "key": key, "signatureFormat": "legacy"}
    if environment.supply_chain.cosign.transparency_log:
        authority["ctlog"] = {"url": _PUBLIC_LOG}
    return authority


def _bad_key(environment: Environment, problem: str) -> MiniappInfraError:
    return MiniappInfraError(
        f"Failed to render ClusterImagePolicy in {environment.name}: supply_chain.public_key: {problem}",
        code=ErrorCode.INVALID_INPUT,
        hint="Name the PEM file that `cosign public-key` prints, or a KMS reference such as awskms:///alias/name.",
    )
