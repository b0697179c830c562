# SPDX-License-Identifier: GPL-3.0-or-later
"""``JsonClient``: what is sent again and what is not, what errors say, and what they never say."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.http import LONGEST_RETRY_AFTER, HttpError, HttpOptions, JsonClient, reason_of
from scripted_http import Say, ScriptedServer

SECRET = "s3cr3t-token-0815"  # noqa: S105 - of this test
BROKEN = Say(0)


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """Seconds that were paused for, without pausing."""
    seconds = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", seconds.append)
    return seconds


def client(server, retries=2, **options):
    headers = {"Authorization": f"Bearer {SECRET}"}
    return JsonClient(HttpOptions(server.url, retries=retries, timeout=20, **options), headers, "Payhub")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_safe_request_is_sent_again_after_a_passing_failure(method, status):
    with ScriptedServer.in_turn(Say(status), Say(200, {"ok": True})) as server:
        assert client(server).request(method, "/x", action="try").body == {"ok": True}
        assert [asked.method for asked in server.asked] == [method] * 2


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_request_that_changes_something_is_sent_once(method, status):
    """Also when the server names a time to try again: it does not say that nothing was done."""
    with ScriptedServer.in_turn(Say(status, headers={"Retry-After": "1"}), Say(200)) as server:
        with pytest.raises(HttpError) as caught:
            client(server).request(method, "/x", action="try", body={})
        assert len(server.asked) == 1
    assert caught.value.status == status
    assert caught.value.retryable
    assert caught.value.retry_after == 1
    assert caught.value.code is ErrorCode.UNAVAILABLE


def test_a_request_over_a_limit_was_not_carried_out_and_is_always_sent_again(pauses):
    with ScriptedServer.in_turn(Say(429, headers={"Retry-After": "3"}), Say(200, {"ok": True})) as server:
        assert client(server).request("POST", "/x", action="try", body={}).body == {"ok": True}
    assert pauses == [3]


def test_the_caller_decides_what_is_repeatable():
    with ScriptedServer.in_turn(Say(503), Say(200, 1)) as server:
        assert client(server).request("POST", "/x", action="try", repeatable=True).body == 1
    with ScriptedServer.in_turn(Say(503), Say(200, 1)) as server:
        with pytest.raises(HttpError):
            client(server).request("GET", "/x", action="try", repeatable=False)
        assert len(server.asked) == 1


def test_a_broken_connection_is_tried_again_only_for_safe_requests():
    with ScriptedServer.in_turn(BROKEN, Say(200, 1)) as server:
        assert client(server).request("GET", "/x", action="try").body == 1
    with ScriptedServer.in_turn(BROKEN, Say(200, 1)) as server:
        with pytest.raises(MiniappInfraError) as caught:
            client(server).request("POST", "/x", action="try", body={})
        assert len(server.asked) == 1
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert caught.value.retryable


def test_the_number_of_retries_is_the_option(pauses):
    with ScriptedServer.in_turn(Say(503)) as server:
        with pytest.raises(HttpError, match=r"^Failed to try: Payhub answered 503: no reason given$"):
            client(server, retries=3).request("GET", "/x", action="try")
        assert len(server.asked) == 4
    assert pauses == sorted(pauses)


def test_retry_after_is_followed_but_not_for_hours(pauses):
    with ScriptedServer.in_turn(Say(503, headers={"Retry-After": "7"}), Say(200)) as server:
        client(server).request("GET", "/x", action="try")
    with ScriptedServer.in_turn(Say(503, headers={"Retry-After": "86400"}), Say(200)) as server:
        client(server).request("GET", "/x", action="try")
    assert pauses == [7, LONGEST_RETRY_AFTER]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, ErrorCode.INVALID_INPUT),
        (422, ErrorCode.INVALID_INPUT),
        (401, ErrorCode.FORBIDDEN),
        (403, ErrorCode.FORBIDDEN),
        (404, ErrorCode.NOT_FOUND),
        (409, ErrorCode.CONFLICT),
        (412, ErrorCode.CONFLICT),
        (418, ErrorCode.UPSTREAM),
        (302, ErrorCode.UPSTREAM),
    ],
)
def test_every_refusal_has_its_code_and_is_final(status, code):
    with ScriptedServer.in_turn(
        Say(status, {"detail": "because"}, {"Location": "http://elsewhere.invalid/"})
    ) as server:
        with pytest.raises(HttpError, match=f"^Failed to try: Payhub answered {status}: because$") as caught:
            client(server).request("GET", "/x", action="try")
        assert len(server.asked) == 1
    assert caught.value.code is code
    assert not caught.value.retryable
    assert caught.value.body == {"detail": "because"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"detail": "a", "title": "b"}, "a"),
        ({"error": {"message": "inner"}}, "inner"),
        ({"errors": ["x", "y"]}, "x; y"),
        ({"error_description": "oauth"}, "oauth"),
        ({"detail": "", "title": "t"}, "t"),
        ("plain", "plain"),
        (None, "no reason given"),
        ("", "no reason given"),
        ("x" * 900, "x" * 500),
    ],
)
def test_the_reason_is_found_in_the_usual_places(body, reason):
    assert reason_of(body) == reason


def test_what_does_not_exist_is_none_and_other_refusals_are_errors():
    with ScriptedServer.in_turn(Say(404), Say(200, {"a": 1}), Say(403)) as server:
        assert client(server).find("/x", action="look") is None
        assert client(server).find("/x", action="look") == {"a": 1}
        with pytest.raises(HttpError):
            client(server).find("/x", action="look")


def test_the_request_is_as_it_was_meant():
    with ScriptedServer.in_turn(Say(200)) as server:
        query = [("a", "1 2"), ("b", None), ("c[d]", ["x", "y"])]
        client(server).request("POST", "/p", action="try", query=query, body={"k": "ü"}, headers={"X-One": "1"})
        client(server).request("POST", "/q", action="try", body=b"raw", headers={"Content-Type": "text/plain"})
    first, second = server.asked
    assert first.path == "/p"
    assert first.query == {"a": "1 2", "c[d]": "y"}
    assert first.json == {"k": "ü"}
    assert first.headers["content-type"] == first.headers["accept"] == "application/json"
    assert first.headers["authorization"] == f"Bearer {SECRET}"
    assert first.headers["x-one"] == "1"
    assert (second.body, second.headers["content-type"]) == (b"raw", "text/plain")


def test_answers_that_are_no_json_are_text():
    with ScriptedServer.in_turn(Say(200, b"no json"), Say(204)) as server:
        assert client(server).request("GET", "/x", action="try").body == "no json"
        assert client(server).request("GET", "/x", action="try").body is None


def test_a_server_that_is_not_there(pauses):
    port = free_port()
    absent = JsonClient(HttpOptions(f"http://127.0.0.1:{port}", retries=1), server="Payhub")
    with pytest.raises(MiniappInfraError) as caught:
        absent.request("POST", "/x", action="send an event")
    assert caught.value.message.startswith(f"Failed to send an event: Payhub at 127.0.0.1:{port} does not answer: ")
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert caught.value.retryable
    assert caught.value.hint
    assert len(pauses) <= 1  # the first retry does not pause


def test_a_server_that_does_not_answer_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = JsonClient(HttpOptions(f"http://127.0.0.1:{silent.getsockname()[1]}", retries=0, timeout=0.2))
        with pytest.raises(MiniappInfraError, match="does not answer") as caught:
            slow.request("GET", "/x", action="try")
    assert caught.value.code is ErrorCode.UNAVAILABLE


@pytest.mark.parametrize("address", ["ftp://host", "host:80", "", "http://", "file:///etc/passwd"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(MiniappInfraError, match=r"^url: ") as caught:
        HttpOptions.from_params({"url": address})
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_the_options_of_a_module():
    params = {"url": "https://host/base/", "ca_cert": None, "timeout": 5.0, "retries": 1, "validate_certs": False}
    assert HttpOptions.from_params(params) == HttpOptions(
        "https://host/base", validate_certs=False, timeout=5.0, retries=1
    )
    assert HttpOptions.from_params({}, "http://other").url == "http://other"


class TestSecrets:
    def test_a_server_that_repeats_them_does_not_bring_them_into_the_error(self):
        refusal = Say(403, {"message": f"token {SECRET} is not known"})
        with ScriptedServer.in_turn(refusal) as server, pytest.raises(HttpError) as caught:
            client(server).request("GET", "/x", action="try")
        assert SECRET not in str(caught.value)
        assert "is not known" in str(caught.value)

    def test_they_are_not_in_the_address_of_an_unreachable_server(self):
        absent = JsonClient(HttpOptions(f"http://me:{SECRET}@127.0.0.1:{free_port()}", retries=0))
        with pytest.raises(MiniappInfraError, match="does not answer") as caught:
            absent.request("GET", "/x", action="try")
        assert SECRET not in str(caught.value)

    def test_they_are_not_in_the_refusal_of_an_address(self):
        with pytest.raises(MiniappInfraError) as caught:
            HttpOptions.from_params({"url": f"ftp://me:{SECRET}@host"})
        assert SECRET not in str(caught.value)

    def test_they_are_not_printed(self):
        assert SECRET not in repr(JsonClient(HttpOptions("http://host"), {"Authorization": SECRET}))


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path):
        return Authority(tmp_path)

    @pytest.fixture
    def server(self, authority):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("server", "127.0.0.1"))
        with ScriptedServer(lambda _: Say(200, {"ok": True}), tls=context) as server:
            yield server

    def test_an_authority_of_ones_own_is_trusted_when_it_is_named(self, server, authority):
        assert client(server, ca_cert=authority.bundle).request("GET", "/x", action="try").body == {"ok": True}

    def test_others_are_not(self, server, tmp_path):
        stranger = Authority(tmp_path, "stranger")
        for options in ({}, {"ca_cert": stranger.bundle}):
            with pytest.raises(MiniappInfraError, match=r"does not answer: .*CERTIFICATE_VERIFY_FAILED"):
                client(server, retries=0, **options).request("GET", "/x", action="try")

    @pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
    def test_the_check_can_be_left_out(self, server):
        assert client(server, validate_certs=False).request("GET", "/x", action="try").body == {"ok": True}

    def test_a_server_may_ask_for_our_certificate(self, authority):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("server", "127.0.0.1"))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.bundle)
        certificate, key = authority.issue("client", "127.0.0.1")
        with ScriptedServer(lambda _: Say(200, 1), tls=context) as server:
            ours = client(server, ca_cert=authority.bundle, client_cert=certificate, client_key=key)
            assert ours.request("GET", "/x", action="try").body == 1
            with pytest.raises(MiniappInfraError, match="does not answer"):
                client(server, retries=0, ca_cert=authority.bundle).request("GET", "/x", action="try")

    @pytest.mark.parametrize("option", ["ca_cert", "client_cert"])
    def test_files_that_cannot_be_read_are_named(self, server, tmp_path, option):
        nonsense = tmp_path / "nonsense.pem"
        nonsense.write_text("nonsense")
        for path in (nonsense, tmp_path / "absent.pem"):
            with pytest.raises(MiniappInfraError, match=r"^ca_cert or client_cert: cannot be read") as caught:
                client(server, **{option: str(path)}).request("GET", "/x", action="try")
            assert caught.value.code is ErrorCode.INVALID_INPUT


class Authority:
    """Makes certificates for this test."""

    def __init__(self, folder, name="authority"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.certificate = self._signed(self.name, self.key.public_key(), ca=True)
        self.bundle = str(folder / f"{name}.pem")
        (folder / f"{name}.pem").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name, address):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self._signed(subject, key.public_key(), address=address)
        paths = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return str(paths[0]), str(paths[1])

    def _signed(self, subject, public_key, *, ca=False, address=None):
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if ca:
            usage = x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        if address:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def test_urllib3_still_asks_the_retries_for_the_pause():
    """The limit of the pause hangs on this method's name."""
    assert callable(urllib3.Retry.get_retry_after)
