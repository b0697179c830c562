# SPDX-License-Identifier: GPL-3.0-or-later
"""A key pair in a directory: ``cosign.key`` (encrypted), ``cosign.pub`` and the password that opens the key."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from miniapp_infra.cosign.models import SigningKey
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from miniapp_infra.cosign.api import Cosign

_PASSWORD_BYTES = 32
_ASIDE = ".new-"


@dataclass(frozen=True)
class KeyPair:
    """Where the parts of a key pair are.

    Args:
        directory: holds all of them.
    """

    directory: Path

    @property
    def private_key(self) -> Path:
        return self.directory / "cosign.key"

    @property
    def public_key(self) -> Path:
        return self.directory / "cosign.pub"

    @property
    def password_file(self) -> Path:
        return self.directory / "password"

    def signing_key(self) -> SigningKey:
        """Return the private key ready for use.

        Raises:
            MiniappInfraError: ``invalid_input`` if a part is missing.
        """
        return SigningKey.load(str(self.private_key), password=None, password_file=self.password_file)


@dataclass(frozen=True)
class EnsuredKeyPair:
    """Outcome of making sure that there is a key pair.

    Args:
        changed: whether a part was written, or would be in check mode.
        public_key: PEM, None if check mode would create it.
        fingerprint: of the public key, None likewise.
    """

    changed: bool
    public_key: str | None
    fingerprint: str | None


def fingerprint(public_key: str) -> str:
    """Return ``sha256:`` and the hash of the key itself (its DER form), whatever the PEM looks like.

    Raises:
        MiniappInfraError: ``invalid_input`` if the text is not a public key in PEM.
    """
    try:
        key = serialization.load_pem_public_key(public_key.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MiniappInfraError(
            "public_key: the content is not a public key in PEM", code=ErrorCode.INVALID_INPUT
        ) from error
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def read_public_key(path: Path) -> str:
    """Return the text of a public key file.

    Raises:
        MiniappInfraError: ``invalid_input`` if it cannot be read.
    """
    try:
        return path.read_text()
    except OSError as error:
        raise MiniappInfraError(
            f"public_key: {path} cannot be read: {error.strerror}", code=ErrorCode.INVALID_INPUT
        ) from error


def ensure_key_pair(cosign: Cosign, pair: KeyPair, *, check_mode: bool = False) -> EnsuredKeyPair:
    """Create what is missing of a key pair. An existing private key is never replaced: images are signed with it.

    Args:
        cosign: makes and opens keys.
        pair: where.
        check_mode: only look.

    Raises:
        MiniappInfraError: ``conflict`` if the parts that are there do not belong together.
    """
    if not pair.private_key.exists():
        if pair.public_key.exists():
            raise MiniappInfraError(
                f"Failed to create key pair {pair.directory}: {pair.public_key.name} is there without its private key",
                code=ErrorCode.CONFLICT,
                hint=f"put {pair.private_key} back, or remove {pair.public_key} if nothing is signed with it",
            )
        if check_mode:
            return EnsuredKeyPair(changed=True, public_key=None, fingerprint=None)
        return _describe(_create(cosign, pair), changed=True)
    if not pair.password_file.exists():
        raise MiniappInfraError(
            f"Failed to open key {pair.private_key}: there is no {pair.password_file.name} beside it",
            code=ErrorCode.CONFLICT,
            hint=f"put {pair.password_file} back, or remove the key if nothing is signed with it",
        )
    text = cosign.public_key(pair.signing_key())
    if not pair.public_key.exists():
        if not check_mode:
            pair.public_key.write_text(text)
        return _describe(text, changed=True)
    if fingerprint(read_public_key(pair.public_key)) != fingerprint(text):
        raise MiniappInfraError(
            f"Failed to check key pair {pair.directory}: {pair.public_key.name} belongs to another private key",
            code=ErrorCode.CONFLICT,
            hint=f"remove {pair.public_key} to write the right one, after finding out who replaced it",
        )
    return _describe(text, changed=_tighten(pair, check_mode=check_mode))


def _create(cosign: Cosign, pair: KeyPair) -> str:
    """Make all parts aside and move them in so that a stop at any point leaves what the next call completes.

    The password goes first, since a key without it is lost; the public key last, since it can be made again.
    """
    pair.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for stale in pair.directory.glob(f"{_ASIDE}*"):
        shutil.rmtree(stale)
    password = (
        pair.password_file.read_text().rstrip("\n")
        if pair.password_file.exists()
        else secrets.token_urlsafe(_PASSWORD_BYTES)
    )
    with tempfile.TemporaryDirectory(dir=pair.directory, prefix=_ASIDE) as aside:
        made = KeyPair(Path(aside))
        made.password_file.touch(mode=0o600)
        made.password_file.write_text(f"{password}\n")
        cosign.generate_key_pair(Path(aside) / "cosign", password)
        text = made.public_key.read_text()
        made.private_key.chmod(0o600)
        made.password_file.rename(pair.password_file)
        made.private_key.rename(pair.private_key)
        made.public_key.rename(pair.public_key)
    return text


def _tighten(pair: KeyPair, *, check_mode: bool) -> bool:
    """Take away what others may do with the secret parts; return whether there was anything to take."""
    loose = [path for path in (pair.private_key, pair.password_file) if path.stat().st_mode & 0o077]
    if not check_mode:
        for path in loose:
            path.chmod(0o600)
    return bool(loose)


def _describe(text: str, *, changed: bool) -> EnsuredKeyPair:
    return EnsuredKeyPair(changed=changed, public_key=text, fingerprint=fingerprint(text))
