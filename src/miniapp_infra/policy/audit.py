# SPDX-License-Identifier: GPL-3.0-or-later
"""What Gatekeeper's audit found in the cluster as it is.

The list of violations in a constraint is cut (``--constraint-violations-limit``, 20 by default); only the total counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.live import Target
from miniapp_infra.kube.objects import KubeObject, lookup, ref_of
from miniapp_infra.kube.predicates import READY, Predicate, Verdict, waiting
from miniapp_infra.kube.wait import WaitOptions, wait
from miniapp_infra.policy.gatekeeper import CONSTRAINTS, TEMPLATE, TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miniapp_infra.kube.custom import CustomObjects


class TooManyViolationsError(MiniappInfraError):
    """There are more violations than allowed, or nobody knows how many there are.

    Args:
        message: the sentence.
        found: what the audit found, for callers that look at more than the sentence.
    """

    code = ErrorCode.REFUSED_BY_POLICY

    def __init__(self, message: str, found: Mapping[str, Any], *, code: ErrorCode, hint: str) -> None:
        super().__init__(message, code=code, retryable=code is ErrorCode.UNAVAILABLE, hint=hint)
        self.found = dict(found)

    def result(self) -> dict[str, Any]:
        """Return the fields that a module reports beside the error."""
        return {"changed": False, **self.found}


@dataclass(frozen=True)
class Audited:
    """One constraint as the last audit saw it.

    Args:
        kind: of the constraint.
        name: of the constraint.
        enforcement_action: what Gatekeeper does about violations at admission.
        total: number of violations.
        violations: those that are listed, in the form of the API.
        timestamp: when the audit began, None before the first one.
        changed: when the constraint was last changed.
        max_age: seconds after which an audit counts as stale; None: never.
        now: the present time.
    """

    kind: str
    name: str
    enforcement_action: str
    total: int
    violations: tuple[Mapping[str, Any], ...]
    timestamp: datetime | None
    changed: datetime | None
    max_age: float | None
    now: datetime

    @classmethod
    def of(cls, constraint: KubeObject, *, max_age: float | None, now: datetime) -> Audited:
        """Read a constraint."""
        status = constraint.get("status") or {}
        violations = tuple(status.get("violations") or ())
        total = status.get("totalViolations")
        return cls(
            kind=constraint["kind"],
            name=constraint["metadata"]["name"],
            enforcement_action=lookup(constraint, "spec", "enforcementAction") or "deny",
            total=len(violations) if total is None else int(total),
            violations=violations,
            timestamp=_time(status.get("auditTimestamp")),
            changed=_last_change(constraint),
            max_age=max_age,
            now=now,
        )

    @property
    def is_truncated(self) -> bool:
        return len(self.violations) < self.total

    @property
    def is_stale(self) -> bool:
        """Whether the audit says nothing about the constraint as it is, or is too old.

        Both times are whole seconds: an audit of the same second may have begun before the change.
        """
        if self.timestamp is None or (self.changed is not None and self.timestamp <= self.changed):
            return True
        return self.max_age is not None and (self.now - self.timestamp).total_seconds() > self.max_age

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "enforcement_action": self.enforcement_action,
            "total_violations": self.total,
            "violations": [dict(violation) for violation in self.violations],
            "truncated": self.is_truncated,
            "audit_timestamp": _text(self.timestamp),
            "stale": self.is_stale,
        }

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def constraints(objects: CustomObjects, kind: str | None = None, name: str | None = None) -> list[KubeObject]:
    """Return the constraints of a cluster, of one kind, or the one of a name.

    Raises:
        MiniappInfraError: ``not_found``, when Gatekeeper is not there, or no constraint of that name.
    """
    kinds = [kind] if kind else _kinds(objects)
    found: list[KubeObject] = []
    for each in kinds:
        # The kind of a template that does not compile does not exist.
        if kind or objects.discovery.find(CONSTRAINTS, each) is not None:
            found += objects.list(CONSTRAINTS, each)
    chosen = [item for item in found if name in {None, item["metadata"]["name"]}]
    if name and not chosen:
        raise MiniappInfraError(
            f"Failed to find constraint {kind or ''} {name}: there is none of this name".replace("  ", " "),
            code=ErrorCode.NOT_FOUND,
        )
    return chosen


def wait_until_audited(
    objects: CustomObjects, found: Sequence[KubeObject], *, max_age: float | None, timeout: float
) -> list[KubeObject]:
    """Wait until an audit has seen every constraint as it is.

    Raises:
        WaitTimeoutError: names the constraints, and when each was audited and changed.
    """
    targets = [Target(ref_of(item), objects.resource(CONSTRAINTS, item["kind"])) for item in found]
    states = wait(objects.client, targets, WaitOptions(timeout, _audited(max_age)))
    return [states[target.ref] for target in targets]


def summary(audited: Sequence[Audited]) -> dict[str, Any]:
    """Return what a module reports: each constraint, and all of them together."""
    timestamps = [item.timestamp for item in audited if item.timestamp is not None]
    return {
        "constraints": [item.as_dict() for item in audited],
        "total_violations": sum(item.total for item in audited),
        "violations": [
            {"constraint": {"kind": item.kind, "name": item.name}, **violation}
            for item in audited
            for violation in item.violations
        ],
        "truncated": any(item.is_truncated for item in audited),
        # The oldest: what it says holds for all of them.
        "audit_timestamp": _text(min(timestamps)) if len(timestamps) == len(audited) and timestamps else "",
        "stale": any(item.is_stale for item in audited),
    }


def require_at_most(limit: int, audited: Sequence[Audited]) -> None:
    """Refuse more violations than a limit, and a number that may be out of date.

    Raises:
        TooManyViolationsError: carries the summary.
    """
    total = sum(item.total for item in audited)
    if total > limit:
        most = sorted((item for item in audited if item.total), key=lambda item: -item.total)
        raise TooManyViolationsError(
            f"Failed to pass the audit: {total} violations, at most {limit} are allowed: "
            + ", ".join(f"{item.total} of {item}" for item in most),
            summary(audited),
            code=ErrorCode.REFUSED_BY_POLICY,
            hint="Mend the objects under violations, or see status.violations of the constraints.",
        )
    stale = [str(item) for item in audited if item.is_stale]
    if stale:
        raise TooManyViolationsError(
            f"Failed to pass the audit: it has not seen {', '.join(stale)} as it is now",
            summary(audited),
            code=ErrorCode.UNAVAILABLE,
            hint="Set wait, or run it again after the next audit (--audit-interval of Gatekeeper).",
        )


def _audited(max_age: float | None) -> Predicate:
    def check(constraint: Mapping[str, Any]) -> Verdict:
        audited = Audited.of(dict(constraint), max_age=max_age, now=datetime.now(UTC))
        if not audited.is_stale:
            return READY
        return waiting(
            f"was audited {_text(audited.timestamp) or 'never'}, and changed {_text(audited.changed) or 'never'}"
        )

    return check


def _kinds(objects: CustomObjects) -> list[str]:
    kinds = {
        str(lookup(template, "spec", "crd", "spec", "names", "kind")) for template in objects.list(TEMPLATES, TEMPLATE)
    }
    return sorted(kinds)


def _last_change(constraint: Mapping[str, Any]) -> datetime | None:
    """Return when somebody last wrote to a constraint; what Gatekeeper writes into its status does not count."""
    metadata = constraint["metadata"]
    times = [
        _time(entry.get("time"))
        for entry in metadata.get("managedFields") or ()
        if entry.get("subresource") != "status"
    ]
    known = [moment for moment in (*times, _time(metadata.get("creationTimestamp"))) if moment is not None]
    return max(known, default=None)


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None


def _text(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
