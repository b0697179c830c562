# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches whom under the rendered NetworkPolicies, as cyclonus judges it.

Needs no cluster, only the program, which the toolchain of the local environment builds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from miniapp_infra.catalog import Environment, load
from miniapp_infra.catalog.render import tenancy_objects
from miniapp_infra.local.layout import Layout
from miniapp_infra.policy.network import External, Flow, Peer, Pod, Verdict, evaluate

ROOT = Path(__file__).parents[3]
PROGRAM = Layout(ROOT).bin / "cyclonus"
UNLISTED = External("203.0.113.250")
DNS = Pod("kube-system", {"k8s-app": "kube-dns"})

pytestmark = pytest.mark.live


@pytest.fixture(scope="module", params=["local", "dev", "staging", "prod"])
def environment(request: pytest.FixtureRequest) -> Environment:
    return load(ROOT / "inventories" / request.param)


@pytest.fixture(scope="module")
def objects(environment: Environment) -> list[dict[str, Any]]:
    return tenancy_objects(environment)


def pod(service: str, namespace: str = "") -> Pod:
    return Pod(namespace or service, {"app.kubernetes.io/name": service})


def judge(objects: list[dict[str, Any]], flows: list[Flow]) -> list[Verdict]:
    spaces = {item["metadata"]["name"]: item["metadata"]["labels"] for item in objects if item["kind"] == "Namespace"}
    return evaluate(objects, {**spaces, "kube-system": {}, "default": {}}, flows, program=PROGRAM)


def test_declared_edges_pass_and_nothing_else_between_services(
    environment: Environment, objects: list[dict[str, Any]]
) -> None:
    """All pairs at once. Both sides of an undeclared pair refuse, so that losing one policy opens nothing."""
    names = environment.service_names
    pairs = [(caller, called) for caller in names for called in names if caller != called]
    flows = [Flow(pod(caller), pod(called), environment.service(called).port) for caller, called in pairs]

    wrong = [
        f"{caller} -> {called}: {verdict}"
        for (caller, called), verdict in zip(pairs, judge(objects, flows), strict=True)
        if (verdict.egress, verdict.ingress) != (called in environment.service(caller).calls,) * 2
    ]

    assert len(pairs) == 12 * 11
    assert wrong == []


def test_price_does_not_reach_payhub(objects: list[dict[str, Any]]) -> None:
    (verdict,) = judge(objects, [Flow(pod("price"), pod("payhub"), 8080)])

    assert str(verdict) == "refused by egress and ingress"


def test_declared_edges_are_open_on_their_port_only(environment: Environment, objects: list[dict[str, Any]]) -> None:
    edges = [(caller, called) for caller in environment.service_names for called in environment.service(caller).calls]
    flows = [
        Flow(pod(caller), pod(called), port, protocol)
        for caller, called in edges
        for port, protocol in ((environment.service(called).port + 1, "TCP"), (environment.service(called).port, "UDP"))
    ]

    assert [flow for flow, verdict in zip(flows, judge(objects, flows), strict=True) if verdict] == []


def test_a_stranger_in_the_right_namespace_is_no_caller(objects: list[dict[str, Any]]) -> None:
    """playhub may call payhub; a pod without the service's label in playhub's namespace may not."""
    flows = [
        Flow(pod("intruder", "playhub"), pod("payhub"), 8080),
        Flow(pod("playhub", "default"), pod("payhub"), 8080),
    ]

    assert [verdict.ingress for verdict in judge(objects, flows)] == [False, False]


def test_own_pods_and_dns_are_reached(environment: Environment, objects: list[dict[str, Any]]) -> None:
    flows = [
        flow
        for name in environment.service_names
        for flow in (
            Flow(pod(name), pod(name), environment.service(name).port),
            Flow(pod(name), DNS, 53, "UDP"),
            Flow(pod(name), DNS, 53, "TCP"),
        )
    ]

    assert [flow for flow, verdict in zip(flows, judge(objects, flows), strict=True) if not verdict] == []


def test_egress_is_the_allow_list(environment: Environment, objects: list[dict[str, Any]]) -> None:
    allowed_flows, refused_flows = [], []
    for name in environment.service_names:
        for rule in environment.egress(name):
            inside = External(rule.cidr.partition("/")[0])
            allowed_flows.append(Flow(pod(name), inside, rule.port, rule.protocol))
            refused_flows.append(Flow(pod(name), inside, 22))
        refused_flows += [
            Flow(pod(name), UNLISTED, 443),
            Flow(pod(name), External("169.254.169.254"), 80),
            Flow(pod(name), Pod("kube-system", {"component": "kube-apiserver"}), 6443),
            Flow(pod(name), External("198.18.0.2"), 6443),
            Flow(pod(name), DNS, 8080),
        ]

    verdicts = judge(objects, [*allowed_flows, *refused_flows])

    assert [verdict.egress for verdict in verdicts] == [True] * len(allowed_flows) + [False] * len(refused_flows)


def test_feeds_are_for_price_alone(environment: Environment, objects: list[dict[str, Any]]) -> None:
    feed = environment.service("price").egress[0]
    others = [name for name in environment.service_names if name != "price"]
    flows = [Flow(pod(name), External(feed.cidr.partition("/")[0]), feed.port) for name in ("price", *others)]

    assert [verdict.egress for verdict in judge(objects, flows)] == [True] + [False] * len(others)


def test_platform(environment: Environment, objects: list[dict[str, Any]]) -> None:
    traefik, prometheus, collector, shell = (
        pod(name, "platform") for name in ("traefik", "prometheus", "otel-collector", "shell")
    )
    table: list[tuple[Peer, Peer, int, bool]] = [
        (traefik, pod("webapp"), environment.service("webapp").port, True),
        (prometheus, pod("webapp"), environment.service("webapp").port, True),
        (shell, pod("webapp"), environment.service("webapp").port, False),
        (traefik, pod("webapp"), 9999, False),
        (pod("webapp"), collector, 4317, True),
        (pod("webapp"), collector, 4318, True),
        (pod("webapp"), collector, 8888, False),
        (pod("webapp"), prometheus, 9090, False),
        (shell, prometheus, 9090, True),
        (External("203.0.113.9"), prometheus, 9090, False),
        (External("203.0.113.9"), pod("webapp"), environment.service("webapp").port, False),
    ]

    verdicts = judge(objects, [Flow(source, destination, port) for source, destination, port, _ in table])

    assert [verdict.allowed for verdict in verdicts] == [expected for *_, expected in table]


def test_both_sides_of_a_call_are_needed(environment: Environment, objects: list[dict[str, Any]]) -> None:
    """Without the callee's policy the call is refused there; without the caller's, here."""
    port = environment.service("payhub").port

    def without(namespace: str, name: str) -> Verdict:
        rest = [
            item
            for item in objects
            if (item["metadata"].get("namespace"), item["metadata"]["name"]) != (namespace, name)
        ]
        assert len(rest) == len(objects) - 1
        return judge(rest, [Flow(pod("playhub"), pod("payhub"), port)])[0]

    assert str(without("payhub", "call-from-playhub")) == "refused by ingress"
    assert str(without("playhub", "call-to-payhub")) == "refused by egress"
