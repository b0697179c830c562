# SPDX-License-Identifier: GPL-3.0-or-later
"""Template and constraint as a pair: what belongs together, and when each counts as done."""

from __future__ import annotations

from typing import Any

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.policy.gatekeeper import Deadline, guardrail, is_compiled, is_enforced

TEMPLATE: dict[str, Any] = {
    "apiVersion": "templates.gatekeeper.sh/v1",
    "kind": "ConstraintTemplate",
    "metadata": {"name": "needsowner"},
    "spec": {"crd": {"spec": {"names": {"kind": "NeedsOwner"}}}},
}
CONSTRAINT: dict[str, Any] = {"kind": "NeedsOwner", "metadata": {"name": "owners"}, "spec": {"match": {}}}


def test_a_pair() -> None:
    pair = guardrail(CONSTRAINT, TEMPLATE, "warn")
    assert pair.constraint["apiVersion"] == "constraints.gatekeeper.sh/v1beta1"
    assert pair.constraint["spec"] == {"match": {}, "enforcementAction": "warn"}
    assert CONSTRAINT["spec"] == {"match": {}}
    assert pair.template_ref.name == "needsowner"
    assert pair.definition_ref.name == "needsowner.constraints.gatekeeper.sh"
    assert guardrail({"kind": "X", "metadata": {"name": "x"}}).constraint["spec"] == {}


@pytest.mark.parametrize(
    ("constraint", "template", "problem"),
    [
        ({"metadata": {"name": "x"}}, None, "constraint: kind: must be given"),
        ({"kind": "NeedsOwner"}, None, "constraint: metadata.name: must be given"),
        ({**CONSTRAINT, "apiVersion": "v1"}, None, "constraint: apiVersion: must be constraints.gatekeeper.sh/v1beta1"),
        (CONSTRAINT, {**TEMPLATE, "kind": "ConfigMap"}, "constraint_template: must be a ConstraintTemplate"),
        (CONSTRAINT, {**TEMPLATE, "apiVersion": "v1"}, "constraint_template: must be a ConstraintTemplate"),
        ({**CONSTRAINT, "kind": "Other"}, TEMPLATE, "constraint: kind: must be NeedsOwner"),
        (CONSTRAINT, {**TEMPLATE, "metadata": {"name": "needs-owner"}}, "metadata.name: must be needsowner"),
    ],
)
def test_parts_that_do_not_belong_together(constraint: Any, template: Any, problem: str) -> None:
    with pytest.raises(MiniappInfraError, match=problem) as caught:
        guardrail(constraint, template)
    assert caught.value.code is ErrorCode.INVALID_INPUT


def template(*pods: dict[str, Any], created: bool | None = True) -> dict[str, Any]:
    status = {"byPod": list(pods), **({} if created is None else {"created": created})}
    return {**TEMPLATE, "metadata": {"name": "needsowner", "generation": 2}, "status": status}


PARSE = {"code": "rego_parse_error", "message": "no package"}


@pytest.mark.parametrize(
    ("obj", "is_ready", "is_failed", "reason"),
    [
        ({**TEMPLATE}, False, False, "has not made its kind"),
        (template(created=None), False, False, "has not made its kind"),
        (template({"observedGeneration": 2}, {"observedGeneration": 1}), False, False, "1 pods of Gatekeeper have not"),
        (template({"observedGeneration": 2}), True, False, ""),
        (template(), True, False, ""),
        (
            template({"observedGeneration": 2, "errors": [PARSE]}),
            False,
            True,
            "does not compile: rego_parse_error: no package",
        ),
        # What was wrong with the template before its last change counts no more.
        (template({"observedGeneration": 1, "errors": [PARSE]}), False, False, "1 pods of Gatekeeper have not"),
    ],
)
def test_templates(obj: dict[str, Any], reason: str, *, is_ready: bool, is_failed: bool) -> None:
    verdict = is_compiled(obj)
    assert (verdict.ready, verdict.failed) == (is_ready, is_failed)
    assert reason in verdict.reason


def constraint(*pods: dict[str, Any]) -> dict[str, Any]:
    return {**CONSTRAINT, "metadata": {"name": "owners", "generation": 3}, "status": {"byPod": list(pods)}}


@pytest.mark.parametrize(
    ("obj", "is_ready", "is_failed", "reason"),
    [
        ({**CONSTRAINT}, False, False, "no pod of Gatekeeper has seen"),
        (constraint({"observedGeneration": 3, "enforced": True}), True, False, ""),
        (constraint({"observedGeneration": 2, "enforced": True}), False, False, "0 of 1 pods"),
        (
            constraint({"observedGeneration": 3, "enforced": True}, {"observedGeneration": 3}),
            False,
            False,
            "1 of 2 pods",
        ),
        (constraint({"observedGeneration": 3, "errors": [{"message": "bad match"}]}), False, True, "bad match"),
        (constraint({"observedGeneration": 3, "enforced": True, "errors": [{"message": "no VAP"}]}), True, False, ""),
    ],
)
def test_constraints(obj: dict[str, Any], reason: str, *, is_ready: bool, is_failed: bool) -> None:
    verdict = is_enforced(obj)
    assert (verdict.ready, verdict.failed) == (is_ready, is_failed)
    assert reason in verdict.reason


def test_several_waits_share_one_limit() -> None:
    now = [100.0]
    deadline = Deadline(10.0, clock=lambda: now[0])
    assert deadline.left == 10.0
    now[0] = 107.0
    assert deadline.left == 3.0
    now[0] = 200.0
    assert deadline.left == 0.1
