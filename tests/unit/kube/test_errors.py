# SPDX-License-Identifier: GPL-3.0-or-later
"""From the answers of an API server to errors."""

from __future__ import annotations

from typing import Any

import pytest

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.errors import SeveralError, from_status

CONFLICT: dict[str, Any] = {
    "kind": "Status",
    "reason": "Conflict",
    "message": "Apply failed with 2 conflicts",
    "details": {
        "causes": [
            {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl" using v1', "field": ".data.a"},
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "helm" with subresource "status" using v1 at 2026-01-01T00:00:00Z',
                "field": ".data.b",
            },
        ]
    },
}
FORBIDDEN = 'pods is forbidden: User "reader" cannot list resource "pods" in API group "" in the namespace "payhub"'


def test_conflicts_are_listed_field_by_field_with_their_managers() -> None:
    error = from_status("apply ConfigMap n/c", 409, CONFLICT)
    assert [(item.field, item.manager) for item in error.conflicts] == [(".data.a", "kubectl"), (".data.b", "helm")]
    assert error.message == ("Failed to apply ConfigMap n/c: .data.a is managed by kubectl; .data.b is managed by helm")
    assert error.code is ErrorCode.CONFLICT
    assert not error.retryable
    assert "force_conflicts" in error.hint


@pytest.mark.parametrize(
    ("status", "message", "code", "retryable"),
    [
        (400, "unknown field", ErrorCode.INVALID_INPUT, False),
        (401, "Unauthorized", ErrorCode.FORBIDDEN, False),
        (403, FORBIDDEN, ErrorCode.FORBIDDEN, False),
        (403, 'admission webhook "x" denied the request: no', ErrorCode.REFUSED_BY_POLICY, False),
        (403, 'pods "a" is forbidden: violates PodSecurity "restricted:latest"', ErrorCode.REFUSED_BY_POLICY, False),
        (422, "ValidatingAdmissionPolicy 'x' with binding 'y' denied request: no", ErrorCode.REFUSED_BY_POLICY, False),
        (404, "not found", ErrorCode.NOT_FOUND, False),
        (409, "the object has been modified", ErrorCode.CONFLICT, True),
        (422, "spec.selector: field is immutable", ErrorCode.INVALID_INPUT, False),
        (429, "too many requests", ErrorCode.UNAVAILABLE, True),
        (500, "failed calling webhook: connection refused", ErrorCode.UNAVAILABLE, True),
        (500, "failed to create typed patch object (/; v1): .x: field not declared", ErrorCode.INVALID_INPUT, False),
        (500, "illegal base64 data at input byte 6", ErrorCode.INVALID_INPUT, False),
        (500, "etcdserver: leader changed", ErrorCode.UNAVAILABLE, True),
        (500, "etcdserver: request is too large", ErrorCode.INVALID_INPUT, False),
        (500, "rpc error: trying to send message larger than max (9 vs. 8)", ErrorCode.INVALID_INPUT, False),
        (500, "something else", ErrorCode.UPSTREAM, False),
        (501, "not implemented", ErrorCode.UNAVAILABLE, False),
        (503, "apiserver is shutting down", ErrorCode.UNAVAILABLE, True),
        (504, "timeout", ErrorCode.TIMEOUT, True),
    ],
)
def test_codes(status: int, message: str, code: ErrorCode, retryable: bool) -> None:  # noqa: FBT001 - a column of the table
    error = from_status("read Pod n/p", status, {"message": message})
    assert (error.code, error.retryable) == (code, retryable)
    assert error.message == f"Failed to read Pod n/p: {message}"


def test_a_missing_right_is_named_as_a_rule() -> None:
    hint = from_status("list pods", 403, {"message": FORBIDDEN}).hint
    assert hint == "Grant reader a rule with apiGroups: [''], resources: ['pods'], verbs: ['list']."


@pytest.mark.parametrize(
    ("status", "message", "hint"),
    [
        (413, "Request entity too large: limit is 3145728", "split this one"),
        (500, "etcdserver: request is too large", "split this one"),
        (401, "Unauthorized", "they have expired"),
        (422, "spec.selector: Invalid value: field is immutable", "cannot be changed in place"),
        (400, "admission webhook x does not support dry run", "sideEffects"),
    ],
)
def test_what_can_be_done_is_told(status: int, message: str, hint: str) -> None:
    assert hint in from_status("apply ConfigMap n/c", status, {"message": message}).hint


def test_an_answer_that_is_not_from_an_api_server_is_quoted() -> None:
    assert from_status("list pods", 502, "<html>Bad Gateway</html>").message.endswith("<html>Bad Gateway</html>")


def test_several_failures_are_retryable_only_when_all_are() -> None:
    passing, lasting = from_status("a", 503, {}), from_status("b", 403, {})
    assert SeveralError([passing], {}).retryable
    both = SeveralError([passing, lasting], {"objects": [1]})
    assert not both.retryable
    assert both.result() == {"objects": [1]}
    assert both.message.splitlines() == [passing.message, lasting.message]
