# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong while talking to a Kubernetes API server."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError

_CODES = {
    400: ErrorCode.INVALID_INPUT,
    401: ErrorCode.FORBIDDEN,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    409: ErrorCode.CONFLICT,
    413: ErrorCode.INVALID_INPUT,
    415: ErrorCode.INVALID_INPUT,
    422: ErrorCode.INVALID_INPUT,
    429: ErrorCode.UNAVAILABLE,
    504: ErrorCode.TIMEOUT,
}
# How the three kinds of admission control say no: webhooks, ValidatingAdmissionPolicy, Pod Security.
_REFUSED = re.compile(r"denied the request|denied request|violates PodSecurity")
# With status 500 the API server reports its own passing troubles, with webhooks, etcd or other servers, but also what
# is wrong with an object: these are the words of the former, then of the latter.
_TROUBLE = re.compile(
    r"failed calling webhook|etcdserver|rpc error|deadline exceeded|timed? ?out|connection refused|connection reset"
    r"|EOF|leader changed|no endpoints available|TLS handshake|dial tcp|i/o timeout",
    re.IGNORECASE,
)
_TOO_LARGE = re.compile(r"etcdserver: request is too large|trying to send message larger than max")
_MISFIT = re.compile(r"failed to create typed patch object|illegal base64 data")
_RBAC = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
)
_HINTS = (
    (
        re.compile(f"entity too large|{_TOO_LARGE.pattern}", re.IGNORECASE),
        "The API server takes no larger objects: split this one, or keep its data elsewhere.",
    ),
    (
        re.compile("field is immutable|updates to"),
        "The field cannot be changed in place: delete the object first (state: absent).",
    ),
    (
        re.compile("does not support dry run"),
        "An admission webhook refuses dry runs, so check mode cannot tell; set its sideEffects to None.",
    ),
)
_MANAGER = re.compile(r'conflict with "(?P<manager>[^"]*)"')


class KubeError(MiniappInfraError):
    """Any failure of this engine."""

    def result(self) -> dict[str, Any]:
        """Return what a module reports beside the error: how far the operation came."""
        return {}


class UnreachableError(KubeError):
    """The API server gave no answer: refused, timed out, cut off. Nothing is known about the request."""

    code = ErrorCode.UNAVAILABLE


class UnknownKindError(KubeError):
    """The API server does not serve this kind, not even after discovery was refreshed."""

    code = ErrorCode.NOT_FOUND


class WaitTimeoutError(KubeError):
    """Objects did not become ready in time."""

    code = ErrorCode.TIMEOUT


class WaitFailedError(KubeError):
    """Objects reached a state from which they do not become ready without a change."""

    code = ErrorCode.UPSTREAM


@dataclass(frozen=True)
class FieldConflict:
    """One field that another manager owns with another value."""

    field: str
    manager: str

    def __str__(self) -> str:
        return f"{self.field} is managed by {self.manager}"


class ApiError(KubeError):
    """The API server answered with a failure.

    Args:
        message: the sentence for people.
        status: the HTTP status code.
        reason: the machine-readable reason of the ``Status`` object, such as ``AlreadyExists``; may be empty.
        details: ``details`` of the ``Status`` object.
        retry_after: seconds that the server asks to wait; None when it does not say.

    ``unsure`` is set where an earlier try of the same request may have been carried out without an answer.
    """

    unsure: bool = False

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reason: str = "",
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
        code: ErrorCode | None = None,
        retryable: bool = False,
        hint: str = "",
    ) -> None:
        super().__init__(message, code=code, retryable=retryable, hint=hint)
        self.status = status
        self.reason = reason
        self.details = dict(details or {})
        self.retry_after = retry_after

    @property
    def conflicts(self) -> tuple[FieldConflict, ...]:
        """Fields that other managers own, for a failed server-side apply."""
        return field_conflicts(self.details)

    @property
    def namespace_is_missing(self) -> bool:
        """Whether the 404 is about the namespace, not about the object or its kind."""
        return self.status == HTTPStatus.NOT_FOUND and self.details.get("kind") == "namespaces"


class SeveralError(KubeError):
    """Some objects of a set failed; the others were treated.

    Args:
        failures: at least one.
        progress: what a module reports about the objects that were treated.
    """

    def __init__(self, failures: Sequence[MiniappInfraError], progress: Mapping[str, Any]) -> None:
        first = failures[0]
        shown = [failure.message for failure in failures[:10]]
        if len(failures) > len(shown):
            shown.append(f"and {len(failures) - len(shown)} more")
        super().__init__(
            "\n".join(shown), code=first.code, retryable=all(failure.retryable for failure in failures), hint=first.hint
        )
        self.failures = tuple(failures)
        self.progress = dict(progress)

    def result(self) -> dict[str, Any]:
        return self.progress


def field_conflicts(details: Mapping[str, Any]) -> tuple[FieldConflict, ...]:
    """Read the conflicts out of the ``details`` of a ``Status`` object; empty for any other 409."""
    conflicts = []
    for cause in details.get("causes") or ():
        if cause.get("reason") == "FieldManagerConflict":
            manager = _MANAGER.search(cause.get("message", ""))
            conflicts.append(FieldConflict(cause.get("field", "?"), manager["manager"] if manager else "unknown"))
    return tuple(conflicts)


def from_status(action: str, status: int, body: object, retry_after: float | None = None) -> ApiError:
    """Turn a failed answer into an error.

    Args:
        action: what was tried, such as ``apply Deployment payhub/payhub``.
        status: the HTTP status code.
        body: the parsed ``Status`` object, or text when something between us and the API server answered.
        retry_after: seconds, from the ``Retry-After`` header.
    """
    answer = body if isinstance(body, Mapping) else {"message": str(body).strip()[:500]}
    upstream = str(answer.get("message") or f"HTTP status {status}")
    reason = str(answer.get("reason") or "")
    raw_details = answer.get("details")
    details = raw_details if isinstance(raw_details, Mapping) else {}
    conflicts = field_conflicts(details)
    if conflicts:
        upstream = "; ".join(str(conflict) for conflict in conflicts)
    refused = status in {400, 403, 422} and bool(_REFUSED.search(upstream))
    code = ErrorCode.REFUSED_BY_POLICY if refused else _CODES.get(status, ErrorCode.UPSTREAM)
    if _TOO_LARGE.search(upstream):
        code = ErrorCode.INVALID_INPUT
    elif status == HTTPStatus.INTERNAL_SERVER_ERROR and not _TROUBLE.search(upstream):
        code = ErrorCode.INVALID_INPUT if _MISFIT.search(upstream) else ErrorCode.UPSTREAM
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.GATEWAY_TIMEOUT:
        code = ErrorCode.UNAVAILABLE
    return ApiError(
        f"Failed to {action}: {upstream}",
        status=status,
        reason=reason,
        details=details,
        retry_after=retry_after,
        code=code,
        retryable=is_transient(status, upstream, conflicts),
        hint=_hint(status, upstream, conflicts),
    )


def is_transient(status: int, upstream: str, conflicts: Sequence[FieldConflict]) -> bool:
    """Whether the same request may succeed in a moment.

    408, 429, 502, 503 and 504 say so themselves, 500 in its words. A 409 is a lost race, unless it is about who owns
    fields.
    """
    if _TOO_LARGE.search(upstream):
        return False
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return bool(_TROUBLE.search(upstream))
    return status in {408, 429, 502, 503, 504} or (status == HTTPStatus.CONFLICT and not conflicts)


def _hint(status: int, upstream: str, conflicts: Sequence[FieldConflict]) -> str:
    if conflicts:
        return "Stop declaring these fields, or take them over with force_conflicts."
    if status == HTTPStatus.UNAUTHORIZED:
        return "The credentials were not accepted: they are wrong, or they have expired."
    if rbac := _RBAC.search(upstream):
        return (
            f"Grant {rbac['user']} a rule with apiGroups: [{rbac['group']!r}], resources: [{rbac['resource']!r}], "
            f"verbs: [{rbac['verb']!r}]."
        )
    return next((hint for words, hint in _HINTS if words.search(upstream)), "")
