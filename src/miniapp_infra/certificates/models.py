# SPDX-License-Identifier: GPL-3.0-or-later
"""A Certificate of cert-manager, and the chain of objects that issue it.

Fields and conditions are those of cert-manager's API types (``pkg/apis/certmanager/v1``, ``pkg/apis/acme/v1``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.objects import ObjectRef, lookup
from miniapp_infra.kube.predicates import find_condition

if TYPE_CHECKING:
    from collections.abc import Mapping

API_VERSION = "cert-manager.io/v1"
ACME_VERSION = "acme.cert-manager.io/v1"
REVISION = "cert-manager.io/certificate-revision"
"""Annotation of a CertificateRequest: which issuance of its Certificate it belongs to."""

FAILED_STATES = frozenset({"errored", "expired", "invalid"})
"""States of an Order or a Challenge from which nothing follows any more."""

_SECONDS_PER_DAY = 86400


@dataclass(frozen=True)
class Link:
    """One object of the chain Certificate, CertificateRequest, Order, Challenge.

    Args:
        kind: of the object.
        name: of the object.
        state: of an Order or a Challenge, otherwise the reason of the condition.
        reason: what the object itself says.
        failed: whether the issuance has ended with it.
        dns_name: that a Challenge is about; empty otherwise.
        challenge_type: HTTP-01 or DNS-01 of a Challenge; empty otherwise.
    """

    kind: str
    name: str
    state: str
    reason: str
    failed: bool
    dns_name: str = ""
    challenge_type: str = ""

    def __str__(self) -> str:
        about = ", ".join(filter(None, (self.dns_name, self.challenge_type)))
        head = f"{self.kind} {self.name}" + (f" ({about})" if about else "")
        return f"{head} is {self.state or 'not started'}" + (f": {self.reason}" if self.reason else "")

    def as_result(self) -> dict[str, Any]:
        """Return the fields that modules report."""
        return {
            "kind": self.kind,
            "name": self.name,
            "state": self.state,
            "reason": self.reason,
            "failed": self.failed,
            "dns_name": self.dns_name,
            "challenge_type": self.challenge_type,
        }


@dataclass(frozen=True)
class Certificate:
    """One Certificate.

    Args:
        ref: which one.
        uid: of the object.
        generation: of the specification.
        ready: status of the condition Ready: True, False, Unknown, or empty.
        ready_reason: its reason.
        ready_message: its explanation.
        ready_generation: the specification that it is about, None when it does not say.
        issuing: status of the condition Issuing, empty when there is none.
        issuing_reason: its reason.
        issuing_message: its explanation.
        not_before: begin of the validity; None before the first issuance.
        not_after: end of the validity; None before the first issuance.
        renewal_time: when cert-manager renews it.
        revision: number of the issuance.
        failed_attempts: issuances that failed since the last one that succeeded.
        last_failure: time of the last of them.
        dns_names: of the specification.
        issuer: kind and name of the issuer.
        secret_name: where certificate and key are.
    """

    ref: ObjectRef
    uid: str
    generation: int
    ready: str
    ready_reason: str
    ready_message: str
    ready_generation: int | None
    issuing: str
    issuing_reason: str
    issuing_message: str
    not_before: datetime | None
    not_after: datetime | None
    renewal_time: datetime | None
    revision: int
    failed_attempts: int
    last_failure: datetime | None
    dns_names: tuple[str, ...]
    issuer: Mapping[str, str] = field(hash=False)
    secret_name: str

    @property
    def is_observed(self) -> bool:
        """Whether the condition Ready is about the present specification."""
        return self.ready_generation == self.generation

    @property
    def is_issuing(self) -> bool:
        return self.issuing == "True"

    @property
    def is_ready(self) -> bool:
        """Whether the present specification is issued, and nothing is under way that will replace it."""
        return self.ready == "True" and self.is_observed and not self.is_issuing

    @property
    def has_given_up(self) -> bool:
        """Whether the last issuance failed and the next one is an hour or more away (cert-manager's back-off)."""
        return self.failed_attempts > 0 and not self.is_issuing and not self.is_ready

    def remaining_days(self, now: datetime) -> float | None:
        """Return the days until it expires, negative afterwards; None before the first issuance."""
        return None if self.not_after is None else (self.not_after - now).total_seconds() / _SECONDS_PER_DAY

    def describe(self) -> str:
        """Return in one line why it is not ready, for messages."""
        if self.is_ready:
            return "ready"
        if self.is_issuing:
            return f"Issuing ({self.issuing_reason}): {self.issuing_message}"
        if not self.ready:
            return "has no condition Ready yet"
        if not self.is_observed:
            return "cert-manager has not seen the last change yet"
        return f"Ready={self.ready} ({self.ready_reason}): {self.ready_message}"

    @classmethod
    def from_api(cls, raw: Mapping[str, Any]) -> Certificate:
        """Read a Certificate object."""
        metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
        ready, issuing = find_condition(raw, "Ready") or {}, find_condition(raw, "Issuing") or {}
        issuer = spec.get("issuerRef") or {}
        return cls(
            ref=ObjectRef(API_VERSION, "Certificate", metadata.get("namespace", ""), metadata["name"]),
            uid=str(metadata.get("uid", "")),
            generation=int(metadata.get("generation") or 0),
            ready=str(ready.get("status", "")),
            ready_reason=str(ready.get("reason", "")),
            ready_message=str(ready.get("message", "")),
            ready_generation=ready.get("observedGeneration"),
            issuing=str(issuing.get("status", "")),
            issuing_reason=str(issuing.get("reason", "")),
            issuing_message=str(issuing.get("message", "")),
            not_before=_time(status.get("notBefore")),
            not_after=_time(status.get("notAfter")),
            renewal_time=_time(status.get("renewalTime")),
            revision=int(status.get("revision") or 0),
            failed_attempts=int(status.get("failedIssuanceAttempts") or 0),
            last_failure=_time(status.get("lastFailureTime")),
            dns_names=tuple(spec.get("dnsNames") or ()),
            issuer={"kind": issuer.get("kind", "Issuer"), "name": issuer.get("name", "")},
            secret_name=str(spec.get("secretName", "")),
        )


def request_link(raw: Mapping[str, Any]) -> Link:
    """Read a CertificateRequest. One that was denied or is invalid has failed, whatever its condition Ready says."""
    for kind in ("Denied", "InvalidRequest"):
        condition = find_condition(raw, kind)
        if condition is not None and condition.get("status") == "True":
            return Link(
                "CertificateRequest", raw["metadata"]["name"], kind, str(condition.get("message", "")), failed=True
            )
    ready = find_condition(raw, "Ready") or {}
    state = str(ready.get("reason", ""))
    failed = ready.get("status") == "False" and state in {"Failed", "Denied"}
    return Link("CertificateRequest", raw["metadata"]["name"], state, str(ready.get("message", "")), failed=failed)


def order_link(raw: Mapping[str, Any]) -> Link:
    """Read an Order."""
    state = str(lookup(raw, "status", "state") or "")
    reason = str(lookup(raw, "status", "reason") or "")
    return Link("Order", raw["metadata"]["name"], state, reason, failed=state in FAILED_STATES)


def challenge_link(raw: Mapping[str, Any]) -> Link:
    """Read a Challenge."""
    state = str(lookup(raw, "status", "state") or "")
    name = str(lookup(raw, "spec", "dnsName") or "")
    return Link(
        "Challenge",
        raw["metadata"]["name"],
        state,
        str(lookup(raw, "status", "reason") or ""),
        failed=state in FAILED_STATES,
        dns_name=f"*.{name}" if lookup(raw, "spec", "wildcard") else name,
        challenge_type=str(lookup(raw, "spec", "type") or ""),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
