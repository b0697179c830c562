# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and results of treating a set of objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.diff import render
from miniapp_infra.kube.normalise import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from miniapp_infra.kube.objects import KubeObject, ObjectRef

FIELD_MANAGER = "miniapp-infra"


class Action(StrEnum):
    """What was done with an object, or in check mode would be done."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"


@dataclass(frozen=True)
class ApplyOptions:
    """How a set is applied or deleted.

    Args:
        namespace: for objects of namespaced kinds that do not name one.
        field_manager: owner of the fields that we declare.
        force_conflicts: take fields over from other managers instead of failing.
        check: change nothing, and tell what would be changed.
        continue_on_error: treat the later stages although objects of an earlier one failed.
        settle_timeout: seconds that a new namespace or kind may take until it can be used.
        missing_kind_timeout: seconds that a kind which a controller makes may take to appear.
        propagation_policy: ``Background``, ``Foreground`` or ``Orphan``, for deletes.
    """

    namespace: str = "default"
    field_manager: str = FIELD_MANAGER
    force_conflicts: bool = False
    check: bool = False
    continue_on_error: bool = False
    settle_timeout: float = 30.0
    missing_kind_timeout: float = 10.0
    propagation_policy: str = "Background"


@dataclass(frozen=True)
class Outcome:
    """What happened to one object.

    Args:
        before: None when it did not exist.
        after: None when it does not exist any more.
        version: the resource version as of which ``after`` is the state; empty when that is not known.
        simulated: the server could not be asked, because the namespace or the kind does not exist yet.
    """

    ref: ObjectRef
    action: Action
    before: KubeObject | None = field(default=None, repr=False)
    after: KubeObject | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()
    simulated: bool = False
    version: str = ""

    @property
    def changed(self) -> bool:
        return self.action is not Action.UNCHANGED

    def summary(self) -> dict[str, Any]:
        ref = self.ref
        return {
            "api_version": ref.api_version,
            "kind": ref.kind,
            "namespace": ref.namespace,
            "name": ref.name,
            "action": self.action.value,
        }


def report(outcomes: Iterable[Outcome], *, with_diff: bool) -> dict[str, Any]:
    """Return the result of a module for a treated set."""
    outcomes = list(outcomes)
    counts = {action.value: sum(outcome.action is action for outcome in outcomes) for action in Action}
    result: dict[str, Any] = {
        "changed": any(outcome.changed for outcome in outcomes),
        "objects": [outcome.summary() for outcome in outcomes],
        "counts": counts,
    }
    warnings = sorted({
        # Policies quote what they warn of.
        f"{outcome.ref.kind}: {redact_text(text, outcome.before, outcome.after)}"
        for outcome in outcomes
        for text in outcome.warnings
    })  # fmt: skip
    if warnings:
        result["warnings"] = warnings
    if with_diff:
        result["diff"] = [render(item.ref, item.before, item.after) for item in outcomes if item.changed]
    return result
