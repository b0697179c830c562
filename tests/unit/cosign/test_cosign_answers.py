# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what cosign says. The texts are those of cosign 3.1.3 against a real registry."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from miniapp_infra.cosign.models import Reason
from miniapp_infra.cosign.transformations import (
    predicate_hash,
    read_signatures,
    read_statements,
    signing_error,
)
from miniapp_infra.cosign.version import parse_version
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry import Completed

DIGEST = "sha256:" + "d" * 64
OTHER = "sha256:" + "e" * 64


def entry(digest: str = DIGEST) -> dict[str, Any]:
    return {
        "critical": {
            "identity": {"docker-reference": "r/x"},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": {"env": "prod"},
    }


def envelope(digest: str, predicate: dict[str, Any]) -> str:
    statement = {"subject": [{"digest": {"sha256": digest.removeprefix("sha256:")}}], "predicate": predicate}
    return json.dumps({"payload": base64.b64encode(json.dumps(statement).encode()).decode(), "signatures": []})


def test_a_good_signature_is_read_after_the_blank_line() -> None:
    check = read_signatures(Completed(0, "\n" + json.dumps([entry()]), "Verification for ..."), DIGEST)
    assert check.verified
    assert check.signatures[0].annotations == {"env": "prod"}


@pytest.mark.parametrize(
    "stdout",
    [
        "",
        "[]",
        "null",
        "{}",
        json.dumps([entry(OTHER)]),
        json.dumps([entry(), entry(OTHER)]),
        "some text\n" + json.dumps([entry()]),
        json.dumps([{"critical": {}}]),
        json.dumps(["text"]),
    ],
)
def test_exit_status_0_alone_proves_nothing(stdout: str) -> None:
    check = read_signatures(Completed(0, stdout, ""), DIGEST)
    assert (check.verified, check.reason, check.signatures) == (False, Reason.OTHER, ())


@pytest.mark.parametrize(
    ("status", "stderr", "reason"),
    [
        (10, "Error: no signatures found", Reason.NO_SIGNATURE),
        (11, "Error: tag", Reason.IMAGE_NOT_FOUND),
        (12, "Error: no matching signatures: invalid signature", Reason.NO_MATCHING_SIGNATURE),
        (1, 'Error: Get "https://r/v2/": dial tcp 1.1.1.1:1: connect: connection refused', Reason.REGISTRY_ERROR),
        (1, "Error: no matching attestations: failed to verify signature: ...", Reason.NO_MATCHING_SIGNATURE),
        (1, "Error: GET https://r: MANIFEST_UNKNOWN: manifest unknown", Reason.IMAGE_NOT_FOUND),
        (1, "Error: a new sentence", Reason.OTHER),
    ],
)
def test_reasons(status: int, stderr: str, reason: Reason) -> None:
    check = read_signatures(Completed(status, "", stderr), DIGEST)
    assert (check.verified, check.reason) == (False, reason)


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        (
            "Error: no matching attestations: \nerror during command execution: no matching attestations: ",
            Reason.NO_SIGNATURE,
        ),
        ("Error: none of the attestations matched the predicate type: vuln, found: x", Reason.NO_SIGNATURE),
        ("Error: no matching attestations: accepted signatures do not match threshold", Reason.NO_MATCHING_SIGNATURE),
    ],
)
def test_reasons_of_attestations(stderr: str, reason: Reason) -> None:
    assert read_statements(Completed(1, "", stderr), DIGEST).reason is reason


def test_statements_are_decoded_one_per_line() -> None:
    stdout = envelope(DIGEST, {"a": 1}) + "\n" + envelope(DIGEST, {"a": 2}) + "\n"
    check = read_statements(Completed(0, stdout, ""), DIGEST)
    assert [statement["predicate"] for statement in check.statements] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("stdout", ["", "text", "{}", envelope(OTHER, {})])
def test_statements_about_nothing_or_another_image_do_not_count(stdout: str) -> None:
    check = read_statements(Completed(0, stdout, ""), DIGEST)
    assert (check.verified, check.reason, check.statements) == (False, Reason.OTHER, ())


def test_predicates_are_compared_by_meaning() -> None:
    assert predicate_hash({"a": 1, "b": "ä<"}) == predicate_hash({"b": "ä<", "a": 1})
    assert predicate_hash({"a": 1}) != predicate_hash({"a": 2})


def test_a_wrong_password_is_told_as_such() -> None:
    error = signing_error("sign image x", Completed(1, "", "Error: decrypt: encrypted: decryption failed"))
    assert (error.code, error.hint) == (ErrorCode.INVALID_INPUT, "check key_password or key_password_file")


@pytest.mark.parametrize("version", ["v2.6.4", "v2.9.0", "v3.0.4", "v3.1.3"])
def test_known_versions(version: str) -> None:
    assert parse_version(Completed(0, json.dumps({"gitVersion": version}), "")).text == version


@pytest.mark.parametrize("version", ["v2.6.3", "v3.0.3", "v4.0.0", "devel", ""])
def test_versions_that_would_behave_otherwise_are_refused(version: str) -> None:
    with pytest.raises(MiniappInfraError) as caught:
        parse_version(Completed(0, json.dumps({"gitVersion": version}), ""))
    assert caught.value.code is ErrorCode.MISSING_TOOL


def test_a_version_with_an_advisory_is_warned_about() -> None:
    old = parse_version(Completed(0, '{"gitVersion": "v3.1.2"}', ""))
    new = parse_version(Completed(0, '{"gitVersion": "v3.1.3"}', ""))
    assert old.warning is not None
    assert "GHSA-fx35-mq7g-6g98" in old.warning
    assert new.warning is None
