# SPDX-License-Identifier: GPL-3.0-or-later
"""Key pairs: complete, private, never replaced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from miniapp_infra.cosign import Cosign, KeyPair, SigningKey, ensure_key_pair, fingerprint
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry import Completed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def public_pem(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


class KeyProgram:
    """Keeps private keys in files, "encrypted" by writing the password above them."""

    def __init__(self) -> None:
        self.argv: list[str] = []
        self.passwords: list[str] = []

    def __call__(self, argv: Sequence[str], *, environment: Mapping[str, str], timeout: float) -> Completed:  # noqa: ARG002 - the protocol's name
        self.argv += argv
        self.passwords.append(environment["COSIGN_PASSWORD"])
        if argv[1] == "generate-key-pair":
            prefix = argv[argv.index("--output-key-prefix") + 1]
            key = ec.generate_private_key(ec.SECP256R1())
            Path(f"{prefix}.key").write_text(f"{self.passwords[-1]}\n{public_pem(key)}")
            Path(f"{prefix}.pub").write_text(public_pem(key))
            return Completed(0, "", "")
        password, _, text = Path(argv[argv.index("--key") + 1]).read_text().partition("\n")
        if password != self.passwords[-1]:
            return Completed(1, "", "Error: decrypt: encrypted: decryption failed")
        return Completed(0, text, "")


@pytest.fixture
def pair(tmp_path: Path) -> KeyPair:
    return KeyPair(tmp_path / "signing")


def ensure(pair: KeyPair, *, check_mode: bool = False):
    return ensure_key_pair(Cosign(run=KeyProgram()), pair, check_mode=check_mode)


def test_check_run_run_check(pair: KeyPair) -> None:
    assert ensure(pair, check_mode=True).changed
    assert not pair.directory.exists()
    made = ensure(pair)
    assert made.changed
    assert made.fingerprint == fingerprint(pair.public_key.read_text())
    assert not ensure(pair).changed
    assert not ensure(pair, check_mode=True).changed


def test_secret_parts_are_private_and_the_password_is_long_and_not_on_the_command_line(pair: KeyPair) -> None:
    program = KeyProgram()
    ensure_key_pair(Cosign(run=program), pair)
    assert pair.directory.stat().st_mode & 0o777 == 0o700
    for path in (pair.private_key, pair.password_file):
        assert path.stat().st_mode & 0o777 == 0o600
    assert len(program.passwords[0]) > 40
    assert program.passwords[0] not in " ".join(program.argv)


def test_passwords_differ(tmp_path: Path) -> None:
    texts = set()
    for name in ("a", "b"):
        ensure(KeyPair(tmp_path / name))
        texts.add((tmp_path / name / "password").read_text())
    assert len(texts) == 2


@pytest.mark.parametrize("lost", ["cosign.pub"])
def test_what_can_be_made_again_is(pair: KeyPair, lost: str) -> None:
    before = ensure(pair)
    (pair.directory / lost).unlink()
    after = ensure(pair)
    assert (after.changed, after.fingerprint) == (True, before.fingerprint)
    assert not ensure(pair).changed


@pytest.mark.parametrize("lost", ["cosign.key", "password"])
def test_what_cannot_be_made_again_is_an_error(pair: KeyPair, lost: str) -> None:
    ensure(pair)
    (pair.directory / lost).unlink()
    with pytest.raises(MiniappInfraError) as caught:
        ensure(pair)
    assert caught.value.code is ErrorCode.CONFLICT


def test_an_interruption_before_the_key_moved_in_leaves_nothing_in_the_way(pair: KeyPair) -> None:
    ensure(pair)
    pair.private_key.unlink()
    pair.public_key.unlink()
    (pair.directory / ".new-left").mkdir()
    assert ensure(pair).changed
    assert sorted(path.name for path in pair.directory.iterdir()) == ["cosign.key", "cosign.pub", "password"]


def test_a_public_key_of_another_pair_is_noticed(pair: KeyPair, tmp_path: Path) -> None:
    ensure(pair)
    other = KeyPair(tmp_path / "other")
    ensure(other)
    pair.public_key.write_text(other.public_key.read_text())
    with pytest.raises(MiniappInfraError, match="belongs to another private key"):
        ensure(pair)


def test_a_wrong_password_is_told(pair: KeyPair) -> None:
    ensure(pair)
    pair.password_file.write_text("wrong\n")
    with pytest.raises(MiniappInfraError, match="does not open with this password"):
        ensure(pair)


def test_loose_permissions_are_tightened(pair: KeyPair) -> None:
    ensure(pair)
    pair.private_key.chmod(0o644)
    assert ensure(pair, check_mode=True).changed
    assert pair.private_key.stat().st_mode & 0o777 == 0o644
    assert ensure(pair).changed
    assert pair.private_key.stat().st_mode & 0o777 == 0o600


def test_signing_key_options(tmp_path: Path) -> None:
    key = tmp_path / "k"
    with pytest.raises(MiniappInfraError, match=r"^key: "):
        SigningKey.load(str(key), password=None, password_file=None)
    key.touch()
    with pytest.raises(MiniappInfraError, match="give one of them"):
        SigningKey.load(str(key), password="x", password_file=key)  # noqa: S106 - refused
    with pytest.raises(MiniappInfraError, match=r"^key_password_file: "):
        SigningKey.load(str(key), password=None, password_file=tmp_path / "none")
    assert SigningKey.load("awskms:///alias/x", password=None, password_file=None).environment() == {
        "COSIGN_PASSWORD": ""
    }


def test_a_fingerprint_needs_a_public_key() -> None:
    with pytest.raises(MiniappInfraError, match="not a public key in PEM"):
        fingerprint("no key")
