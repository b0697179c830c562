# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict about an image: policies together, authorities apart, and nothing unknown taken for a yes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from miniapp_infra.cosign.models import AttestationCheck, Reason, SignatureCheck, SignatureFormat
from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.policy.verdict import Decision, Verdict, by_key, by_policies, combined

IMAGE = "r.example.com/team/app@sha256:" + "a" * 64
GOOD: dict[str, Any] = {"name": "ours", "key": {"data": "good"}}
BAD: dict[str, Any] = {"name": "theirs", "key": {"data": "bad"}}
SECRET: dict[str, Any] = {"name": "hidden", "key": {"secretRef": {"name": "x"}}}


@dataclass
class Keys:
    """Trusts the key "good", and what is attested by it."""

    attestations: set[str] = field(default_factory=set)
    reason: Reason = Reason.NO_MATCHING_SIGNATURE

    def signed(self, public_key: str, signature_format: SignatureFormat) -> SignatureCheck:
        text = Path(public_key).read_text() if "://" not in public_key else public_key
        good = text in {"good", "awskms:///good"} and signature_format is SignatureFormat.LEGACY
        return (
            SignatureCheck(verified=True)
            if good
            else SignatureCheck(verified=False, reason=self.reason, message="not signed")
        )

    def attested(self, public_key: str, predicate_type: str) -> AttestationCheck:
        good = Path(public_key).read_text() == "good" and predicate_type in self.attestations
        return AttestationCheck(
            verified=good, reason=None if good else Reason.NO_SIGNATURE, message="" if good else "none"
        )


def policy(
    *authorities: dict[str, Any], glob: str = "r.example.com/team/**", name: str = "p", **spec: Any
) -> dict[str, Any]:
    return {
        "kind": "ClusterImagePolicy",
        "metadata": {"name": name},
        "spec": {"images": [{"glob": glob}], "authorities": list(authorities), **spec},
    }


def decided(*policies: dict[str, Any], verifier: Keys | None = None, **options: Any) -> Verdict:
    return combined(by_policies(verifier or Keys(), IMAGE, policies, **options))


def test_any_authority_of_a_policy_is_enough_and_every_policy_is_needed() -> None:
    assert decided(policy(BAD, GOOD)).decision is Decision.ADMITTED
    assert decided(policy(GOOD), policy(BAD, name="q")) == Verdict(Decision.REFUSED, "q: theirs: not signed")
    assert decided(policy({"key": {"kms": "awskms:///good"}})).decision is Decision.ADMITTED


def test_a_policy_about_other_images_does_not_count() -> None:
    assert decided(policy(GOOD), policy(BAD, glob="r.example.com/other/**")).decision is Decision.ADMITTED


@pytest.mark.parametrize(
    ("no_match", "decision"),
    [("deny", Decision.REFUSED), ("warn", Decision.WARNED), ("allow", Decision.ADMITTED)],
)
def test_an_image_that_no_policy_matches(no_match: str, decision: Decision) -> None:
    assert decided(policy(GOOD, glob="other.example.com/**"), no_match=no_match).decision is decision
    assert decided(no_match=no_match).decision is decision


def test_a_policy_that_warns_refuses_nothing() -> None:
    assert decided(policy(BAD, mode="warn")) == Verdict(Decision.WARNED, "p: theirs: not signed")
    assert decided(policy(BAD, mode="warn"), policy(BAD, name="q")).decision is Decision.REFUSED
    assert decided(policy(GOOD, mode="warn")).decision is Decision.ADMITTED


@pytest.mark.parametrize(
    ("authority", "reason"),
    [
        (SECRET, "its key is in a Secret"),
        ({"name": "k", "keyless": {"identities": []}}, "keyless authorities are not checked"),
        ({**GOOD, "ctlog": {"url": "https://rekor.example.com"}}, "transparency log"),
        ({**GOOD, "source": [{"oci": "r.example.com/signatures"}]}, "other repositories"),
        ({**GOOD, "rfc3161timestamp": {"trustRootRef": "x"}}, "time stamps"),
        ({"name": "h", "key": {"data": "good", "hashAlgorithm": "sha512"}}, "hash algorithm"),
    ],
)
def test_what_cannot_be_found_out_is_unknown(authority: dict[str, Any], reason: str) -> None:
    found = decided(policy(authority))
    assert found.decision is Decision.UNKNOWN
    assert reason in found.reason
    assert decided(policy(authority, BAD)).decision is Decision.UNKNOWN
    assert decided(policy(authority, GOOD)).decision is Decision.ADMITTED
    assert decided(policy(authority), policy(BAD, name="q")).decision is Decision.REFUSED


@pytest.mark.parametrize("reason", [Reason.REGISTRY_ERROR, Reason.OTHER])
def test_a_registry_that_does_not_answer_is_no_answer(reason: Reason) -> None:
    assert decided(policy(BAD), verifier=Keys(reason=reason)).decision is Decision.UNKNOWN


def test_a_rule_about_all_authorities_is_unknown_once_they_are_satisfied() -> None:
    assert decided(policy(GOOD, policy={"type": "cue", "data": "x"})).decision is Decision.UNKNOWN
    assert decided(policy(BAD, policy={"type": "cue", "data": "x"})).decision is Decision.REFUSED


def test_a_bundle_with_a_key_is_refused_as_admission_does() -> None:
    assert decided(policy({**GOOD, "signatureFormat": "bundle"})).decision is Decision.REFUSED


def test_static_authorities() -> None:
    assert decided(policy({"static": {"action": "pass"}})).decision is Decision.ADMITTED
    assert decided(policy({"static": {"action": "fail", "message": "closed"}})) == Verdict(
        Decision.REFUSED, "p: closed"
    )


def test_attestations_are_needed_all_and_replace_the_signature() -> None:
    authority = {
        **GOOD,
        "attestations": [{"name": "a", "predicateType": "vuln"}, {"name": "b", "predicateType": "spdx"}],
    }
    assert decided(policy(authority), verifier=Keys({"vuln", "spdx"})).decision is Decision.ADMITTED
    missing = decided(policy(authority), verifier=Keys({"vuln"}))
    assert missing == Verdict(Decision.REFUSED, "p: ours: attestation spdx: none")
    ruled = {**GOOD, "attestations": [{"predicateType": "vuln", "policy": {"type": "cue", "data": "x"}}]}
    assert decided(policy(ruled), verifier=Keys({"vuln"})).decision is Decision.UNKNOWN


def test_a_key_alone(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("good")
    assert by_key(Keys(), str(key), SignatureFormat.LEGACY).decision is Decision.ADMITTED
    assert by_key(Keys(), str(key), SignatureFormat.BUNDLE).decision is Decision.REFUSED


def test_nobody_to_trust_is_unknown() -> None:
    assert combined([]).decision is Decision.UNKNOWN
    assert decided(policy()) == Verdict(Decision.REFUSED, "p: it trusts nobody")


def test_what_is_no_policy_is_refused() -> None:
    with pytest.raises(MiniappInfraError, match=r"policies\[1\]: must be a ClusterImagePolicy with a name"):
        decided(policy(GOOD), {"kind": "ConfigMap", "metadata": {"name": "x"}})
