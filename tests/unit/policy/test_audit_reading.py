# SPDX-License-Identifier: GPL-3.0-or-later
"""What the audit of Gatekeeper says, and when it says nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from miniapp_infra.errors import ErrorCode
from miniapp_infra.policy.audit import Audited, TooManyViolationsError, require_at_most, summary

NOW = datetime(2026, 11, 22, 10, 10, tzinfo=UTC)
VIOLATION = {"version": "v1", "kind": "Pod", "name": "a", "namespace": "x", "message": "m", "enforcementAction": "deny"}


def audited(
    *,
    audit: str | None = "2026-11-22T10:00:00Z",
    written: str = "2026-11-22T09:00:00Z",
    max_age: float | None = None,
    **status: Any,
) -> Audited:
    constraint = {
        "kind": "NeedsOwner",
        "metadata": {
            "name": "owners",
            "creationTimestamp": "2026-11-22T08:00:00Z",
            "managedFields": [
                {"manager": "miniapp-infra", "time": written},
                {"manager": "gatekeeper", "time": "2026-11-22T10:00:05Z", "subresource": "status"},
            ],
        },
        "spec": {},
        "status": {**({"auditTimestamp": audit} if audit else {}), **status},
    }
    return Audited.of(constraint, max_age=max_age, now=NOW)


def test_the_total_counts_and_not_the_list() -> None:
    found = audited(totalViolations=23, violations=[VIOLATION])
    assert (found.total, found.is_truncated) == (23, True)
    assert found.as_dict()["enforcement_action"] == "deny"
    assert not audited(totalViolations=1, violations=[VIOLATION]).is_truncated


@pytest.mark.parametrize(
    ("options", "is_stale"),
    [
        ({}, False),
        ({"audit": None}, True),
        ({"written": "2026-11-22T10:00:01Z"}, True),
        ({"written": "2026-11-22T10:00:00Z"}, True),
        ({"max_age": 601}, False),
        ({"max_age": 599}, True),
    ],
)
def test_an_audit_is_stale(options: dict[str, Any], *, is_stale: bool) -> None:
    assert audited(**options).is_stale is is_stale


def test_all_together() -> None:
    told = summary(
        [audited(totalViolations=2, violations=[VIOLATION]), audited(audit="2026-11-22T09:30:00Z", totalViolations=0)]
    )
    assert (told["total_violations"], told["truncated"], told["stale"]) == (2, True, False)
    assert told["audit_timestamp"] == "2026-11-22T09:30:00Z"
    assert told["violations"] == [{"constraint": {"kind": "NeedsOwner", "name": "owners"}, **VIOLATION}]
    assert summary([audited(audit=None)])["audit_timestamp"] == ""
    assert summary([])["total_violations"] == 0


def test_more_than_allowed_is_refused_with_what_was_found() -> None:
    require_at_most(2, [audited(totalViolations=2)])
    with pytest.raises(
        TooManyViolationsError, match="3 violations, at most 2 are allowed: 3 of NeedsOwner owners"
    ) as caught:
        require_at_most(2, [audited(totalViolations=3), audited(totalViolations=0)])
    assert caught.value.code is ErrorCode.REFUSED_BY_POLICY
    assert caught.value.result()["total_violations"] == 3


def test_no_violations_of_another_time_prove_nothing() -> None:
    with pytest.raises(TooManyViolationsError, match="it has not seen NeedsOwner owners as it is now") as caught:
        require_at_most(0, [audited(audit=None)])
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.UNAVAILABLE, True)
