# SPDX-License-Identifier: GPL-3.0-or-later
"""How answers of cyclonus are asked for and read; what it answers on the real policies is an integration test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.policy.network import External, Flow, Pod, Verdict, allowed, evaluate, parse

if TYPE_CHECKING:
    from collections.abc import Callable

NAMESPACES = {"price": {"team": "a"}, "payhub": {}}
PRICE, PAYHUB = Pod("price", {"app": "price"}), Pod("payhub", {"app": "payhub"}, ip="192.0.2.7")

# As cyclonus 0.5.6 prints it: cells that repeat the one above are empty, and a direction without policies has no rows.
HEAD = """Traffic:
+---------------+-------------+-----------+-----------+
| 8080 () on TCP | source     | 192.0.2.1 | price     |
+---------------+-------------+-----------+-----------+

Is traffic allowed?
+-------------+--------+------------------+
|    TYPE     | ACTION |      TARGET      |
+-------------+--------+------------------+
"""
INGRESS_ALLOWED = """| Ingress     | Allow  | namespace: payhub |
|             |        | all pods          |
+             +--------+-------------------+
|             | Deny   | namespace: payhub |
"""
INGRESS_DENIED = """| Ingress     | Deny   | namespace: payhub |
|             |        | all pods          |
"""
GAP = """+-------------+--------+-------------------+
|             |        |                   |
+-------------+--------+-------------------+
"""
EGRESS_ALLOWED = "| Egress      | Allow  | namespace: price |\n"
EGRESS_DENIED = "| Egress      | Deny   | namespace: price |\n"


def total(value: str) -> str:
    return f"+----+\n| IS ALLOWED? | {value}  |        \n+----+\n\n\n"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (INGRESS_ALLOWED + GAP + EGRESS_ALLOWED + total("TRUE"), Verdict(egress=True, ingress=True)),
        (INGRESS_DENIED + GAP + EGRESS_ALLOWED + total("FALSE"), Verdict(egress=True, ingress=False)),
        (INGRESS_ALLOWED + GAP + EGRESS_DENIED + total("FALSE"), Verdict(egress=False, ingress=True)),
        (INGRESS_DENIED + GAP + EGRESS_DENIED + total("FALSE"), Verdict(egress=False, ingress=False)),
        (GAP + EGRESS_DENIED + total("FALSE"), Verdict(egress=False, ingress=True)),
        (GAP + total("TRUE"), Verdict(egress=True, ingress=True)),
    ],
)
def test_tables_are_read(table: str, expected: Verdict) -> None:
    assert parse(HEAD + table) == [expected]


def test_answers_keep_their_order() -> None:
    refused, open_ = GAP + EGRESS_DENIED + total("FALSE"), GAP + total("TRUE")

    assert [bool(verdict) for verdict in parse("query traffic:\n" + HEAD + refused + HEAD + open_)] == [False, True]


@pytest.mark.parametrize("table", [GAP + total("FALSE"), GAP + EGRESS_DENIED + total("TRUE"), GAP])
def test_an_unknown_form_is_no_verdict(table: str) -> None:
    """The rows and the total that cyclonus prints must agree, and there must be one."""
    with pytest.raises(MiniappInfraError, match="not of the known form"):
        parse(HEAD + table)


def test_verdicts_say_which_side_refused() -> None:
    assert str(Verdict(egress=True, ingress=True)) == "allowed"
    assert str(Verdict(egress=False, ingress=True)) == "refused by egress"
    assert str(Verdict(egress=False, ingress=False)) == "refused by egress and ingress"
    assert not Verdict(egress=True, ingress=False)


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    """A program in the place of cyclonus, that keeps what it is given and prints what the test says."""

    def make(body: str) -> Path:
        path = tmp_path / "cyclonus"
        path.write_text(
            f'#!/bin/sh\nfor option in "$@"; do case $option in\n'
            f'--policy-path=*) cp "${{option#*=}}" {tmp_path}/policies.json;;\n'
            f'--traffic-path=*) cp "${{option#*=}}" {tmp_path}/traffic.json;;\nesac; done\n{body}\n'
        )
        path.chmod(0o755)
        return path

    return make


def test_one_process_answers_all_questions(program: Callable[[str], Path], tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    answer.write_text((HEAD + GAP + total("TRUE")) * 2)
    policies = [{"kind": "NetworkPolicy", "metadata": {"name": "deny"}}, {"kind": "Namespace"}]
    flows = [Flow(PRICE, PAYHUB, 8080), Flow(PRICE, External("203.0.113.9"), 53, "UDP", "dns")]

    verdicts = evaluate(policies, NAMESPACES, flows, program=program(f"cat {answer}"))

    assert [verdict.allowed for verdict in verdicts] == [True, True]
    assert json.loads((tmp_path / "policies.json").read_text())["items"] == policies[:1]
    assert json.loads((tmp_path / "traffic.json").read_text()) == [
        {
            "Source": {
                "IP": "192.0.2.1",
                "Internal": {
                    "Namespace": "price",
                    "NamespaceLabels": {"team": "a", "kubernetes.io/metadata.name": "price"},
                    "PodLabels": {"app": "price"},
                },
            },
            "Destination": {
                "IP": "192.0.2.7",
                "Internal": {
                    "Namespace": "payhub",
                    "NamespaceLabels": {"kubernetes.io/metadata.name": "payhub"},
                    "PodLabels": {"app": "payhub"},
                },
            },
            "ResolvedPort": 8080,
            "ResolvedPortName": "",
            "Protocol": "TCP",
        },
        {
            "Source": {
                "IP": "192.0.2.1",
                "Internal": {
                    "Namespace": "price",
                    "NamespaceLabels": {"team": "a", "kubernetes.io/metadata.name": "price"},
                    "PodLabels": {"app": "price"},
                },
            },
            "Destination": {"Internal": None, "IP": "203.0.113.9"},
            "ResolvedPort": 53,
            "ResolvedPortName": "dns",
            "Protocol": "UDP",
        },
    ]


def test_no_question_needs_no_program() -> None:
    assert evaluate([], NAMESPACES, [], program=Path("/does/not/exist")) == []


def test_a_missing_answer_is_an_error(program: Callable[[str], Path]) -> None:
    with pytest.raises(MiniappInfraError, match="1 questions, but 0 answers"):
        allowed([], NAMESPACES, PRICE, PAYHUB, 8080, program=program("true"))


def test_failure_carries_the_reason(program: Callable[[str], Path]) -> None:
    with pytest.raises(MiniappInfraError, match="unable to parse"):
        allowed([], NAMESPACES, PRICE, PAYHUB, 8080, program=program("echo unable to parse >&2; exit 1"))


def test_missing_program() -> None:
    with pytest.raises(MiniappInfraError) as caught:
        allowed([], NAMESPACES, PRICE, PAYHUB, 8080, program=Path("/does/not/exist"))
    assert caught.value.code is ErrorCode.MISSING_TOOL


def test_unknown_namespace() -> None:
    with pytest.raises(MiniappInfraError, match="namespace nowhere is not among price, payhub"):
        allowed([], NAMESPACES, PRICE, Pod("nowhere"), 8080, program=Path("/does/not/exist"))


def test_no_address() -> None:
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        External("everywhere")
