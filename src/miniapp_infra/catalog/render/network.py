# SPDX-License-Identifier: GPL-3.0-or-later
"""NetworkPolicies: nothing passes between namespaces but DNS, declared calls, allow-listed egress and the platform.

Each declared call opens both sides, egress of the caller and ingress of the callee, on the callee's port alone.
Policies select all pods of a namespace, because a namespace has one service; peers are selected by namespace *and* pod
label, so that a pod that is not the service's own is no peer, even in the right namespace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.catalog import naming

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miniapp_infra.catalog.environment import Environment
    from miniapp_infra.catalog.models.network import EgressRule

DNS_NAMESPACE = "kube-system"
# The label of the cluster's DNS pods, whichever server answers (Kubernetes: "Customizing DNS Service").
DNS_LABELS = {"k8s-app": "kube-dns"}
DNS_PORT = 53
# The platform's pods that open connections to services: requests from outside, and scrapes of metrics.
PLATFORM_CLIENTS = ("prometheus", "traefik")
COLLECTOR = "otel-collector"
# OTLP over gRPC and over HTTP (OpenTelemetry protocol specification).
OTLP_PORTS = (4317, 4318)

Spec = dict[str, Any]
# Of the policy's own namespace.
ANY_POD: Spec = {"podSelector": {}}


def network_policies(environment: Environment) -> Iterator[dict[str, Any]]:
    """Yield the NetworkPolicies of all services and of ``platform``."""
    for service in environment.service_names:
        labels = environment.labels(service)
        for name, spec in _of_service(environment, service):
            yield _policy(naming.namespace(service), name, labels, spec)
    for name, spec in _of_platform():
        yield _policy(naming.PLATFORM_NAMESPACE, name, naming.labels(environment.name), spec)


def _of_service(environment: Environment, service: str) -> Iterator[tuple[str, Spec]]:
    spec = environment.service(service)
    ports = sorted({spec.port, spec.metrics.port or spec.port})
    yield "default-deny", {"policyTypes": ["Egress", "Ingress"]}
    yield "dns", _egress(_pods(DNS_NAMESPACE, DNS_LABELS), [("TCP", DNS_PORT), ("UDP", DNS_PORT)])
    yield "same-namespace", _same_namespace()
    yield "telemetry", _egress(_pods(naming.PLATFORM_NAMESPACE, _is(COLLECTOR)), _tcp(OTLP_PORTS))
    yield "from-platform", _ingress(_platform_clients(), _tcp(ports))
    for called in sorted(spec.calls):
        port = environment.service(called).port
        yield f"call-to-{called}", _egress(_pods(naming.namespace(called), _is(called)), _tcp([port]))
    for caller in environment.callers(service):
        yield f"call-from-{caller}", _ingress(_pods(naming.namespace(caller), _is(caller)), _tcp([spec.port]))
    for rule in environment.egress(service):
        yield f"egress-{rule.name}", _outside(rule)


def _of_platform() -> Iterator[tuple[str, Spec]]:
    """Closed to other namespaces; its egress stays open, because add-ons work on the whole cluster."""
    yield "default-deny-ingress", {"policyTypes": ["Ingress"]}
    yield "same-namespace", {"policyTypes": ["Ingress"], "ingress": [{"from": [ANY_POD]}]}
    tenants = {"namespaceSelector": {"matchLabels": {naming.TENANT_LABEL: "true"}}}
    yield "telemetry", {"podSelector": {"matchLabels": _is(COLLECTOR)}, **_ingress(tenants, _tcp(OTLP_PORTS))}


def _same_namespace() -> Spec:
    return {"policyTypes": ["Egress", "Ingress"], "egress": [{"to": [ANY_POD]}], "ingress": [{"from": [ANY_POD]}]}


def _policy(namespace: str, name: str, labels: dict[str, str], spec: Spec) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"podSelector": {}, **spec},
    }


def _is(name: str) -> dict[str, str]:
    return {naming.NAME_LABEL: name}


def _pods(namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "namespaceSelector": {"matchLabels": {naming.NAMESPACE_NAME_LABEL: namespace}},
        "podSelector": {"matchLabels": labels},
    }


def _platform_clients() -> dict[str, Any]:
    return {
        "namespaceSelector": {"matchLabels": {naming.NAMESPACE_NAME_LABEL: naming.PLATFORM_NAMESPACE}},
        "podSelector": {
            "matchExpressions": [{"key": naming.NAME_LABEL, "operator": "In", "values": list(PLATFORM_CLIENTS)}]
        },
    }


def _tcp(ports: tuple[int, ...] | list[int]) -> list[tuple[str, int]]:
    return [("TCP", port) for port in ports]


def _ports(ports: list[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"protocol": protocol, "port": port} for protocol, port in ports]


def _egress(peer: dict[str, Any], ports: list[tuple[str, int]]) -> Spec:
    return {"policyTypes": ["Egress"], "egress": [{"to": [peer], "ports": _ports(ports)}]}


def _ingress(peer: dict[str, Any], ports: list[tuple[str, int]]) -> Spec:
    return {"policyTypes": ["Ingress"], "ingress": [{"from": [peer], "ports": _ports(ports)}]}


def _outside(rule: EgressRule) -> Spec:
    return _egress({"ipBlock": {"cidr": rule.cidr}}, [(rule.protocol, rule.port)])
