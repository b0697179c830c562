# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches whom: the policies that are in the cluster, judged by cyclonus for the pods that run there.

The network plugin of the local node enforces nothing, so a connection would prove nothing.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from miniapp_infra.catalog import Environment, load
from miniapp_infra.policy.network import External, Flow, Peer, Pod, Verdict, evaluate

from .cluster import BIN, ROOT, Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Judge = Callable[[Sequence[Flow]], list[Verdict]]

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def environment() -> Environment:
    return load(ROOT / "inventories" / "local")


@pytest.fixture(scope="module")
def pods(cluster: Cluster) -> dict[str, Pod]:
    """One running pod of each service, with its labels and address."""
    found = cluster.items("pods", "--all-namespaces", "--selector=app.kubernetes.io/component=server")
    return {
        pod["metadata"]["namespace"]: Pod(
            pod["metadata"]["namespace"], pod["metadata"]["labels"], pod["status"]["podIP"]
        )
        for pod in found
        if pod["status"].get("podIP") and "deletionTimestamp" not in pod["metadata"]
    }


@pytest.fixture(scope="module")
def judge(cluster: Cluster) -> Judge:
    policies = cluster.items("networkpolicies", "--all-namespaces")
    spaces = {item["metadata"]["name"]: item["metadata"].get("labels", {}) for item in cluster.items("namespaces")}
    return lambda flows: evaluate(policies, spaces, flows, program=BIN / "cyclonus")


def test_price_does_not_reach_payhub(pods: dict[str, Pod], judge: Judge) -> None:
    """Nor when it calls itself something else; playhub, whose calls name payhub, does."""
    price, payhub = pods["price"], pods["payhub"]
    tries: list[Peer] = [
        price,
        replace(price, labels={}),
        replace(price, labels=pods["playhub"].labels),
        replace(price, namespace="default"),
        replace(price, namespace="platform"),
        External("203.0.113.9"),
    ]

    refused = judge([Flow(source, payhub, 8080) for source in tries])
    (allowed,) = judge([Flow(pods["playhub"], payhub, 8080)])

    assert str(refused[0]) == "refused by egress and ingress"
    assert [verdict.ingress for verdict in refused] == [False] * len(tries)
    assert [verdict.egress for verdict in refused[:3]] == [False] * 3
    assert str(allowed) == "allowed"


def test_declared_calls_and_no_others_between_what_runs(
    environment: Environment, pods: dict[str, Pod], judge: Judge
) -> None:
    pairs = [(caller, called) for caller in pods for called in pods if caller != called]
    verdicts = judge([Flow(pods[one], pods[other], environment.service(other).port) for one, other in pairs])

    assert len(pairs) == 12 * 11
    wrong = [
        f"{caller} -> {called}: {verdict}"
        for (caller, called), verdict in zip(pairs, verdicts, strict=True)
        if bool(verdict) != (called in environment.service(caller).calls)
    ]
    assert wrong == []


def test_no_service_reaches_the_apiserver_or_the_metadata_of_a_cloud(pods: dict[str, Pod], judge: Judge) -> None:
    outside = [(External("198.18.0.2"), 6443), (External("169.254.169.254"), 80), (External("203.0.113.9"), 443)]
    flows = [Flow(pod, peer, port) for pod in pods.values() for peer, port in outside]

    assert [flow for flow, verdict in zip(flows, judge(flows), strict=True) if verdict.egress] == []


def test_a_service_answers_through_its_address(cluster: Cluster, environment: Environment) -> None:
    """From the host to the ClusterIP: kube-proxy, the pod and its program."""
    pool = urllib3.PoolManager(retries=urllib3.Retry(total=2, connect=2, read=0))
    services = cluster.items("services", "--all-namespaces", "--selector=app.kubernetes.io/part-of=miniapp")
    addresses = {item["metadata"]["namespace"]: item["spec"] for item in services}

    for service in environment.service_names:
        address, port = addresses[service]["clusterIP"], addresses[service]["ports"][0]["port"]
        answer = pool.request("GET", f"http://{address}:{port}/version", timeout=5)
        version: dict[str, Any] = json.loads(answer.data)
        assert (answer.status, set(version)) == (200, {"commit", "version"}), service
