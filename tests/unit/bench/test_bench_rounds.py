# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the runs, with a cluster and contenders that only remember what was asked of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from bench import rounds, workload
from bench.cluster import Traffic
from bench.contenders import Contender, ContenderError, Sample, require_recap
from bench.scenarios import Scenario
from bench.state import DifferentStateError


class Memory:
    """Stands for a cluster; every contender leaves ``left`` behind, unless it is told otherwise."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.round_trip = 0.0
        self.left = {"a": workload.mixed(5, "a"), "b": workload.mixed(5, "b")}

    def set_round_trip(self, seconds: float) -> None:
        self.round_trip = seconds

    def ensure_namespace(self, name: str) -> None:
        self.log.append(f"namespace {name}")

    def empty(self, namespace: str) -> None:
        self.log.append(f"empty {namespace}")

    def objects(self, namespace: str) -> list[dict[str, Any]]:
        return copy.deepcopy(self.left[namespace])

    def contender(self, key: str, seconds: float, limit: int | None = None) -> Contender:
        def run() -> Sample:
            self.log.append(f"run {key}")
            return Sample(seconds, Traffic(5, 1))

        return Contender(key, f"title of {key}", run, key, limit)


def measure(memory: Memory, *contenders: Contender, start: Any = "empty", pairs: int = 2) -> rounds.Measured:
    measured = rounds.Measured()
    first = None
    if start == "converged":

        def maker(key: str) -> Any:
            return lambda: memory.log.append(f"make {key}")

        first = {item.key: maker(item.key) for item in contenders}
    rounds.run(memory, Scenario("s", start, contenders, first), pairs, measured, lambda _: None)  # type: ignore[arg-type]
    return measured


def test_contenders_take_turns_and_another_one_begins_each_round() -> None:
    memory = Memory()
    measure(memory, memory.contender("a", 1), memory.contender("b", 9))
    assert [line for line in memory.log if line.startswith("run")] == [f"run {key}" for key in "ab" + "ab" + "ba"]


def test_a_scenario_has_its_own_distance() -> None:
    memory = Memory()
    scenario = Scenario("s", "empty", (memory.contender("a", 1),), None, 0.005)
    rounds.run(memory, scenario, 1, rounds.Measured(), lambda _: None)  # type: ignore[arg-type]
    assert memory.round_trip == 0.005


def test_a_first_apply_always_begins_in_an_empty_namespace() -> None:
    memory = Memory()
    measure(memory, memory.contender("a", 1), memory.contender("b", 9))
    for number, line in enumerate(memory.log):
        if line.startswith("run"):
            assert memory.log[number - 1] == line.replace("run", "empty")


def test_an_unchanged_set_is_made_once_by_the_contender_itself() -> None:
    memory = Memory()
    measure(memory, memory.contender("a", 1), memory.contender("b", 9), start="converged")
    assert memory.log[:4] == ["namespace a", "empty a", "make a", "run a"]
    assert [line for line in memory.log if line.startswith("make")] == ["make a", "make b"]
    assert "empty" not in " ".join(memory.log[8:])


def test_what_is_only_reported_may_take_part_in_fewer_rounds() -> None:
    memory = Memory()
    measured = measure(memory, memory.contender("a", 1), memory.contender("b", 9, 2), pairs=4)
    assert [len(measured.samples["s"][key]) for key in "ab"] == [4, 2]


def test_another_final_state_fails_the_run() -> None:
    memory = Memory()
    memory.left["b"][0]["metadata"]["labels"]["added"] = "x"
    with pytest.raises(DifferentStateError, match="title of b"):
        measure(memory, memory.contender("a", 1), memory.contender("b", 9))


@pytest.mark.parametrize(
    ("ok", "changes", "failed", "expected", "is_right"),
    [
        (1, 1, 0, True, True),
        (1, 0, 0, False, True),
        (1, 1, 0, False, False),
        (1, 0, 0, True, False),
        (0, 0, 0, False, False),
        (1, 0, 1, False, False),
    ],
)
def test_a_playbook_has_to_say_what_is_so(ok: int, changes: int, failed: int, expected: bool, is_right: bool) -> None:  # noqa: FBT001
    recap = f"\nPLAY RECAP ***\nlocalhost : ok={ok} changed={changes} unreachable=0 failed={failed} skipped=0\n"
    if is_right:
        require_recap("x", recap, changed=expected)
    else:
        with pytest.raises(ContenderError, match=f"changed={changes}"):
            require_recap("x", recap, changed=expected)


def test_no_recap_is_no_success() -> None:
    with pytest.raises(ContenderError, match="no recap"):
        require_recap("x", "PLAY [x]\n", changed=False)
