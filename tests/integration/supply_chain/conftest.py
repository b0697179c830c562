# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry of our own with TLS from a throw-away authority, the real programs, and key pairs."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .oracle import Oracle

ROOT = Path(__file__).parents[3]
BIN = ROOT / ".local" / "bin"
RunModule = Callable[..., dict[str, Any]]


def _certificate(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test registry")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    (directory / "tls.key").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    (directory / "tls.crt").write_bytes(certificate.public_bytes(pem))


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """A running registry and the second opinion on what it holds."""
    directory = tmp_path_factory.mktemp("registry")
    _certificate(directory)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    configuration = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}, "delete": {"enabled": True}},
        "http": {
            "addr": f"127.0.0.1:{port}",
            "secret": "test",
            "tls": {"certificate": str(directory / "tls.crt"), "key": str(directory / "tls.key")},
        },
    }
    (directory / "config.yml").write_text(yaml.safe_dump(configuration))
    command = [str(BIN / "registry"), "serve", str(directory / "config.yml")]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "OTEL_TRACES_EXPORTER": "none"})
    try:
        pool = urllib3.PoolManager(ca_certs=str(directory / "tls.crt"))
        deadline = time.monotonic() + 30
        while True:
            try:
                assert pool.request("GET", f"https://127.0.0.1:{port}/v2/", retries=False).status == 200
                break
            except urllib3.exceptions.HTTPError:
                assert time.monotonic() < deadline, (directory / "log").read_text()
                time.sleep(0.1)
        yield Oracle(f"127.0.0.1:{port}", directory / "tls.crt")
    finally:
        process.terminate()
        process.wait(timeout=30)


@dataclass(frozen=True)
class Signer:
    """A key pair made by the module, and arguments that use it."""

    directory: Path
    fingerprint: str

    @property
    def public_key(self) -> Path:
        return self.directory / "cosign.pub"

    @property
    def password(self) -> str:
        return (self.directory / "password").read_text().strip()

    def signing(self) -> dict[str, Any]:
        return {"key": str(self.directory / "cosign.key"), "key_password_file": str(self.directory / "password")}


@pytest.fixture(scope="session")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cosign that writes down every command line before it does what it is told. Its log is beside it."""
    script = tmp_path_factory.mktemp("recorder") / "cosign"
    script.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$*\" >>'{script}.log'\nexec '{BIN / 'cosign'}' \"$@\"\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


@pytest.fixture(scope="session")
def make_signer(
    module_process: RunModule, recorder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Signer]:
    def make(name: str) -> Signer:
        directory = tmp_path_factory.mktemp(name) / "signing"
        made = module_process("cosign_key_pair", {"directory": str(directory), "cosign_binary": str(recorder)})
        assert made["changed"], made
        return Signer(directory, made["fingerprint"])

    return make


@pytest.fixture(scope="session")
def signer(make_signer: Callable[[str], Signer]) -> Signer:
    return make_signer("signer")


@pytest.fixture(scope="session")
def stranger(make_signer: Callable[[str], Signer]) -> Signer:
    """Another key, which nobody trusts."""
    return make_signer("stranger")


@pytest.fixture(scope="session")
def reach(oracle: Oracle, recorder: Path) -> dict[str, Any]:
    """Arguments with which every module reaches the registry."""
    return {
        "cosign_binary": str(recorder),
        "crane_binary": str(BIN / "crane"),
        "registry_ca_cert": str(oracle.ca_cert),
    }


@pytest.fixture
def push(oracle: Oracle, tmp_path: Path) -> Callable[[str], str]:
    """Push a small image with crane; return it by digest."""

    def push_(repository: str) -> str:
        content = tmp_path / "content.tar"
        (tmp_path / "file").write_text(repository)
        subprocess.run(["tar", "cf", str(content), "-C", str(tmp_path), "file"], check=True)
        done = subprocess.run(
            [str(BIN / "crane"), "append", "-f", str(content), "-t", f"{oracle.registry}/{repository}:1"],
            env={**os.environ, "SSL_CERT_FILE": str(oracle.ca_cert)},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    return push_
