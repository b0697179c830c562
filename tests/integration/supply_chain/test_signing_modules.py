# SPDX-License-Identifier: GPL-3.0-or-later
"""Key pairs, signatures and attestations through the modules, judged by an independent verifier."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import RunModule, Signer
    from .oracle import Oracle

pytestmark = pytest.mark.live


def split(image: str) -> tuple[str, str]:
    name, digest = image.split("@")
    return name.split("/", 1)[1], digest


def four_steps(run_module: RunModule, name: str, args: dict[str, Any]) -> list[dict[str, Any]]:
    """Check, run, run, check: would change, changes, does not change, would not change."""
    results = [
        run_module(name, args, check=True, diff=True),
        run_module(name, args),
        run_module(name, args),
        run_module(name, args, check=True, diff=True),
    ]
    assert [result.get("changed") for result in results] == [True, True, False, False], results
    assert results[0]["diff"]["before"] != results[0]["diff"]["after"]
    assert results[3]["diff"]["before"] == results[3]["diff"]["after"]
    return results


def test_key_pair(run_module: RunModule, recorder: Path, tmp_path: Path) -> None:
    directory = tmp_path / "signing"
    results = four_steps(run_module, "cosign_key_pair", {"directory": str(directory), "cosign_binary": str(recorder)})
    assert results[0]["fingerprint"] == ""
    assert results[1]["public_key"] == (directory / "cosign.pub").read_text()
    password = (directory / "password").read_text().strip()
    assert all(password not in json.dumps(result) for result in results)
    assert (directory / "cosign.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("formats", [["legacy"], ["bundle"], ["legacy", "bundle"]])
def test_sign(
    module_process: RunModule,
    push: Callable[[str], str],
    signer: Signer,
    reach: dict[str, Any],
    oracle: Oracle,
    *,
    formats: list[str],
) -> None:
    image = push(f"sign/{'-'.join(formats)}")
    args = {"image": image, "signature_formats": formats, "annotations": {"env": "test"}, **signer.signing(), **reach}
    results = four_steps(module_process, "cosign_sign", args)
    assert results[0]["added"] == results[1]["added"] == formats
    assert results[1]["signed_by"] == signer.fingerprint
    assert oracle.good_signatures(*split(image), signer.public_key) == int("legacy" in formats)
    for wanted in formats:
        verified = module_process(
            "cosign_verify",
            {"image": image, "public_key": str(signer.public_key), "signature_format": wanted, **reach},
        )
        assert verified["verified"], verified


def test_sign_refuses_a_tag_a_missing_image_and_a_wrong_password(
    module_process: RunModule, push: Callable[[str], str], signer: Signer, reach: dict[str, Any], oracle: Oracle
) -> None:
    image = push("refuse/sign")
    options = {**signer.signing(), **reach}
    by_tag = module_process("cosign_sign", {"image": image.split("@")[0] + ":1", **options})
    assert by_tag["failed"]
    assert by_tag["error"]["code"] == "invalid_input"
    missing = module_process(
        "cosign_sign", {"image": f"{image.split('@')[0]}@sha256:{'0' * 64}", **options}, check=True
    )
    assert missing["error"]["code"] == "not_found"
    del options["key_password_file"]
    wrong = module_process("cosign_sign", {"image": image, "key_password": "canary-wrong", **options})
    assert "does not open with this password" in wrong["msg"]
    assert "canary-wrong" not in json.dumps(wrong)
    assert oracle.good_signatures(*split(image), signer.public_key) == 0


def test_verify_tells_unsigned_other_key_missing_and_unreachable_apart(
    module_process: RunModule, push: Callable[[str], str], signer: Signer, stranger: Signer, reach: dict[str, Any]
) -> None:
    unsigned, signed = push("verify/unsigned"), push("verify/stranger")
    assert module_process("cosign_sign", {"image": signed, **stranger.signing(), **reach})["changed"]
    for image, reason in (
        (unsigned, "no_signature"),
        (signed, "no_matching_signature"),
        (f"{unsigned.split('@')[0]}@sha256:{'0' * 64}", "image_not_found"),
        (f"127.0.0.1:1/verify/x@sha256:{'0' * 64}", "registry_error"),
    ):
        args = {"image": image, "public_key": str(signer.public_key), "fail_on_unverified": False, **reach}
        result = module_process("cosign_verify", args)
        assert (result["verified"], result["reason"], result["changed"]) == (False, reason, False), result
        failed = module_process("cosign_verify", {**args, "fail_on_unverified": True})
        assert (failed["failed"], failed["error"]["code"]) == (True, "unverified_image")


def test_verify_resolves_a_tag_to_the_digest_that_it_verified(
    module_process: RunModule, push: Callable[[str], str], signer: Signer, reach: dict[str, Any]
) -> None:
    image = push("verify/tag")
    module_process("cosign_sign", {"image": image, **signer.signing(), **reach})
    args = {"image": image.split("@")[0] + ":1", "public_key": str(signer.public_key), **reach}
    assert module_process("cosign_verify", {**args, "resolve_tag": True})["image"] == image
    assert module_process("cosign_verify", args)["error"]["code"] == "invalid_input"
    missing = {**args, "image": image.split("@")[0] + ":2", "resolve_tag": True, "fail_on_unverified": False}
    assert module_process("cosign_verify", missing)["reason"] == "image_not_found"


def test_a_tampered_signature_does_not_verify(
    module_process: RunModule, push: Callable[[str], str], signer: Signer, reach: dict[str, Any], oracle: Oracle
) -> None:
    """The signature of one image is moved to another: right key, wrong content."""
    victim, source = push("tamper/victim"), push("tamper/source")
    module_process("cosign_sign", {"image": source, **signer.signing(), **reach})
    repository, digest = split(source)
    manifest = oracle.get(repository, "manifests", f"{digest.replace(':', '-')}.sig")
    assert manifest is not None
    oracle.put_manifest(repository, f"{split(victim)[1].replace(':', '-')}.sig", json.loads(manifest))
    # The image itself has to exist in the same repository, under the digest that the stolen signature is put at.
    moved = f"{source.split('@')[0]}@{split(victim)[1]}"
    args = {"image": moved, "public_key": str(signer.public_key), "fail_on_unverified": False, **reach}
    result = module_process("cosign_verify", args)
    assert (result["verified"], result["signatures"]) == (False, [])
    assert oracle.good_signatures(repository, split(victim)[1], signer.public_key) == 0


def test_attest(
    module_process: RunModule, push: Callable[[str], str], signer: Signer, reach: dict[str, Any], oracle: Oracle
) -> None:
    image = push("attest/one")
    args = {
        "image": image,
        "predicate_type": "spdxjson",
        "predicate_content": {"spdxVersion": "SPDX-2.3", "packages": [{"name": "a<b>"}]},
        **signer.signing(),
        **reach,
    }
    four_steps(module_process, "cosign_attest", args)
    other_type = {**args, "predicate_type": "cyclonedx", "predicate_content": {"bomFormat": "CycloneDX"}}
    assert module_process("cosign_attest", other_type)["changed"]
    newer = {**args, "predicate_content": {"spdxVersion": "SPDX-2.3", "packages": []}}
    assert module_process("cosign_attest", newer)["changed"]
    predicates = [item["predicate"] for item in oracle.good_statements(*split(image), signer.public_key)]
    assert sorted(predicates, key=str) == sorted([newer["predicate_content"], other_type["predicate_content"]], key=str)
    read = module_process(
        "cosign_verify_attestation",
        {"image": image, "predicate_type": "spdxjson", "public_key": str(signer.public_key), **reach},
    )
    assert [statement["predicate"] for statement in read["statements"]] == [newer["predicate_content"]]


def test_attestations_of_another_key_do_not_count(
    module_process: RunModule, push: Callable[[str], str], signer: Signer, stranger: Signer, reach: dict[str, Any]
) -> None:
    image = push("attest/stranger")
    predicate = {"predicate_type": "spdxjson", "predicate_content": {"spdxVersion": "SPDX-2.3"}}
    none = {"image": image, "predicate_type": "spdxjson", "public_key": str(signer.public_key), **reach}
    assert (
        module_process("cosign_verify_attestation", {**none, "fail_on_unverified": False})["reason"] == "no_signature"
    )
    assert module_process("cosign_attest", {"image": image, **predicate, **stranger.signing(), **reach})["changed"]
    result = module_process("cosign_verify_attestation", {**none, "fail_on_unverified": False})
    assert (result["verified"], result["reason"]) == (False, "no_matching_signature")
    assert module_process("cosign_verify_attestation", none)["error"]["code"] == "unverified_image"
