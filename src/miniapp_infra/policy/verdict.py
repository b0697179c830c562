# SPDX-License-Identifier: GPL-3.0-or-later
"""What admission will say about an image, told before it is deployed.

The rules are policy-controller's (pkg/webhook/validator.go): every policy that matches an image must be satisfied, by
any one of its authorities; an authority with attestations asks for all of those and for no signature; an image that no
policy matches is refused unless the cluster is configured otherwise.

What cannot be found out here, such as the content of a Secret of the cluster, is never taken for a yes.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from miniapp_infra.cosign.models import Reason, SignatureFormat
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.objects import lookup
from miniapp_infra.policy.admission import KIND, matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from miniapp_infra.cosign.models import AttestationCheck, SignatureCheck

# What an authority may ask for that takes services or parts of the cluster to find out.
_BEYOND_US = {
    "ctlog": "the transparency log is not asked here",
    "rfc3161timestamp": "time stamps are not checked here",
    "source": "its signatures are kept in other repositories",
}


class Decision(StrEnum):
    """What happens to an image at admission."""

    ADMITTED = "admitted"
    WARNED = "warned"
    REFUSED = "refused"
    UNKNOWN = "unknown"


_SEVERITY = (Decision.REFUSED, Decision.UNKNOWN, Decision.WARNED, Decision.ADMITTED)


@dataclass(frozen=True)
class Verdict:
    """What one policy, or all of them, say.

    Args:
        decision: what happens.
        reason: why; empty when the image is admitted.
        policy: name of the policy; empty for all of them.
    """

    decision: Decision
    reason: str = ""
    policy: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"policy": self.policy, "decision": str(self.decision), "reason": self.reason}


class Verifier(Protocol):
    """Finds out about one image; ``public_key`` is a file or a reference."""

    def signed(self, public_key: str, signature_format: SignatureFormat) -> SignatureCheck:
        """Look for a signature by a key."""

    def attested(self, public_key: str, predicate_type: str) -> AttestationCheck:
        """Look for an attestation by a key, in the legacy format."""


def by_key(verifier: Verifier, public_key: str, signature_format: SignatureFormat) -> Verdict:
    """Judge an image by one trusted key alone."""
    return _of_check(verifier.signed(public_key, signature_format), "public_key")


def by_policies(
    verifier: Verifier, image: str, policies: Sequence[Mapping[str, Any]], *, no_match: str = "deny"
) -> list[Verdict]:
    """Judge an image by each policy that matches it.

    Args:
        verifier: knows the image.
        image: registry, repository and digest, or tag.
        policies: ClusterImagePolicies.
        no_match: what the cluster does where none matches: ``deny``, ``warn`` or ``allow``.

    Raises:
        MiniappInfraError: ``invalid_input``: something is no ClusterImagePolicy.
    """
    for position, policy in enumerate(policies):
        if policy.get("kind") != KIND or not lookup(policy, "metadata", "name"):
            raise MiniappInfraError(f"policies[{position}]: must be a {KIND} with a name", code=ErrorCode.INVALID_INPUT)
    matching = [policy for policy in policies if _matches(policy, image)]
    if matching:
        return [_of_policy(verifier, policy) for policy in matching]
    decision = {"deny": Decision.REFUSED, "warn": Decision.WARNED, "allow": Decision.ADMITTED}[no_match]
    return [Verdict(decision, "" if decision is Decision.ADMITTED else "no policy matches the image")]


def combined(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the worst of several verdicts, with all reasons for it; unknown, when there is none."""
    if not verdicts:
        return Verdict(Decision.UNKNOWN, "neither public_key nor policies say whom to trust")
    worst = min((verdict.decision for verdict in verdicts), key=_SEVERITY.index)
    reasons = [_told(verdict) for verdict in verdicts if verdict.decision is worst and verdict.reason]
    return Verdict(worst, "; ".join(reasons))


def _told(verdict: Verdict) -> str:
    return f"{verdict.policy}: {verdict.reason}" if verdict.policy else verdict.reason


def _matches(policy: Mapping[str, Any], image: str) -> bool:
    globs = [str(item.get("glob", "")) for item in lookup(policy, "spec", "images") or ()]
    return any(matches(glob, image) for glob in globs)


def _of_policy(verifier: Verifier, policy: Mapping[str, Any]) -> Verdict:
    name = policy["metadata"]["name"]
    verdicts = [_of_authority(verifier, item) for item in lookup(policy, "spec", "authorities") or ()]
    found = next((item for item in verdicts if item.decision is Decision.ADMITTED), None)
    if found is not None and lookup(policy, "spec", "policy"):
        found = Verdict(Decision.UNKNOWN, "its rule about all authorities is not evaluated here")
    if found is None:
        unsure = [item for item in verdicts if item.decision is Decision.UNKNOWN]
        decision = Decision.UNKNOWN if unsure else Decision.REFUSED
        found = Verdict(decision, "; ".join(item.reason for item in unsure or verdicts) or "it trusts nobody")
    if lookup(policy, "spec", "mode") == "warn" and found.decision is not Decision.ADMITTED:
        return Verdict(Decision.WARNED, found.reason, name)
    return Verdict(found.decision, found.reason, name)


def _of_authority(verifier: Verifier, authority: Mapping[str, Any]) -> Verdict:
    name = str(authority.get("name") or "authority")
    action = lookup(authority, "static", "action")
    if action:
        passes = action == "pass"
        reason = "" if passes else str(lookup(authority, "static", "message") or f"{name} refuses every image")
        return Verdict(Decision.ADMITTED if passes else Decision.REFUSED, reason)
    if why := _beyond_us(authority):
        return Verdict(Decision.UNKNOWN, f"{name}: {why}")
    key = authority["key"]
    if authority.get("signatureFormat", "legacy") != "legacy":
        return Verdict(Decision.REFUSED, f"{name}: admission verifies bundles of keyless authorities only")
    with _key_file(key) as public_key:
        return _of_key(verifier, name, public_key, authority.get("attestations") or ())


def _beyond_us(authority: Mapping[str, Any]) -> str:
    """Return why an authority cannot be asked from here; empty when it can."""
    for option, why in _BEYOND_US.items():
        if authority.get(option):
            return why
    key = authority.get("key") or {}
    if not key:
        return "keyless authorities are not checked here"
    if key.get("secretRef"):
        return "its key is in a Secret of the cluster"
    return "" if (key.get("hashAlgorithm") or "sha256") == "sha256" else "its hash algorithm is not checked here"


def _of_key(verifier: Verifier, name: str, public_key: str, attestations: Sequence[Mapping[str, Any]]) -> Verdict:
    if not attestations:
        return _of_check(verifier.signed(public_key, SignatureFormat.LEGACY), name)
    verdicts = []
    for attestation in attestations:
        kind = str(attestation.get("predicateType", ""))
        verdict = _of_check(verifier.attested(public_key, kind), f"{name}: attestation {kind}")
        if verdict.decision is Decision.ADMITTED and attestation.get("policy"):
            verdict = Verdict(Decision.UNKNOWN, f"{name}: attestation {kind}: its rule is not evaluated here")
        verdicts.append(verdict)
    return combined(verdicts)


def _of_check(check: SignatureCheck | AttestationCheck, name: str) -> Verdict:
    if check.verified:
        return Verdict(Decision.ADMITTED)
    unclear = check.reason in {Reason.REGISTRY_ERROR, Reason.OTHER}
    return Verdict(Decision.UNKNOWN if unclear else Decision.REFUSED, f"{name}: {check.message or check.reason}")


@contextmanager
def _key_file(key: Mapping[str, Any]) -> Iterator[str]:
    if key.get("kms"):
        yield str(key["kms"])
        return
    with tempfile.TemporaryDirectory(prefix="miniapp-key-") as directory:
        file = Path(directory) / "cosign.pub"
        file.write_text(str(key.get("data", "")))
        yield str(file)
