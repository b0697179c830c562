# SPDX-License-Identifier: GPL-3.0-or-later
"""X.509 certificates: make an authority, make a certificate from a request, tell whether one is still good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from miniapp_infra.local.node.files import PUBLIC, SECRET, write

if TYPE_CHECKING:
    from pathlib import Path

_AUTHORITY_LIFE = timedelta(days=3650)
_LIFE = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)
_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Request:
    """What a certificate has to say.

    Args:
        name: file name without suffix, below the pki directory.
        common_name: the subject's CN; Kubernetes takes it as the user.
        groups: the subject's O; Kubernetes takes them as groups.
        addresses: DNS names and IP addresses a server answers to; none for a client.
        server: may serve TLS.
        client: may authenticate as a client.
    """

    name: str
    common_name: str
    groups: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    server: bool = False
    client: bool = False


@dataclass(frozen=True)
class Authority:
    """A CA: certificate and private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def _subject(common_name: str, groups: tuple[str, ...] = ()) -> x509.Name:
    return x509.Name(
        [
            *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _alternative(addresses: tuple[str, ...]) -> x509.SubjectAlternativeName:
    def name(address: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ip_address(address))
        except ValueError:
            return x509.DNSName(address)

    return x509.SubjectAlternativeName([name(address) for address in addresses])


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a private key in PKCS #8, readable by its owner only."""
    write(
        path,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        SECRET,
    )


def read_key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    """Return the key in ``path``; None when it is absent, unreadable as a key or of another kind."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (FileNotFoundError, ValueError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def read_certificate(path: Path) -> x509.Certificate | None:
    """Return the certificate in ``path``; None when it is absent or broken."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _fresh(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE


def ensure_authority(directory: Path, name: str, common_name: str, now: datetime | None = None) -> Authority:
    """Return the CA kept as ``<name>.crt`` and ``<name>.key``, making a new one where there is no good one."""
    now = now or datetime.now(UTC)
    key, certificate = read_key(directory / f"{name}.key"), read_certificate(directory / f"{name}.crt")
    if key and certificate and key.public_key() == certificate.public_key() and _fresh(certificate, now):
        return Authority(certificate, key)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(common_name)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_key(directory / f"{name}.key", key)
    write(directory / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM), PUBLIC)
    return Authority(certificate, key)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def is_good(certificate: x509.Certificate, request: Request, authority: Authority, now: datetime) -> bool:
    """Return whether ``certificate`` says what ``request`` asks, is ``authority``'s and is not due for renewal."""
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (InvalidSignature, ValueError, TypeError):
        return False
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = None
    wanted = _alternative(request.addresses) if request.addresses else None
    uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return (
        _fresh(certificate, now)
        and certificate.subject == _subject(request.common_name, request.groups)
        and names == wanted
        and uses == _extended(request)
    )


def _extended(request: Request) -> x509.ExtendedKeyUsage:
    uses = [(request.server, ExtendedKeyUsageOID.SERVER_AUTH), (request.client, ExtendedKeyUsageOID.CLIENT_AUTH)]
    return x509.ExtendedKeyUsage([use for wanted, use in uses if wanted])


def ensure(directory: Path, request: Request, authority: Authority, now: datetime | None = None) -> bool:
    """Make ``<name>.crt`` and ``<name>.key`` unless good ones are there.

    Returns:
        Whether a new certificate was made.
    """
    now = now or datetime.now(UTC)
    key_file, certificate_file = directory / f"{request.name}.key", directory / f"{request.name}.crt"
    key, certificate = read_key(key_file), read_certificate(certificate_file)
    if (
        key
        and certificate
        and key.public_key() == certificate.public_key()
        and is_good(certificate, request, authority, now)
    ):
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder(
            authority.certificate.subject,
            _subject(request.common_name, request.groups),
            key.public_key(),
            x509.random_serial_number(),
        )
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(min(now + _LIFE, authority.certificate.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(_extended(request), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
    if request.addresses:
        builder = builder.add_extension(_alternative(request.addresses), critical=False)
    write_key(key_file, key)
    write(
        certificate_file,
        builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        PUBLIC,
    )
    return True
