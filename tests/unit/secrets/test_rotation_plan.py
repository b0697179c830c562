# SPDX-License-Identifier: GPL-3.0-or-later
"""Which step is due when; what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.secrets.rotation.plan import Rules, Step, next_action, step_for
from miniapp_infra.secrets.rotation.ring import Key, Ring, promote, publish

START = datetime(2026, 11, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def params(**changes: Any) -> dict[str, Any]:
    common = {"generator": "ec-p256", "password_length": 40, "phase": "auto"}
    return {**common, "max_age": "90d", "publish_ahead": "1d", "overlap": "2d", **changes}


def rules(**changes: Any) -> Rules:
    return Rules.from_params(params(**changes))


def key(made: float = 0) -> Key:
    return Key.generate("ec-p256", 40, day(made))


STEADY = Ring(key())
PUBLISHED = publish(STEADY, key(89))
OVERLAP = promote(PUBLISHED, day(90))
BOTH = publish(OVERLAP, key(90.5))


@pytest.mark.parametrize(
    ("ring", "now", "expected"),
    [
        (None, 0, Step.CREATE),
        (STEADY, 0, None),
        (STEADY, 88.9, None),
        (STEADY, 89, Step.PUBLISH),
        (STEADY, 400, Step.PUBLISH),
        (STEADY, -5, None),
        (PUBLISHED, 89.9, None),
        (PUBLISHED, 90, Step.PROMOTE),
        (OVERLAP, 91.9, None),
        (OVERLAP, 92, Step.RETIRE),
        (OVERLAP, 200, Step.RETIRE),
        (BOTH, 91.4, None),
        (BOTH, 91.5, Step.PROMOTE),
        (BOTH, 92, Step.RETIRE),
    ],
)
def test_what_is_due_by_age(ring: Ring | None, now: float, expected: Step | None) -> None:
    assert step_for(ring, rules(), day(now), "secret a") is expected


def test_another_generator_begins_a_rotation() -> None:
    assert step_for(STEADY, rules(generator="rsa-2048"), day(0), "secret a") is Step.PUBLISH


def test_another_family_of_keys_is_refused() -> None:
    for generator in ("hmac-256", "password"):
        with pytest.raises(MiniappInfraError, match=r"^generator: secret a holds ec-p256") as raised:
            step_for(STEADY, rules(generator=generator), day(0), "secret a")
        assert raised.value.code is ErrorCode.INVALID_INPUT


@pytest.mark.parametrize(
    ("ring", "phase", "now", "expected"),
    [
        (None, "publish", 0, Step.CREATE),
        (STEADY, "publish", 0, Step.PUBLISH),
        (PUBLISHED, "publish", 95, None),
        (PUBLISHED, "promote", 90, Step.PROMOTE),
        (OVERLAP, "promote", 90, None),
        (OVERLAP, "publish", 90, Step.PUBLISH),
        (OVERLAP, "retire", 92, Step.RETIRE),
        (STEADY, "retire", 92, None),
    ],
)
def test_a_step_that_is_asked_for(ring: Ring | None, phase: str, now: float, expected: Step | None) -> None:
    assert step_for(ring, rules(phase=phase), day(now), "secret a") is expected


@pytest.mark.parametrize(
    ("ring", "phase", "now", "code"),
    [
        (STEADY, "promote", 0, ErrorCode.REFUSED_BY_POLICY),
        (PUBLISHED, "promote", 89.9, ErrorCode.REFUSED_BY_POLICY),
        (OVERLAP, "retire", 91.9, ErrorCode.REFUSED_BY_POLICY),
        (BOTH, "retire", 91.9, ErrorCode.REFUSED_BY_POLICY),
        (None, "promote", 0, ErrorCode.NOT_FOUND),
        (None, "retire", 0, ErrorCode.NOT_FOUND),
    ],
)
def test_a_step_that_would_refuse_valid_tokens_is_refused(
    ring: Ring | None, phase: str, now: float, code: ErrorCode
) -> None:
    with pytest.raises(MiniappInfraError, match=f"^Failed to {phase} secret a: ") as raised:
        step_for(ring, rules(phase=phase), day(now), "secret a")
    assert raised.value.code is code
    assert raised.value.hint


@pytest.mark.parametrize(
    ("ring", "phase", "at"),
    [
        (STEADY, "publish", 89),
        (PUBLISHED, "promote", 90),
        (OVERLAP, "retire", 92),
        (BOTH, "promote", 91.5),
    ],
)
def test_what_comes_next(ring: Ring, phase: str, at: float) -> None:
    assert next_action(ring, rules()) == {"phase": phase, "at": day(at).isoformat()}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_age": "1d"}, "max_age: must be longer than publish_ahead"),
        ({"max_age": "soon"}, "max_age: must be a duration"),
        ({"publish_ahead": "x"}, "publish_ahead: must be a duration"),
        ({"overlap": "x"}, "overlap: must be a duration"),
        ({"generator": "password", "password_length": 8}, "password_length: must be at least 24"),
    ],
)
def test_options_that_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(MiniappInfraError, match=f"^{message}") as raised:
        rules(**changes)
    assert raised.value.code is ErrorCode.INVALID_INPUT
