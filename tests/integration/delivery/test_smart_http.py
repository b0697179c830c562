# SPDX-License-Identifier: GPL-3.0-or-later
"""The Git host over real smart HTTP: git's own http-backend behind TLS with a private authority and a password."""

from __future__ import annotations

import base64
import ipaddress
import os
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.githost import PullRequestState, Remote, connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Nothing that could be told from a real password in a log: the test greps for it.
CANARY = "canary-5b1f"


def _certificate(directory: Path) -> Path:
    """Write a self-signed certificate for 127.0.0.1 with its key; it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = directory / "tls.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    authority = directory / "ca.crt"
    authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return authority


class _Backend(BaseHTTPRequestHandler):
    """Runs git http-backend as a CGI program, behind basic authentication."""

    root: Path

    def _serve(self) -> None:
        expected = "Basic " + base64.b64encode(f"platform:{CANARY}".encode()).decode()
        if self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        body = self._body()
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            check=True,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": "platform",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            },
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, *_: object) -> None:
        """Keep the test's output to what pytest prints."""

    do_GET = do_POST = _serve  # noqa: N815 - the names are those of http.server


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Remote]:
    subprocess.run(
        ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "platform.git")], check=True
    )
    authority = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.pem")
    handler = type("Backend", (_Backend,), {"root": tmp_path})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"https://127.0.0.1:{server.server_address[1]}/platform.git"
        yield Remote(url, "platform", CANARY, authority)
        server.shutdown()
        thread.join()


def test_pull_request_over_https(remote: Remote) -> None:
    with connect(remote, user="alice") as host:
        host.commit("main", {"a.txt": b"one\n"}, "seed")
        host.branch_off("promote/x", {"a.txt": b"two\n"}, "change")
        number = host.open_pull_request("promote/x", "change").number
    with connect(remote, user="bob") as host:
        host.approve(number)
        assert host.merge(number).state is PullRequestState.MERGED
        assert host.read("a.txt") == b"two\n"


def test_wrong_password_is_named_and_not_shown(remote: Remote) -> None:
    wrong = Remote(remote.url, "platform", f"{CANARY}-wrong", remote.ca_file)
    with pytest.raises(MiniappInfraError) as caught, connect(wrong, user="alice"):
        pass
    assert caught.value.code is ErrorCode.FORBIDDEN
    assert CANARY not in f"{caught.value}{caught.value.hint}"
    assert CANARY not in repr(wrong)


def test_unknown_authority_is_refused(remote: Remote) -> None:
    with pytest.raises(MiniappInfraError) as caught, connect(Remote(remote.url, "platform", CANARY), user="alice"):
        pass
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert "gitops.ca_file" in caught.value.hint


def test_password_is_on_no_command_line(remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.run(["sh", "-c", "command -v git"], check=True, capture_output=True, text=True).stdout.strip()
    seen = tmp_path / "arguments"
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s " "$@" >> {seen}\nexec {real} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with connect(remote, user="alice") as host:
        host.commit("main", {"a.txt": b"one\n"}, "seed")
    recorded = seen.read_text()
    assert "push" in recorded
    assert CANARY not in recorded
    assert base64.b64encode(f"platform:{CANARY}".encode()).decode() not in recorded
