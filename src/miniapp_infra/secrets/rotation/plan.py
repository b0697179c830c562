# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides what a key ring needs next. Pure: the time is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.secrets.durations import seconds
from miniapp_infra.secrets.rotation import generators
from miniapp_infra.secrets.rotation.ring import Ring, is_over

if TYPE_CHECKING:
    from collections.abc import Mapping


class Step(StrEnum):
    """One change of the ring, in the words of the result."""

    CREATE = "created"
    PUBLISH = "published"
    PROMOTE = "promoted"
    RETIRE = "retired"


@dataclass(frozen=True)
class Rules:
    """What is wanted.

    Args:
        generator: how new keys are made.
        password_length: characters of a password.
        max_age: seconds after which a key has been replaced.
        publish_ahead: seconds for which a key is published before it signs.
        overlap: seconds for which the signatures of the key before count.
        phase: ``auto``, or the one step to take.
    """

    generator: str
    password_length: int
    max_age: int
    publish_ahead: int
    overlap: int
    phase: str

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Rules:
        """Return the options of a module.

        Raises:
            MiniappInfraError: invalid_input.
        """
        rules = cls(
            generator=params["generator"],
            password_length=params["password_length"],
            max_age=seconds("max_age", params["max_age"]),
            publish_ahead=seconds("publish_ahead", params["publish_ahead"]),
            overlap=seconds("overlap", params["overlap"]),
            phase=params["phase"],
        )
        generators.check_generator(rules.generator, rules.password_length)
        if rules.max_age <= rules.publish_ahead:
            raise MiniappInfraError(
                f"max_age: must be longer than publish_ahead ({params['publish_ahead']}), is {params['max_age']}",
                code=ErrorCode.INVALID_INPUT,
            )
        return rules


def step_for(ring: Ring | None, rules: Rules, now: datetime, place: str) -> Step | None:
    """Return the step that is to be taken, None when there is none.

    Args:
        ring: as it is; None when the secret does not exist.
        rules: what is wanted.
        now: the time.
        place: what the secret is called in messages.

    Raises:
        MiniappInfraError: refused_by_policy, when a step that was asked for would refuse valid tokens; not_found, when
            there is nothing to promote or retire.
    """
    if ring is None:
        if rules.phase in {"promote", "retire"}:
            raise MiniappInfraError(
                f"Failed to {rules.phase} {place}: it does not exist",
                code=ErrorCode.NOT_FOUND,
                hint="The phase auto or publish makes it.",
            )
        return Step.CREATE
    _check_family(ring, rules, place)
    return {"auto": _auto, "publish": _publish, "promote": _promote, "retire": _retire}[rules.phase](
        ring, rules, now, place
    )


def next_action(ring: Ring, rules: Rules) -> dict[str, str]:
    """Return which step comes next by age, and when."""
    if ring.next:
        coming = [(ring.next.since + timedelta(seconds=rules.publish_ahead), "promote")]
    else:
        age = timedelta(seconds=rules.max_age - rules.publish_ahead)
        coming = [(ring.current.created + age, "publish")]
    coming += [(key.since + timedelta(seconds=rules.overlap), "retire") for key in ring.previous]
    moment, phase = min(coming)
    return {"phase": phase, "at": moment.isoformat()}


def _auto(ring: Ring, rules: Rules, now: datetime, place: str) -> Step | None:
    del place
    if any(is_over(key, rules.overlap, now) for key in ring.previous):
        return Step.RETIRE
    if ring.next:
        return Step.PROMOTE if is_over(ring.next, rules.publish_ahead, now) else None
    age = (now - ring.current.created).total_seconds()
    is_old = age >= rules.max_age - rules.publish_ahead
    return Step.PUBLISH if is_old or ring.current.generator != rules.generator else None


def _publish(ring: Ring, rules: Rules, now: datetime, place: str) -> Step | None:
    del rules, now, place
    return None if ring.next else Step.PUBLISH


def _promote(ring: Ring, rules: Rules, now: datetime, place: str) -> Step | None:
    if ring.next is None:
        if ring.previous:
            return None  # it is done, and this is another run
        raise _refused("promote", place, "no key is published that could sign", "The phase publish does that first.")
    if is_over(ring.next, rules.publish_ahead, now):
        return Step.PROMOTE
    since = ring.next.since.isoformat()
    raise _refused(
        "promote",
        place,
        f"key {ring.next.kid} is published since {since} only, and publish_ahead is {rules.publish_ahead} s",
        "Whoever checks tokens may not know the key yet, and would refuse what it signs.",
    )


def _retire(ring: Ring, rules: Rules, now: datetime, place: str) -> Step | None:
    if not ring.previous:
        return None
    if any(is_over(key, rules.overlap, now) for key in ring.previous):
        return Step.RETIRE
    last = ring.previous[-1]
    raise _refused(
        "retire",
        place,
        f"key {last.kid} signed until {last.since.isoformat()}, and overlap is {rules.overlap} s",
        "Tokens that it signed are still valid, and would be refused.",
    )


def _check_family(ring: Ring, rules: Rules, place: str) -> None:
    present, wanted = (generators.FAMILIES[name] for name in (ring.current.generator, rules.generator))
    if present != wanted:
        raise MiniappInfraError(
            f"generator: {place} holds {ring.current.generator}, which {rules.generator} cannot follow",
            code=ErrorCode.INVALID_INPUT,
            hint="Services would have to change. Use another secret for the other kind of key.",
        )


def _refused(phase: str, place: str, reason: str, hint: str) -> MiniappInfraError:
    return MiniappInfraError(f"Failed to {phase} {place}: {reason}", code=ErrorCode.REFUSED_BY_POLICY, hint=hint)
