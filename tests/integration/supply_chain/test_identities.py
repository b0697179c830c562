# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures of an identity: a certificate from an authority of our own, made the way that Fulcio makes them."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .conftest import BIN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import RunModule, Signer

pytestmark = pytest.mark.live

WHO, ISSUER = "jane@example.com", "https://accounts.example.com"
# Fulcio's certificate extension for the OIDC issuer (fulcio docs/oid-info.md, version 1: the text as it is).
ISSUER_OID = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Identified:
    """A key with a certificate, and what vouches for it."""

    certificate: Path
    chain: Path
    trusted_root: Path


@pytest.fixture(scope="module")
def identified(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Identified:
    directory = tmp_path_factory.mktemp("identity")
    root_key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    root_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test root")])

    def builder(subject: x509.Name, key: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )

    def usage(*, ca: bool) -> x509.KeyUsage:
        others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
        unused = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
        return x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, **unused)

    root = (
        builder(root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    key = serialization.load_pem_public_key(signer.public_key.read_bytes())
    leaf = (
        builder(x509.Name([]), key)
        .add_extension(usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(WHO)]), critical=True)
        .add_extension(x509.UnrecognizedExtension(ISSUER_OID, ISSUER.encode()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    files = Identified(directory / "leaf.pem", directory / "chain.pem", directory / "root.json")
    files.certificate.write_bytes(leaf.public_bytes(PEM))
    files.chain.write_bytes(root.public_bytes(PEM))
    subprocess.run(
        [
            *(str(BIN / "cosign"), "trusted-root", "create", "--out", str(files.trusted_root)),
            f"--fulcio=url=https://fulcio.example.com,certificate-chain={files.chain}",
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "HOME": str(directory)},
    )
    return files


def test_an_identity_is_recognised_and_any_other_is_not(
    module_process: RunModule, push: Callable[[str], str], signer: Signer, identified: Identified, reach: dict[str, Any]
) -> None:
    image, plain = push("identity/one"), push("identity/plain")
    certificate = {"certificate": str(identified.certificate), "certificate_chain": str(identified.chain)}
    args = {"image": image, **certificate, **signer.signing(), **reach}
    signed = module_process("cosign_sign", args)
    assert signed.get("changed"), signed
    assert not module_process("cosign_sign", args)["changed"]
    module_process("cosign_sign", {"image": plain, **signer.signing(), **reach})

    trust = {"trusted_root": str(identified.trusted_root), "ignore_sct": True, "ignore_tlog": True}
    common = {"image": image, "require_format": "legacy", "fail_on_unverified": False, **trust, **reach}
    who = {"certificate_identity": WHO, "certificate_oidc_issuer": ISSUER}
    told = module_process("cosign_verify", {**common, **who})
    assert told["verified"], told
    loose = {"certificate_identity_regexp": "^.*@example[.]com$", "certificate_oidc_issuer_regexp": "^https://"}
    assert module_process("cosign_verify", {**common, **loose})["verified"]
    for other in (
        {"certificate_identity": "mallory@example.com"},
        {"certificate_oidc_issuer": "https://other.example.com"},
    ):
        refused = module_process("cosign_verify", {**common, **who, **other})
        assert (refused["verified"], refused["reason"]) == (False, "no_matching_signature"), refused
    keyed = module_process("cosign_verify", {**common, **who, "image": plain})
    assert not keyed["verified"]
    assert keyed["reason"] in {"no_certificate", "no_matching_signature"}, keyed


def test_half_an_identity_and_a_key_beside_it_are_refused(module_process: RunModule, reach: dict[str, Any]) -> None:
    image = {"image": f"127.0.0.1:1/x@sha256:{'0' * 64}", **reach}
    half = module_process("cosign_verify", {**image, "certificate_identity": WHO})
    assert half["msg"].startswith("certificate_oidc_issuer: exactly one of")
    both = module_process("cosign_verify", {**image, "certificate_identity": WHO, "public_key": "x"})
    assert "mutually exclusive" in both["msg"]
    assert "one of the following is required" in module_process("cosign_verify", image)["msg"]
