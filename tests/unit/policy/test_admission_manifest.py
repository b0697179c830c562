# SPDX-License-Identifier: GPL-3.0-or-later
"""ClusterImagePolicies that somebody wrote: what is refused, what is warned about, what a glob matches."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.policy.admission import advice, is_docker_hub, manifest, matches

KMS: dict[str, Any] = {"name": "release", "key": {"kms": "awskms:///alias/release"}}
IDENTITIES = [{"issuer": "https://accounts.example.com", "subjectRegExp": ".*@example.com"}]
PRIVATE = ec.generate_private_key(ec.SECP256R1())


def public_pem() -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def private_pem() -> str:
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return PRIVATE.private_bytes(serialization.Encoding.PEM, form, none).decode()


def declared(*authorities: dict[str, Any], **options: Any) -> dict[str, Any]:
    return manifest("p", images=["r.example.com/team/**"], authorities=authorities or (KMS,), **options)


def test_everything_is_passed_on() -> None:
    policy = declared(
        KMS,
        {"keyless": {"identities": IDENTITIES}, "signatureFormat": "bundle"},
        {"static": {"action": "pass"}},
        mode="warn",
        match=[{"group": "apps", "version": "v1", "resource": "deployments"}],
        policy={"type": "cue", "data": "x"},
        labels={"a": "b"},
    )
    assert policy["apiVersion"] == "policy.sigstore.dev/v1beta1"
    assert policy["metadata"] == {"name": "p", "labels": {"a": "b"}}
    assert policy["spec"]["images"] == [{"glob": "r.example.com/team/**"}]
    assert [sorted(item) for item in policy["spec"]["authorities"]] == [
        ["key", "name"],
        ["keyless", "signatureFormat"],
        ["static"],
    ]
    assert (policy["spec"]["mode"], policy["spec"]["match"][0]["resource"]) == ("warn", "deployments")
    assert policy["spec"]["policy"] == {"type": "cue", "data": "x"}


def test_what_is_not_given_is_not_declared() -> None:
    assert declared() == {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": "p"},
        "spec": {"mode": "enforce", "images": [{"glob": "r.example.com/team/**"}], "authorities": [KMS]},
    }


@pytest.mark.parametrize(
    ("authority", "problem"),
    [
        ({**KMS, "signatureFormat": "bundle"}, "signatureFormat: policy-controller verifies bundles of keyless"),
        ({**KMS, "signatureFormat": "new"}, "signatureFormat: must be legacy or bundle, got new"),
        ({}, "exactly one of key, keyless and static, got none"),
        ({**KMS, "static": {"action": "pass"}}, "got key and static"),
        ({"key": "cosign.pub"}, "key: must be a dictionary"),
        ({"key": {"hashAlgorithm": "sha256"}}, "key: must have exactly one of data, secretRef and kms"),
        ({"key": {"kms": "awskms:///x", "data": "y"}}, "key: must have exactly one of data, secretRef and kms"),
        ({"key": {"data": "ssh-rsa AAAA"}}, "key: data: this is no public key in PEM"),
        ({"keyless": {"url": "https://fulcio.example.com"}}, "keyless: identities: must name at least one"),
        ({"keyless": {"identities": [{"issuer": "x"}]}}, "identities[0]: must have subject or subjectRegExp"),
        ({"keyless": {"identities": [{"subject": "x"}]}}, "identities[0]: must have issuer or issuerRegExp"),
    ],
)
def test_authorities_that_would_not_do_what_is_meant(authority: dict[str, Any], problem: str) -> None:
    with pytest.raises(MiniappInfraError) as caught:
        declared(KMS, authority)
    assert caught.value.message.startswith("authorities[1]: ")
    assert problem in caught.value.message
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_a_private_key_is_refused_and_not_repeated() -> None:
    with pytest.raises(MiniappInfraError, match="this is a private key") as caught:
        declared({"key": {"data": private_pem()}})
    assert "BEGIN" not in caught.value.message
    assert declared({"key": {"data": public_pem()}})


@pytest.mark.parametrize("glob", ["*", "*/*", "busybox", "busybox:1", "library/busybox:**", "team/**", "team/app*"])
def test_a_glob_without_a_registry_means_docker_hub(glob: str) -> None:
    assert is_docker_hub(glob)
    with pytest.raises(MiniappInfraError, match=r"images\[0\]: .* names no registry") as caught:
        manifest("p", images=[glob], authorities=[KMS])
    assert "allow_docker_hub" in caught.value.hint
    assert manifest("p", images=[glob], authorities=[KMS], allow_docker_hub=True)
    assert "Docker Hub" in advice([glob])[0]


@pytest.mark.parametrize(
    "glob",
    ["**", "**/app:**", "r.example.com/**", "localhost/**", "r:5000/x/**", "*.example.com/**", "ghcr*/x/**"],
)
def test_a_glob_with_a_registry_does_not(glob: str) -> None:
    assert not is_docker_hub(glob)
    assert advice([glob]) == []


def test_globs_that_are_likely_not_meant_are_warned_about() -> None:
    assert "index.docker.io" in advice(["docker.io/library/**"])[0]
    assert "no image that is named by digest" in advice(["r.example.com/team/app"])[0]
    assert advice(["r.example.com/team/app:1.0"]) == []


@pytest.mark.parametrize("glob", ["", "a b", "r.example.com/[ab]/**", "^r.example.com/.+$"])
def test_what_is_no_glob(glob: str) -> None:
    with pytest.raises(MiniappInfraError, match=r"images\[0\]: .* is no glob"):
        manifest("p", images=[glob], authorities=[KMS])


def test_a_policy_about_nothing_or_by_nobody_is_refused() -> None:
    with pytest.raises(MiniappInfraError, match="images: must name at least one glob"):
        manifest("p", images=[], authorities=[KMS])
    with pytest.raises(MiniappInfraError, match="authorities: must name at least one"):
        manifest("p", images=["r.example.com/**"], authorities=[])


DIGEST = "@sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("glob", "image", "expected"),
    [
        ("r.example.com/team/**", f"r.example.com/team/app{DIGEST}", True),
        ("r.example.com/team/**", f"r.example.com/team-evil/app{DIGEST}", False),
        ("r.example.com/*", f"r.example.com/app{DIGEST}", True),
        ("r.example.com/*", f"r.example.com/team/app{DIGEST}", False),
        ("r.example.com/app", f"r.example.com/app{DIGEST}", False),
        ("r.example.com/app:1.0", "r.example.com/app:1.0", True),
        ("rXexample.com/**", "r.example.com/app:1", False),
        ("r.example.com/**", "rXexample.com/app:1", False),
        ("**", f"anything/at/all{DIGEST}", True),
        ("*", "index.docker.io/library/busybox:1", True),
        ("*/*", "index.docker.io/team/app:1", True),
        ("*", "r.example.com/app:1", False),
    ],
)
def test_globs(glob: str, image: str, *, expected: bool) -> None:
    assert matches(glob, image) is expected
