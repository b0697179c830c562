# SPDX-License-Identifier: GPL-3.0-or-later
"""When objects count as ready: the cases are in fixtures/readiness.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.predicates import Verdict, describe_conditions, for_condition, for_kind, parse

CASES = yaml.safe_load((Path(__file__).parent / "fixtures" / "readiness.yml").read_text())


def name_of(verdict: Verdict) -> str:
    return "ready" if verdict.ready else "failed" if verdict.failed else "waiting"


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_rule_of_the_kind(case: dict[str, Any]) -> None:
    obj = case["object"]
    verdict = for_kind(obj["apiVersion"], obj["kind"])(obj)
    assert name_of(verdict) == case["verdict"]
    assert case.get("reason", "") in verdict.reason


APPLICATION = {
    "metadata": {"generation": 2},
    "spec": {"paused": False, "replicas": 3},
    "status": {
        "phase": "Running",
        "list": [{"a": "b"}],
        "conditions": [{"type": "Synced", "status": "True", "reason": "Done"}, {"type": "Old", "status": "True"}],
    },
}


@pytest.mark.parametrize(
    ("text", "ready"),
    [
        ("condition=Synced", True),
        ("condition=synced", True),
        ("condition=Synced:True", True),
        ("condition=Synced:False", False),
        ("condition=Other", False),
        ("status.phase=Running", True),
        (".status.phase=Running", True),
        ("status.phase=Failed", False),
        ("status.list.0.a=b", True),
        ("status.list.7.a=b", False),
        ("status.none.at.all=None", False),
        ("spec.paused=false", True),
        ("spec.replicas=3", True),
    ],
)
def test_the_grammar_of_wait_for(text: str, ready: bool) -> None:  # noqa: FBT001 - a column of the table
    assert parse(text)(APPLICATION).ready is ready


@pytest.mark.parametrize("text", ["Ready", "condition=", "=x", ""])
def test_anything_else_is_refused_with_the_grammar(text: str) -> None:
    with pytest.raises(KubeError, match=r"wait_for: must be condition=Type"):
        parse(text)


@pytest.mark.parametrize("rule", ["condition=Synced", "status.phase=Running"])
def test_a_status_about_an_older_generation_does_not_count(rule: str) -> None:
    status = {**APPLICATION["status"], "observedGeneration": 1}
    assert not parse(rule)({**APPLICATION, "status": status}).ready


@pytest.mark.parametrize(
    ("observed", "counts"),
    [("2", True), ("3", True), ("10", True), ("1", False), ("5f6b7c8d9f", True), ("", True)],
)
def test_a_generation_may_be_text(observed: str, counts: bool) -> None:  # noqa: FBT001 - a column of the table
    """As in a Rollout of Argo; compared as text, 10 would be older than 2."""
    obj = {**APPLICATION, "status": {**APPLICATION["status"], "observedGeneration": observed}}
    assert parse("status.phase=Running")(obj).ready is counts


def test_a_condition_about_an_older_generation_does_not_count() -> None:
    obj = {
        "metadata": {"generation": 2},
        "status": {"conditions": [{"type": "A", "status": "True", "observedGeneration": 1}]},
    }
    assert not for_condition("A")(obj).ready


def test_a_reason_can_be_asked_for() -> None:
    assert for_condition("Synced", reason="Done")(APPLICATION).ready
    assert not for_condition("Synced", reason="Other")(APPLICATION).ready


def test_conditions_in_one_line() -> None:
    assert describe_conditions(APPLICATION) == "Synced=True (Done), Old=True"
