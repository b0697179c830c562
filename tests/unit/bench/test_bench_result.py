# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from bench import result, scale, scenarios, workload

TARGETS_OF_THE_PROJECT = {
    "rollout_wait_12": 12,
    "noop_100": 7,
    "noop_100_requests": 30,
    "create_100": 5,
    "kubectl_noop_100_api": 10,
    "kubectl_create_100_api": 4,
    "kubectl_noop_100": 2,
    "kubectl_create_100": 2,
    "loop_30": 15,
    "loop_30_mitogen": 2,
    "helm_install": 2.5,
    "helm_upgrade_noop": 5,
}


def test_the_targets_are_those_that_were_set() -> None:
    assert {metric.key: metric.target for metric in scenarios.TARGETS} == TARGETS_OF_THE_PROJECT


def test_keys_are_unique() -> None:
    keys = [metric.key for metric in scenarios.METRICS]
    assert len(keys) == len(set(keys))


def test_a_complete_run_is_accepted(document: dict[str, Any]) -> None:
    result.require_complete(document)
    assert result.missed(document) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda run: run.update(only=["noop_100"]), "limited to noop_100"),
        (lambda run: run.update(pairs=4), "4 rounds"),
        (lambda run: run["metrics"].pop(1), "lacks noop_100"),
        (lambda run: run["metrics"].pop(), "lacks loop_30_far_mitogen"),
        (lambda run: run["metrics"][0].update(ours=[1.0] * 4), "rollout_wait_12 has 4 pairs"),
        (lambda run: run.update(scale=None), "scale series lacks 10, 100, 1000, 5000"),
        (lambda run: run["scale"].update(points=run["scale"]["points"][:-2]), "scale series lacks 5000"),
    ],
)
def test_a_partial_run_is_refused(document: dict[str, Any], change: Any, reason: str) -> None:
    change(document)
    with pytest.raises(result.PartialError, match=reason):
        result.require_complete(document)


def test_fewer_samples_are_enough_where_there_is_no_target(document: dict[str, Any]) -> None:
    others = [metric for metric in document["metrics"] if metric["target"] is None]
    others[0]["ours"] = others[0]["ours"][:2]
    result.require_complete(document)


def test_missed_targets_are_named(document: dict[str, Any]) -> None:
    document["metrics"][2]["met"] = False
    document["scale"]["met"] = False
    assert result.missed(document) == ["noop_100_requests", "scale"]


def test_one_request_for_each_object_breaks_the_scale_series() -> None:
    assert scale.allowed_requests(10) == 6 + scale.OTHER_REQUESTS
    assert scale.allowed_requests(5000) == 12 + scale.OTHER_REQUESTS
    growing = {"met": scale.allowed_requests(5000) >= 5000}
    assert scale.Series([{"met": True}, growing]).as_dict()["met"] is False


def test_only_the_contenders_that_a_metric_needs_are_run() -> None:
    assert scenarios.needed(["noop_100", "noop_100_requests"]) == {"noop": {"ours", "server_side"}}
    with pytest.raises(KeyError, match="unheard_of"):
        scenarios.needed(["unheard_of"])


@pytest.mark.parametrize("size", [10, 100, 1000])
def test_the_set_has_the_size_that_it_claims(size: int) -> None:
    objects = workload.mixed(size, "n", workload.SCALE_KINDS, nodes=7)
    assert len({(obj["kind"], obj["metadata"]["name"]) for obj in objects}) == size
    accounts = [obj["metadata"]["name"] for obj in objects if obj["kind"] == "ServiceAccount"]
    pods = [obj for obj in objects if obj["kind"] == "Pod"]
    assert {pod["spec"]["serviceAccountName"] for pod in pods} <= set(accounts)
    assert {pod["spec"]["nodeName"] for pod in pods} == {workload.node_name(n) for n in range(min(7, len(pods)))}
