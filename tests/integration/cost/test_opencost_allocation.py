# SPDX-License-Identifier: GPL-3.0-or-later
"""``opencost_allocation_info`` against a server that answers as OpenCost 2.4.2's description and code say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.cost.tasks import allocation_info
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from scripted_http import Asked, Say, ScriptedServer

if TYPE_CHECKING:
    from conftest import RunModule

TOKEN = "opencost-token-99"  # noqa: S105 - of this test
START, END = "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"
# docs/swagger.json of OpenCost 2.4.2 names these, and pkg/costmodel/aggregation.go the others.
PARAMETERS = {"window", "aggregate", "step", "resolution"} | {"accumulate", "includeIdle", "shareIdle", "idleByNode"}


def allocation(name: str, total: str = "1.5", **fields: Any) -> dict[str, Any]:
    """Return an item with the fields of core/pkg/opencost/allocation_json.go; numbers as Go writes them."""
    costs = dict.fromkeys(
        [
            *("cpuCost", "cpuCostAdjustment", "gpuCost", "gpuCostAdjustment", "ramCost", "ramCostAdjustment"),
            *("pvCost", "pvCostAdjustment", "networkCost", "networkCostAdjustment", "loadBalancerCost"),
            *("loadBalancerCostAdjustment", "sharedCost", "externalCost"),
        ],
        0,
    )
    window = {"start": START, "end": END}
    item = {"name": name, "properties": {}, "window": window, **window, "minutes": 1440, **costs, "totalCost": total}
    return {**item, **fields}


def body(*items: dict[str, Any]) -> bytes:
    """Return an answer; numbers stand in the JSON as they were given, without being made floats."""
    text = json.dumps({"code": 200, "status": "success", "data": [{item["name"]: item for item in items}]})
    for item in items:
        for value in item.values():
            if isinstance(value, str) and value.replace(".", "").replace("-", "").isdigit():
                text = text.replace(f'"{value}"', value)
    return text.encode()


SHARES = (
    allocation("playhub", "0.30000000000000004", cpuCost="0.1", ramCost="0.20000000000000001"),
    allocation("payhub", "2"),
    allocation("price", "0.001"),
    allocation("__idle__", "4.75"),
    allocation("__unallocated__", "0.5"),
    allocation("__unmounted__", "0.25"),
)


def ask(server: ScriptedServer, **changes: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {"aggregate": ["namespace"], "include_idle": True, "share_idle": False, "lag": 60}
    params = {"url": server.url, "window": "yesterday", "retries": 0, **defaults, **changes}
    return allocation_info(params, check_mode=False, diff_mode=False)


def test_the_module_reads_and_changes_nothing(run_module: RunModule) -> None:
    with ScriptedServer.in_turn(Say(200, body(*SHARES))) as server:
        args = {"url": server.url, "api_token": TOKEN, "window": "yesterday", "min_cost": "0.01"}
        found = [run_module("opencost_allocation_info", args, check=check) for check in (True, False)]
        refused = run_module("opencost_allocation_info", {**args, "start": START})
        assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {TOKEN}"}
        assert all(set(asked.query) <= PARAMETERS for asked in server.asked)
        assert {asked.path for asked in server.asked} == {"/allocation"}
    assert "mutually exclusive" in refused["msg"]
    assert TOKEN not in json.dumps(found)
    for result in found:
        assert (result["changed"], result["complete"]) == (False, True)
        assert [(row["name"], row["total_cost"]) for row in result["allocations"]] == [
            ("payhub", "2"),
            ("playhub", "0.3"),
        ]
        assert result["allocations"][1]["cpu_cost"] == "0.1"
        assert result["allocated_cost"] == "2.301"


def test_what_belongs_to_no_workload_is_never_among_the_allocations() -> None:
    with ScriptedServer.in_turn(Say(200, body(*SHARES))) as server:
        found = ask(server)
    assert [row["name"] for row in found["allocations"]] == ["payhub", "playhub", "price"]
    assert {row["name"]: row["reason"] for row in found["unassigned"]} == {
        name: name for name in ("__idle__", "__unallocated__", "__unmounted__")
    }
    assert found["unassigned_cost"] == "5.5"


def test_nor_is_what_belongs_to_a_namespace_but_to_no_team() -> None:
    shares = allocation("playhub/__unallocated__"), allocation("playhub/games"), allocation("cluster-one/__idle__")
    with ScriptedServer.in_turn(Say(200, body(*shares))) as server:
        found = ask(server, aggregate=["namespace", "label:team"])
        assert server.asked[0].query["aggregate"] == "namespace,label:team"
    assert [row["labels"] for row in found["allocations"]] == [{"namespace": "playhub", "label:team": "games"}]
    assert len(found["unassigned"]) == 2


def test_the_window_is_two_points_in_time_and_open_ones_are_not_complete() -> None:
    now = datetime.now(UTC)
    with ScriptedServer.in_turn(Say(200, body())) as server:
        result = ask(server, window=None, start=START, end="2026-11-01T04:00:00+02:00")
        assert server.asked[0].query["window"] == "2026-11-01T00:00:00Z,2026-11-01T02:00:00Z"
        assert result["window"] == {"start": "2026-11-01T00:00:00Z", "end": "2026-11-01T02:00:00Z"}
        assert result["complete"]
        assert not ask(server, window="today")["complete"]
        recent = {"window": None, "start": START, "end": (now - timedelta(minutes=30)).isoformat()}
        assert not ask(server, **recent)["complete"]
        assert ask(server, **recent, lag=10)["complete"]


def test_bad_questions_are_not_asked() -> None:
    with ScriptedServer.in_turn(Say(200, body())) as server:
        for option, value in (("window", "sometime"), ("aggregate", ["team"]), ("min_cost", "-1"), ("min_cost", "x")):
            with pytest.raises(MiniappInfraError, match=f"^{option}: "):
                ask(server, **{option: value})
        assert server.asked == []


def test_adjustments_belong_to_the_cost() -> None:
    share = allocation("playhub", "1.25", cpuCost="1.5", cpuCostAdjustment="-0.25")
    with ScriptedServer.in_turn(Say(200, body(share))) as server:
        assert ask(server)["allocations"][0]["cpu_cost"] == "1.25"


@pytest.mark.parametrize("total", [None, "NaN", True, {}])
def test_a_cost_that_could_not_be_computed_is_not_taken_for_zero(total: Any) -> None:
    with (
        ScriptedServer.in_turn(Say(200, body(allocation("playhub", total=total)))) as server,
        pytest.raises(MiniappInfraError, match=r"totalCost of playhub is .* and not a number"),
    ):
        ask(server)


@pytest.mark.parametrize(
    ("answer", "message", "code"),
    [
        (Say(500, {"code": 500, "message": "Error: no data"}), "answered 500: Error: no data", ErrorCode.UNAVAILABLE),
        (
            Say(200, {"code": 500, "message": "Error: no data"}),
            "OpenCost answered 500: Error: no data",
            ErrorCode.UPSTREAM,
        ),
        (Say(200, b"Invalid 'window' parameter\n{}"), "the answer is no JSON", ErrorCode.UPSTREAM),
        (Say(200, []), "OpenCost answered None: no reason given", ErrorCode.UPSTREAM),
    ],
)
def test_failures_of_opencost(answer: Say, message: str, code: ErrorCode) -> None:
    with ScriptedServer.in_turn(answer) as server, pytest.raises(MiniappInfraError, match=message) as caught:
        ask(server)
    assert caught.value.code is code


@pytest.mark.parametrize("data", [None, [], [None], [{}]])
def test_nothing_costs_nothing(data: Any) -> None:
    def answer(asked: Asked) -> Say:
        assert asked.method == "GET"
        return Say(200, {"code": 200, "data": data})

    with ScriptedServer(answer) as server:
        found = ask(server)
    assert (found["allocations"], found["unassigned"], found["allocated_cost"]) == ([], [], "0")
