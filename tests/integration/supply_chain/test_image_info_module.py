# SPDX-License-Identifier: GPL-3.0-or-later
"""``image_info``, and what the negative tests of signatures ask for, against a real registry with the real programs."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import BIN
from .test_signing_modules import split

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import RunModule, Signer
    from .oracle import Oracle

pytestmark = pytest.mark.live

SPDX = {"spdxVersion": "SPDX-2.3", "packages": [{"SPDXID": "SPDXRef-a", "name": "a"}]}


def policy(image: str, signer: Signer, **authority: Any) -> dict[str, Any]:
    """Return a policy about the repository of an image that trusts a signer."""
    data = {"key": {"data": signer.public_key.read_text()}}
    return {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": "ours"},
        "spec": {
            "images": [{"glob": f"{image.split('@', maxsplit=1)[0]}**"}],
            "authorities": [{"name": "us", **data, **authority}],
        },
    }


def referrers(oracle: Oracle, image: str) -> int:
    """Count what refers to an image by OCI 1.1, over plain HTTP: the API, or the tag where a registry has none."""
    repository, digest = split(image)
    for kind, name in (("referrers", digest), ("manifests", digest.replace(":", "-"))):
        found = oracle.get(repository, kind, name)
        if found is not None:
            return len(json.loads(found)["manifests"])
    return 0


def test_the_whole_picture(
    module_process: RunModule, push: Callable[[str], str], signer: Signer, stranger: Signer, reach: dict[str, Any]
) -> None:
    image = push("info/all")
    bare = module_process("image_info", {"image": image, "public_key": str(signer.public_key), **reach})
    assert bare.get("exists"), bare
    assert (bare["signatures"], bare["attestations"]) == ([], [])
    assert bare["verdict"]["decision"] == "refused"
    assert "no signatures found" in bare["verdict"]["reason"]

    module_process(
        "cosign_sign", {"image": image, "signature_formats": ["legacy", "bundle"], **signer.signing(), **reach}
    )
    attest = {"image": image, "predicate_type": "spdxjson", "predicate_content": SPDX, **signer.signing(), **reach}
    assert module_process("cosign_attest", attest)["changed"]

    by_tag = {"image": image.split("@")[0] + ":1", **reach}
    trusted = {**by_tag, "public_key": str(signer.public_key), "policies": [policy(image, signer)]}
    told = module_process("image_info", trusted, check=True)
    assert not told["changed"]
    assert (told["image"], told["digest"]) == (image, image.split("@")[1])
    assert [(item["format"], item["count"], item["verified"]) for item in told["signatures"]] == [
        ("bundle", 1, True),
        ("legacy", 1, True),
    ]
    (stated,) = told["attestations"]
    assert (stated["predicate_type"], stated["verified"]) == ("https://spdx.dev/Document", True)
    assert (told["sbom"]["found"], told["sbom"]["format"], told["sbom"]["packages"]) == (True, "spdx-json", 1)
    assert told["verdict"]["decision"] == "admitted", told["verdict"]
    assert [item["policy"] for item in told["verdict"]["policies"]] == ["", "ours"]

    listed = module_process("image_info", by_tag)
    assert {item["reason"] for item in (*listed["signatures"], *listed["attestations"])} == {"not_checked"}
    assert listed["verdict"]["decision"] == "unknown"

    theirs = {**by_tag, "public_key": str(stranger.public_key), "policies": [policy(image, stranger)]}
    refused = module_process("image_info", theirs)
    assert {item["reason"] for item in refused["signatures"]} == {"no_matching_signature"}
    assert (refused["sbom"]["found"], refused["sbom"]["verified"]) == (True, False)
    assert refused["verdict"]["decision"] == "refused"
    failed = module_process("image_info", {**theirs, "fail_unless_admitted": True})
    assert (failed["failed"], failed["error"]["code"]) == (True, "unverified_image")
    assert failed["verdict"] == refused["verdict"]


def test_a_missing_image_and_a_registry_that_does_not_answer(
    module_process: RunModule, reach: dict[str, Any], oracle: Oracle
) -> None:
    missing = module_process("image_info", {"image": f"{oracle.registry}/info/nothing:1", **reach})
    assert (missing["exists"], missing["digest"], missing["verdict"]["decision"]) == (False, "", "refused")
    failed = module_process("image_info", {"image": "127.0.0.1:1/x:1", **reach})
    assert (failed["failed"], failed["error"]["code"]) == (True, "unavailable")


def test_an_attestation_alone_satisfies_only_who_asks_for_it(
    module_process: RunModule, push: Callable[[str], str], signer: Signer, reach: dict[str, Any]
) -> None:
    image = push("info/attested")
    attest = {"image": image, "predicate_type": "spdxjson", "predicate_content": SPDX, **signer.signing(), **reach}
    module_process("cosign_attest", attest)
    asks = policy(image, signer, attestations=[{"name": "sbom", "predicateType": "spdxjson"}])
    for wanted, decision in ((policy(image, signer), "refused"), (asks, "admitted")):
        told = module_process("image_info", {"image": image, "policies": [wanted], **reach})
        assert told["verdict"]["decision"] == decision, told["verdict"]


@pytest.mark.parametrize("wanted", ["legacy", "bundle"])
def test_unsigned_and_another_key_are_told_apart_in_both_formats(
    module_process: RunModule,
    push: Callable[[str], str],
    signer: Signer,
    stranger: Signer,
    reach: dict[str, Any],
    *,
    wanted: str,
) -> None:
    unsigned, signed = push(f"negative/unsigned-{wanted}"), push(f"negative/stranger-{wanted}")
    module_process("cosign_sign", {"image": signed, "signature_formats": [wanted], **stranger.signing(), **reach})
    common = {"public_key": str(signer.public_key), "require_format": wanted, "fail_on_unverified": False, **reach}
    for image, reason in ((unsigned, "no_signature"), (signed, "no_matching_signature")):
        told = module_process("cosign_verify", {"image": image, **common})
        assert (told["verified"], told["reason"]) == (False, reason), told


def test_signing_again_adds_no_referrer_and_force_adds_one(
    module_process: RunModule, push: Callable[[str], str], signer: Signer, reach: dict[str, Any], oracle: Oracle
) -> None:
    image = push("negative/again")
    args = {"image": image, "signature_formats": ["legacy", "bundle"], **signer.signing(), **reach}
    assert referrers(oracle, image) == 0
    assert module_process("cosign_sign", args)["changed"]
    assert referrers(oracle, image) == 1
    for check in (False, True):
        assert not module_process("cosign_sign", args, check=check)["changed"]
    assert referrers(oracle, image) == 1
    assert oracle.good_signatures(*split(image), signer.public_key) == 1
    once_more = {**args, "signature_formats": ["bundle"], "force": True}
    assert module_process("cosign_sign", once_more, check=True)["changed"]
    assert referrers(oracle, image) == 1
    assert module_process("cosign_sign", once_more)["changed"]
    assert referrers(oracle, image) == 2


def test_a_tag_is_signed_by_its_digest_when_asked_for(
    module_process: RunModule, push: Callable[[str], str], signer: Signer, reach: dict[str, Any], oracle: Oracle
) -> None:
    image = push("sign/tag")
    args = {"image": image.split("@")[0] + ":1", "resolve_tag": True, **signer.signing(), **reach}
    assert module_process("cosign_sign", args)["image"] == image
    assert oracle.good_signatures(*split(image), signer.public_key) == 1
    missing = module_process("cosign_sign", {**args, "image": image.split("@")[0] + ":2"})
    assert missing["error"]["code"] == "not_found"


def test_a_registry_that_nobody_vouches_for_has_to_be_allowed(
    module_process: RunModule, push: Callable[[str], str], signer: Signer, reach: dict[str, Any]
) -> None:
    image = push("insecure/one")
    module_process("cosign_sign", {"image": image, **signer.signing(), **reach})
    args = {"image": image, "public_key": str(signer.public_key), **reach, "fail_on_unverified": False}
    del args["registry_ca_cert"]
    told = module_process("cosign_verify", args)
    assert told["reason"] == "registry_error", told
    assert module_process("cosign_verify", {**args, "allow_insecure_registry": True})["verified"]


def test_a_signing_config_without_services_makes_a_bundle(
    module_process: RunModule,
    push: Callable[[str], str],
    signer: Signer,
    reach: dict[str, Any],
    tmp_path: Path,
) -> None:
    """The way that needs none of the flags that version 4 of cosign takes away."""
    config, root = tmp_path / "config.json", tmp_path / "root.json"
    for command in (["signing-config", "create", "--out", str(config)], ["trusted-root", "create", "--out", str(root)]):
        subprocess.run(
            [str(BIN / "cosign"), *command], check=True, capture_output=True, env={**os.environ, "HOME": str(tmp_path)}
        )
    image = push("sign/config")
    services = {"signing_config": str(config), "trusted_root": str(root)}
    args = {"image": image, "signature_formats": ["bundle"], **services, **signer.signing(), **reach}
    signed = module_process("cosign_sign", args)
    assert signed.get("changed"), signed
    assert not module_process("cosign_sign", args)["changed"]
    verified = module_process(
        "cosign_verify", {"image": image, "public_key": str(signer.public_key), "require_format": "bundle", **reach}
    )
    assert verified["verified"], verified


def test_statements_have_to_satisfy_the_rules(
    module_process: RunModule, push: Callable[[str], str], signer: Signer, reach: dict[str, Any], tmp_path: Path
) -> None:
    image = push("attest/rules")
    attest = {"image": image, "predicate_type": "spdxjson", "predicate_content": SPDX, **signer.signing(), **reach}
    assert module_process("cosign_attest", attest)["changed"]
    common = {
        "image": image,
        "predicate_type": "spdxjson",
        "public_key": str(signer.public_key),
        "fail_on_unverified": False,
        **reach,
    }
    for version, is_good in (("SPDX-2.3", True), ("SPDX-3.0", False)):
        rule = tmp_path / f"{version}.cue"
        rule.write_text(f'predicate: {{\n  spdxVersion: "{version}"\n}}\n')
        told = module_process("cosign_verify_attestation", {**common, "policy_files": [str(rule)]})
        assert told.get("verified") is is_good, told
    missing = module_process("cosign_verify_attestation", {**common, "policy_files": ["/nowhere.cue"]})
    assert missing["msg"] == "policy_files: /nowhere.cue is not a file"
