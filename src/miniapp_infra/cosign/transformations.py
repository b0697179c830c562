# SPDX-License-Identifier: GPL-3.0-or-later
"""From what cosign prints to values, and from values to a comparable form. No input, no output."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from miniapp_infra.cosign.models import AttestationCheck, Reason, Signature, SignatureCheck
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry.errors import is_missing, is_registry_failure, last_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.registry.command import Completed

BUNDLE_KIND = "https://sigstore.dev/cosign/sign/v1"
# cosign v3 cmd/cosign/cli/tree.go. Up to 3.1.2 the artifact type is in front, from 3.1.3 on the predicate type.
_REFERRER = re.compile(r"artifacts via OCI referrer: \S+@(sha256:[0-9a-f]{64})")
# Exit codes of the legacy path (cosign v3.1.2 doc/cosign_exit_codes.md, "may be subject to change").
_EXIT_REASONS = {
    10: Reason.NO_SIGNATURE,
    11: Reason.IMAGE_NOT_FOUND,
    12: Reason.NO_MATCHING_SIGNATURE,
    13: Reason.NO_CERTIFICATE,
}
# Elsewhere every failure is exit 1 and the sentence decides. An attestation that is absent is told as
# "no matching attestations: " followed by nothing, one by another key by the same words followed by the cause.
_SENTENCES = (
    ("no signatures found", Reason.NO_SIGNATURE),
    ("none of the attestations matched the predicate type", Reason.NO_SIGNATURE),
    ("no matching attestations:", Reason.NO_MATCHING_SIGNATURE),
    ("no matching signatures", Reason.NO_MATCHING_SIGNATURE),
    ("could not verify envelope", Reason.NO_MATCHING_SIGNATURE),
)


def read_signatures(done: Completed, digest: str) -> SignatureCheck:
    """Judge what ``cosign verify --output json`` did.

    Some cosign versions print text and still end with 0 when a payload cannot be decoded, so success needs proof: a
    JSON list that is not empty and in which every signature is for the digest that was asked about.
    """
    if done.returncode != 0:
        return SignatureCheck(verified=False, reason=_reason(done), message=last_line(done.stderr))
    try:
        entries = json.loads(done.stdout)
        signatures = tuple(Signature.from_api(entry) for entry in entries)
    except (ValueError, KeyError, TypeError) as error:
        return SignatureCheck(
            verified=False, reason=Reason.OTHER, message=f"cosign ended with 0 and printed no signatures: {error}"
        )
    if not signatures or any(signature.digest != digest for signature in signatures):
        found = ", ".join(sorted({signature.digest for signature in signatures})) or "nothing"
        return SignatureCheck(
            verified=False, reason=Reason.OTHER, message=f"cosign ended with 0 and verified {found}, not {digest}"
        )
    return SignatureCheck(verified=True, signatures=signatures)


def read_statements(done: Completed, digest: str) -> AttestationCheck:
    """Judge what ``cosign verify-attestation --output json`` did: one DSSE envelope on each line."""
    if done.returncode != 0:
        return AttestationCheck(verified=False, reason=_reason(done), message=last_line(done.stderr))
    try:
        envelopes = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
        statements = tuple(json.loads(base64.b64decode(envelope["payload"])) for envelope in envelopes)
        subjects = {subject["digest"]["sha256"] for statement in statements for subject in statement["subject"]}
    except (ValueError, KeyError, TypeError) as error:
        return AttestationCheck(
            verified=False, reason=Reason.OTHER, message=f"cosign ended with 0 and printed no statements: {error}"
        )
    if subjects != {digest.removeprefix("sha256:")}:
        return AttestationCheck(
            verified=False, reason=Reason.OTHER, message=f"cosign ended with 0 and verified nothing about {digest}"
        )
    return AttestationCheck(verified=True, statements=statements)


def read_referrers(text: str) -> tuple[str, ...]:
    """Read the digests of OCI referrers out of what ``cosign tree`` prints."""
    return tuple(sorted(set(_REFERRER.findall(text))))


def predicate_hash(predicate: Mapping[str, Any]) -> str:
    """Return the hash of a predicate's meaning: key order and white space do not count."""
    text = json.dumps(predicate, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def signing_error(action: str, done: Completed) -> MiniappInfraError:
    """Return the error for a failed call that needed the private key."""
    reason = last_line(done.stderr)
    if "decrypt" in done.stderr:
        return MiniappInfraError(
            f"Failed to {action}: the key does not open with this password",
            code=ErrorCode.INVALID_INPUT,
            hint="check key_password or key_password_file",
        )
    if is_registry_failure(done.stderr):
        return MiniappInfraError(
            f"Failed to {action}: {reason}",
            code=ErrorCode.UNAVAILABLE,
            retryable=True,
            hint="check that the registry runs, its certificate authority and our right to push",
        )
    if is_missing(done.stderr):
        return MiniappInfraError(f"Failed to {action}: {reason}", code=ErrorCode.NOT_FOUND)
    return MiniappInfraError(f"Failed to {action}: {reason}")


def _reason(done: Completed) -> Reason:
    if done.returncode in _EXIT_REASONS:
        return _EXIT_REASONS[done.returncode]
    if is_registry_failure(done.stderr):
        return Reason.REGISTRY_ERROR
    if is_missing(done.stderr):
        return Reason.IMAGE_NOT_FOUND
    if last_line(done.stderr).endswith("no matching attestations:"):
        return Reason.NO_SIGNATURE
    return next((reason for sentence, reason in _SENTENCES if sentence in done.stderr), Reason.OTHER)
