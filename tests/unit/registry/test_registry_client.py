# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry client: what it asks crane, and how it reads the answers (words of crane 0.22.1)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry import Completed, ImageReference, RegistryAccess, RegistryClient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DIGEST = "sha256:" + "b" * 64
IMAGE = ImageReference.parse("r.example.com/a/b:1")
MISSING = "Error: GET https://r/v2/a/b/manifests/1: MANIFEST_UNKNOWN: manifest unknown; unknown tag=1"


class Crane:
    """Answers every call the same way and remembers them."""

    def __init__(self, answer: Completed) -> None:
        self.answer = answer
        self.argv: list[str] = []
        self.environment: dict[str, str] = {}
        self.login: dict[str, object] | None = None

    def __call__(self, argv: Sequence[str], *, environment: Mapping[str, str], timeout: float) -> Completed:  # noqa: ARG002 - the protocol's name
        self.argv = list(argv)
        self.environment = dict(environment)
        if "DOCKER_CONFIG" in environment:
            file = Path(environment["DOCKER_CONFIG"]) / "config.json"
            assert file.stat().st_mode & 0o077 == 0
            self.login = json.loads(file.read_text())
        return self.answer


def test_digest_of_a_tag() -> None:
    crane = Crane(Completed(0, f"{DIGEST}\n", ""))
    assert RegistryClient(run=crane).digest(IMAGE) == DIGEST
    assert crane.argv == ["crane", "digest", "r.example.com/a/b:1"]


def test_a_missing_image_is_an_answer_and_not_an_error() -> None:
    assert RegistryClient(run=Crane(Completed(1, "", MISSING))).digest(IMAGE) is None


@pytest.mark.parametrize(
    ("stderr", "code", "retryable"),
    [
        ('Error: Get "https://r/v2/": dial tcp 1.2.3.4:5: connect: connection refused', ErrorCode.UNAVAILABLE, True),
        ("Error: Get https://r/v2/: tls: failed: x509: certificate signed by unknown authority", "unavailable", False),
        ("Error: GET https://r/v2/: UNAUTHORIZED: authentication required", ErrorCode.FORBIDDEN, False),
        ("Error: something new", ErrorCode.UPSTREAM, False),
    ],
)
def test_a_registry_that_does_not_answer_is_an_error(stderr: str, code: str, *, retryable: bool) -> None:
    with pytest.raises(MiniappInfraError, match="Failed to read the digest of image") as caught:
        RegistryClient(run=Crane(Completed(1, "", stderr))).digest(IMAGE)
    assert (caught.value.code, caught.value.retryable) == (code, retryable)


def test_tags_leave_out_those_of_cosign() -> None:
    listed = f"1.1.0\nsha256-{'c' * 64}.sig\nsha256-{'c' * 64}\n1.0.0\n"
    assert RegistryClient(run=Crane(Completed(0, listed, ""))).tags(IMAGE) == ("1.0.0", "1.1.0")


def test_a_repository_that_does_not_exist_has_no_tags() -> None:
    unknown = "Error: reading tags for r/x: GET https://r: NAME_UNKNOWN: repository name not known to registry"
    assert RegistryClient(run=Crane(Completed(1, "", unknown))).tags(IMAGE) == ()


def test_credentials_are_passed_in_a_private_file_that_does_not_outlive_the_call() -> None:
    crane = Crane(Completed(0, DIGEST, ""))
    RegistryClient(access=RegistryAccess(username="u", password="p-canary"), run=crane).digest(IMAGE)  # noqa: S106 - a canary
    assert crane.login == {"auths": {"r.example.com": {"auth": "dTpwLWNhbmFyeQ=="}}}
    assert "p-canary" not in " ".join([*crane.argv, *crane.environment.values()])
    assert not Path(crane.environment["DOCKER_CONFIG"]).exists()


def test_the_password_is_not_in_the_text_of_the_access() -> None:
    assert "p-canary" not in repr(RegistryAccess(username="u", password="p-canary"))  # noqa: S106 - a canary


def test_half_of_a_login_and_a_missing_authority_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MiniappInfraError, match="registry_username and registry_password"):
        RegistryAccess(username="u")
    with pytest.raises(MiniappInfraError, match="registry_ca_cert: "):
        RegistryAccess(ca_cert=tmp_path / "none.crt")


def test_authority_and_plain_http(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.touch()
    crane = Crane(Completed(0, DIGEST, ""))
    RegistryClient(access=RegistryAccess(ca_cert=authority, allow_http=True), run=crane).digest(IMAGE)
    assert crane.environment == {"SSL_CERT_FILE": str(authority)}
    assert crane.argv[1] == "--insecure"
