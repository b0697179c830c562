# SPDX-License-Identifier: GPL-3.0-or-later
"""What sync windows say; the cases are those of Argo CD's own rules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from miniapp_infra.argocd import windows
from miniapp_infra.argocd.models import Application
from miniapp_infra.errors import ErrorCode, MiniappInfraError

NOW = datetime(2026, 11, 27, 21, 30, tzinfo=UTC)  # a Friday; 22:30 in Berlin
OPEN = {"schedule": "0 21 * * 5", "duration": "1h"}
CLOSED = {"schedule": "0 10 * * 5", "duration": "1h"}


def application(name: str = "payhub", namespace: str = "payhub", **destination: str) -> Application:
    target = {"server": "https://kubernetes.default.svc", "namespace": namespace, **destination}
    return Application.from_api({"metadata": {"name": name}, "spec": {"project": "p", "destination": target}})


def window(kind: str, when: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"kind": kind, "applications": ["*"], **when, **more}


ALLOW, DENY, LATER, NO_DENY = (
    window("allow", OPEN),
    window("deny", OPEN),
    window("allow", CLOSED),
    window("deny", CLOSED),
)


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ([], True),
        ([ALLOW], True),
        ([DENY], False),
        ([LATER], False),
        ([NO_DENY], True),
        ([ALLOW, DENY], False),
        ([ALLOW, LATER], True),
        ([LATER, NO_DENY], False),
        ([{**DENY, "manualSync": True}], True),
        ([{**DENY, "manualSync": True}, DENY], False),
        ([{**LATER, "manualSync": True}], True),
        ([{**LATER, "manualSync": True}, {**LATER, "schedule": "0 9 * * 5"}], False),
        ([{**DENY, "applications": ["other"]}], True),
    ],
)
def test_whether_a_synchronisation_may_begin(present: list[dict[str, Any]], expected: bool) -> None:  # noqa: FBT001
    assert windows.judge(present, application(), NOW).can_sync is expected


@pytest.mark.parametrize(
    ("zone", "schedule", "expected"),
    [
        ("UTC", "0 21 * * *", True),
        ("Europe/Berlin", "0 22 * * *", True),
        ("Europe/Berlin", "0 21 * * *", False),
        ("Asia/Tokyo", "0 6 * * sat", True),  # it is Saturday there
        ("America/New_York", "0 16 * * fri", True),
    ],
)
def test_time_zones(zone: str, schedule: str, expected: bool) -> None:  # noqa: FBT001 - a table
    found = windows.judge([window("deny", {"schedule": schedule, "duration": "1h"}, timeZone=zone)], application(), NOW)
    assert bool(found.active) is expected


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"applications": ["pay*"]}, True),
        ({"applications": ["play*"]}, False),
        ({"applications": ["{play,pay}hub"]}, True),
        ({"applications": ["p?yhub"]}, True),
        ({"applications": ["[a-q]ayhub"]}, True),
        ({"applications": ["[!p]ayhub"]}, False),
        ({"applications": ["payhub.*"]}, False),
        ({"namespaces": ["payhub"]}, True),
        ({"clusters": ["https://kubernetes*"]}, True),
        ({"clusters": ["production"]}, False),
        ({"applications": ["other"], "namespaces": ["payhub"]}, True),
        ({"applications": ["other"], "namespaces": ["payhub"], "andOperator": True}, False),
        ({"applications": ["payhub"], "namespaces": ["payhub"], "andOperator": True}, True),
        ({}, False),
    ],
)
def test_which_applications_a_window_is_about(selection: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    found = windows.judge([{"kind": "deny", **OPEN, **selection}], application(), NOW)
    assert bool(found.assigned) is expected


def test_a_cluster_is_known_by_its_name_as_well() -> None:
    target = Application.from_api({
        "metadata": {"name": "a"}, "spec": {"destination": {"name": "production", "namespace": "x"}},
    })  # fmt: skip
    assert windows.judge([{"kind": "deny", **OPEN, "clusters": ["prod*"]}], target, NOW).assigned


def test_what_is_in_the_way_is_told() -> None:
    frozen = windows.judge([{**DENY, "description": "weekend"}, ALLOW], application(), NOW)
    assert frozen.describe() == "open: deny 0 21 * * 5 (UTC) for 1h: weekend"
    assert windows.judge([LATER], application(), NOW).describe().startswith("none of these is open: allow 0 10 * * 5")
    assert frozen.as_result()["can_sync"] is False
    assert len(frozen.as_result()["assigned"]) == 2


def test_a_window_that_cannot_be_read_lets_nothing_pass() -> None:
    """As in Argo CD, whose controller blocks then."""
    for broken in ({"schedule": "@daily", "duration": "1h"}, {**OPEN, "timeZone": "Mars/Base"}):
        with pytest.raises(MiniappInfraError, match="sync windows of AppProject p") as caught:
            windows.judge([window("deny", broken)], application(), NOW)
        assert caught.value.code is ErrorCode.FROZEN


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"schedule": "0 0 * *"}, r"sync_windows\[1\]\.schedule: must have five fields"),
        ({"duration": "1d"}, r"sync_windows\[1\]\.duration: must be a duration"),
        ({"timeZone": "Berlin"}, r"sync_windows\[1\]\.time_zone: must be a time zone"),
        ({"timeZone": "../../etc/passwd"}, r"sync_windows\[1\]\.time_zone"),
        ({"applications": []}, r"sync_windows\[1\]: must name applications, namespaces or clusters"),
        ({"description": "x" * 256}, r"sync_windows\[1\]\.description: must have at most 255"),
    ],
)
def test_windows_that_are_refused(broken: dict[str, Any], message: str) -> None:
    windows.check([DENY])
    with pytest.raises(MiniappInfraError, match=message) as caught:
        windows.check([DENY, {**DENY, **broken}])
    assert caught.value.code is ErrorCode.INVALID_INPUT
