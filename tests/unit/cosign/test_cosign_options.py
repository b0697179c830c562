# SPDX-License-Identifier: GPL-3.0-or-later
"""Identities, signing configurations, forced signatures, registries, and what cosign lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.cosign import Cosign, SignatureFormat, SigningKey, ensure_signed
from miniapp_infra.cosign.models import Identity, Reason, SigningOptions
from miniapp_infra.cosign.tasks import trusted_by
from miniapp_infra.cosign.transformations import read_referrers, read_signatures
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry import Completed, ImageReference, RegistryAccess, RegistryClient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DIGEST = "sha256:" + "1" * 64
IMAGE = ImageReference.parse(f"r.example.com/x@{DIGEST}")
KEY = SigningKey("awskms:///alias/x")
WHO = Identity(subject="jane@example.com", issuer="https://accounts.example.com")


class Recorder:
    """Answers everything with success and keeps the command lines."""

    def __init__(self, *, signed: bool = True) -> None:
        self.signed = signed
        self.calls: list[list[str]] = []
        self.config: dict[str, Any] = {}

    def __call__(self, argv: Sequence[str], *, environment: Mapping[str, str], timeout: float) -> Completed:  # noqa: ARG002 - the protocol's name
        self.calls.append(list(argv))
        if "DOCKER_CONFIG" in environment:
            self.config = json.loads((Path(environment["DOCKER_CONFIG"]) / "config.json").read_text())
        if argv[1] == "version":
            return Completed(0, '{"gitVersion": "v3.1.3"}', "")
        if argv[1] == "sign":
            self.signed = True
        if argv[1] == "digest":
            return Completed(0, DIGEST, "")
        if not self.signed:
            return Completed(10, "", "Error: no signatures found")
        critical = {
            "identity": {"docker-reference": "r.example.com/x"},
            "image": {"docker-manifest-digest": DIGEST},
            "type": "https://sigstore.dev/cosign/sign/v1",
        }
        return Completed(0, json.dumps([{"critical": critical}]), "")

    def words(self, command: str) -> list[str]:
        return next(argv for argv in self.calls if argv[1] == command)


def signed(
    recorder: Recorder, wanted: SignatureFormat, options: SigningOptions | None = None, *, force: bool = False
) -> Any:
    return ensure_signed(
        Cosign(run=recorder),
        RegistryClient(run=recorder),
        IMAGE,
        KEY,
        "cosign.pub",
        formats=[wanted],
        annotations={},
        options=options,
        force=force,
    )


def test_an_identity_is_verified_by_its_certificate_and_no_key(tmp_path: Path) -> None:
    root = tmp_path / "root.json"
    root.write_text("{}")
    recorder = Recorder()
    who = Identity(
        subject_regexp="^https://github.com/x/",
        issuer="https://token.example.com",
        github_workflow={"ref": "refs/heads/main"},
        trusted_root=root,
        ignore_sct=True,
    )
    Cosign(run=recorder).verify(IMAGE, who, signature_format=SignatureFormat.LEGACY, annotations={})
    words = recorder.words("verify")
    assert "--key" not in words
    assert {
        "--certificate-identity-regexp=^https://github.com/x/",
        "--certificate-oidc-issuer=https://token.example.com",
        "--certificate-github-workflow-ref=refs/heads/main",
        f"--trusted-root={root}",
        "--insecure-ignore-sct=true",
    } <= set(words)
    assert not any("tlog" in word or "timestamps" in word for word in words)


@pytest.mark.parametrize(
    ("parts", "option"),
    [
        ({"subject": "x"}, "certificate_oidc_issuer"),
        ({"issuer": "x"}, "certificate_identity"),
        ({"subject": "x", "issuer": "y", "issuer_regexp": "z"}, "certificate_oidc_issuer"),
        ({"subject": "x", "subject_regexp": "y", "issuer": "z"}, "certificate_identity"),
        ({}, "certificate_identity"),
    ],
)
def test_half_an_identity_is_refused(parts: dict[str, str], option: str) -> None:
    with pytest.raises(MiniappInfraError, match=f"{option}: exactly one of") as caught:
        Identity(**parts)
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(MiniappInfraError, match=r"trusted_root: .* is not a file"):
        Identity(subject="x", issuer="y", trusted_root=tmp_path / "nowhere")
    for option in ("signing_config", "certificate", "certificate_chain"):
        with pytest.raises(MiniappInfraError, match=f"{option}: .* is not a file"):
            SigningOptions(**{option: tmp_path / "nowhere"})
    with pytest.raises(MiniappInfraError, match="trusted_root: belongs to signing_config"):
        SigningOptions(trusted_root=Path(__file__))


def test_a_key_wins_over_nothing_and_an_identity_needs_both_halves() -> None:
    names = [
        *("certificate_identity", "certificate_identity_regexp", "certificate_oidc_issuer", "trusted_root"),
        *("certificate_oidc_issuer_regexp", "github_workflow", "public_key"),
    ]
    params: dict[str, Any] = {
        **dict.fromkeys(names),
        "ignore_tlog": False,
        "ignore_sct": False,
        "use_signed_timestamps": False,
    }
    assert trusted_by({**params, "public_key": "cosign.pub"}) == "cosign.pub"
    who = {"certificate_identity": WHO.subject, "certificate_oidc_issuer": WHO.issuer, "github_workflow": {"sha": None}}
    assert trusted_by({**params, **who}) == WHO
    with pytest.raises(MiniappInfraError, match="certificate_oidc_issuer"):
        trusted_by({**params, "certificate_identity": "x"})


def test_a_signing_config_is_for_bundles_alone(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text("{}")
    options = SigningOptions(signing_config=config, trusted_root=config)
    bundle, legacy = Recorder(signed=False), Recorder(signed=False)
    signed(bundle, SignatureFormat.BUNDLE, options)
    signed(legacy, SignatureFormat.LEGACY, options)
    assert {f"--signing-config={config}", f"--trusted-root={config}"} <= set(bundle.words("sign"))
    assert "--use-signing-config=false" not in bundle.words("sign")
    assert "--use-signing-config=false" in legacy.words("sign")
    assert not any(word.startswith("--signing-config") for word in legacy.words("sign"))


def test_a_certificate_goes_into_the_signature(tmp_path: Path) -> None:
    certificate = tmp_path / "leaf.pem"
    certificate.write_text("x")
    recorder = Recorder(signed=False)
    signed(recorder, SignatureFormat.LEGACY, SigningOptions(certificate=certificate, certificate_chain=certificate))
    assert {f"--certificate={certificate}", f"--certificate-chain={certificate}"} <= set(recorder.words("sign"))


def test_a_signed_image_is_signed_again_only_when_forced() -> None:
    recorder = Recorder()
    assert not signed(recorder, SignatureFormat.LEGACY).changed
    forced = signed(recorder, SignatureFormat.LEGACY, force=True)
    assert (forced.changed, forced.formats, forced.added) == (
        True,
        (SignatureFormat.LEGACY,),
        (SignatureFormat.LEGACY,),
    )
    assert sum(argv[1] == "sign" for argv in recorder.calls) == 1


def test_a_bearer_token_is_in_the_private_configuration_only() -> None:
    recorder = Recorder()
    access = RegistryAccess(token="canary")  # noqa: S106 - a canary
    Cosign(access=access, run=recorder).verify(IMAGE, WHO, signature_format=SignatureFormat.LEGACY, annotations={})
    assert recorder.config == {"auths": {"r.example.com": {"registrytoken": "canary"}}}
    assert not any("canary" in word for argv in recorder.calls for word in argv)
    assert "canary" not in repr(access)
    with pytest.raises(MiniappInfraError, match="registry_token and registry_username"):
        RegistryAccess(token="x", username="y", password="z")  # noqa: S106 - refused


def test_a_registry_that_nobody_vouches_for() -> None:
    recorder = Recorder()
    access = RegistryAccess(allow_insecure=True)
    Cosign(access=access, run=recorder).verify(IMAGE, WHO, signature_format=SignatureFormat.LEGACY, annotations={})
    assert "--allow-insecure-registry" in recorder.words("verify")
    assert "--allow-http-registry" not in recorder.words("verify")
    RegistryClient(access=access, run=recorder).tags(IMAGE)
    assert recorder.calls[-1][1] == "--insecure"


def test_exit_13_is_a_missing_certificate() -> None:
    assert read_signatures(Completed(13, "", "Error: no certificate"), DIGEST).reason is Reason.NO_CERTIFICATE


def test_referrers_are_read_out_of_a_text_for_people() -> None:
    bundle = "application/vnd.dev.sigstore.bundle.v0.3+json"
    text = (
        f"📦 Supply Chain Security Related artifacts for an image: {IMAGE}\n"
        f"└── 🔐 Signatures for an image tag: r.example.com/x:sha256-{'1' * 64}.sig\n"
        f"   └── 🍒 sha256:{'2' * 64}\n"
        f"└── 🔗 {bundle} artifacts via OCI referrer: r.example.com/x@sha256:{'3' * 64}\n"
        f"   └── 🍒 sha256:{'4' * 64}\n"
    )
    assert read_referrers(text) == (f"sha256:{'3' * 64}",)
    assert read_referrers("No Supply Chain Security Related Artifacts found for image x") == ()
