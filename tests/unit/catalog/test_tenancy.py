# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold for the rendered objects of every environment."""

from __future__ import annotations

import copy
import json
from collections import Counter
from typing import Any

from miniapp_infra.catalog import Environment, from_mapping
from miniapp_infra.catalog.render import tenancy_objects

Object = dict[str, Any]


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [item for item in objects if item["kind"] == kind]


def policies(environment: Environment, namespace: str) -> dict[str, Object]:
    return {
        item["metadata"]["name"]: item["spec"]
        for item in of_kind(tenancy_objects(environment), "NetworkPolicy")
        if item["metadata"]["namespace"] == namespace
    }


def test_equal_environments_give_equal_objects(environment: Environment) -> None:
    """Also when the services are written in another order, and after a round trip through Ansible's plain data."""
    data = environment.model_dump(mode="json")
    data["services"] = dict(reversed(data["services"].items()))

    assert json.dumps(tenancy_objects(from_mapping(data))) == json.dumps(tenancy_objects(environment))


def test_rendering_shares_nothing_between_calls(dev: Environment) -> None:
    before = tenancy_objects(dev)
    expected = copy.deepcopy(before)
    for item in before:
        item["metadata"]["name"] = "spoiled"
        item.get("spec", {}).clear()
        for rule in item.get("rules", []):
            rule["verbs"].append("*")

    assert tenancy_objects(dev) == expected


def test_objects_are_unique_and_whole(environment: Environment) -> None:
    objects = tenancy_objects(environment)
    keys = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in objects]
    spaces = {item["metadata"]["name"] for item in of_kind(objects, "Namespace")}

    assert len(set(keys)) == len(keys)
    assert {item["metadata"]["namespace"] for item in objects if "namespace" in item["metadata"]} <= spaces
    assert all(item["metadata"]["labels"]["miniapp.fuze/environment"] == environment.name for item in objects)
    json.dumps(objects)


def test_namespaces(environment: Environment) -> None:
    found = {item["metadata"]["name"]: item["metadata"] for item in of_kind(tenancy_objects(environment), "Namespace")}

    assert set(found) == {*environment.services, "platform"}
    for name, metadata in found.items():
        labels = metadata["labels"]
        assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")} == {"restricted"}
        assert labels["pod-security.kubernetes.io/enforce-version"] == f"v{environment.cluster.kubernetes_version}"
        assert metadata["annotations"] == {"argocd.argoproj.io/sync-options": "Prune=confirm"}
        assert labels.get("miniapp.fuze/tenant") == (None if name == "platform" else "true")
        assert labels.get("policy.sigstore.dev/include") == (None if name == "platform" else "true")
    assert found["payhub"]["labels"]["miniapp.fuze/owner"] == "payments"


def test_each_service_has_quota_and_limits(environment: Environment) -> None:
    objects = tenancy_objects(environment)

    for kind in ("ResourceQuota", "LimitRange"):
        assert [item["metadata"]["namespace"] for item in of_kind(objects, kind)] == sorted(environment.services)
    for item in of_kind(objects, "ResourceQuota"):
        quota = environment.quotas.of(item["metadata"]["namespace"])
        assert item["spec"]["hard"]["requests.cpu"] == quota.requests_cpu
        assert item["spec"]["hard"]["limits.memory"] == quota.limits_memory
        assert item["spec"]["hard"]["services.nodeports"] == item["spec"]["hard"]["services.loadbalancers"] == "0"
    (limits,) = of_kind(objects, "LimitRange")[0]["spec"]["limits"]
    assert limits["default"] == environment.quotas.container.default_limit.model_dump()
    assert limits["defaultRequest"] == environment.quotas.container.default_request.model_dump()
    assert limits["max"] == environment.quotas.container.max.model_dump()


def test_everything_is_denied_that_is_not_allowed(environment: Environment) -> None:
    for name in environment.service_names:
        assert policies(environment, name)["default-deny"] == {"podSelector": {}, "policyTypes": ["Egress", "Ingress"]}
    assert policies(environment, "platform")["default-deny-ingress"] == {"podSelector": {}, "policyTypes": ["Ingress"]}


def test_each_call_opens_both_sides_on_one_port(environment: Environment) -> None:
    edges = {(caller, called) for caller, spec in environment.services.items() for called in spec.calls}
    found: Counter[tuple[str, str, str]] = Counter()
    for name in environment.service_names:
        for policy, spec in policies(environment, name).items():
            if policy.startswith("call-to-"):
                (rule,), called = spec["egress"], policy.removeprefix("call-to-")
                (peer,) = rule["to"]
                found["egress", name, called] += 1
            elif policy.startswith("call-from-"):
                (rule,), caller = spec["ingress"], policy.removeprefix("call-from-")
                (peer,), called = rule["from"], name
                found["ingress", caller, name] += 1
            else:
                continue
            other = called if policy.startswith("call-to-") else caller
            assert rule["ports"] == [{"protocol": "TCP", "port": environment.services[called].port}]
            assert peer["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": other}}
            assert peer["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": other}}

    assert set(found) == {(side, *edge) for side in ("egress", "ingress") for edge in edges}


def test_egress_to_the_outside_is_the_allow_list(environment: Environment) -> None:
    for name in environment.service_names:
        blocks = {
            (rule["to"][0]["ipBlock"]["cidr"], rule["ports"][0]["port"])
            for spec in policies(environment, name).values()
            for rule in spec.get("egress", [])
            if "ipBlock" in rule["to"][0]
        }
        assert blocks == {(rule.cidr, rule.port) for rule in environment.egress(name)}


def test_metrics_port_is_open_to_the_platform_alone(dev: Environment) -> None:
    price = dev.services["price"]
    metrics = price.metrics.model_copy(update={"port": 9100})
    changed = dev.model_copy(
        update={"services": {**dev.services, "price": price.model_copy(update={"metrics": metrics})}}
    )
    found = policies(changed, "price")

    open_to_platform = found["from-platform"]["ingress"][0]["ports"]
    assert [port["port"] for port in open_to_platform] == [8080, 9100]
    assert found["call-from-playhub"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": 8080}]


def test_roles_have_no_more_than_they_need(environment: Environment) -> None:
    roles = {
        item["metadata"]["name"].removeprefix(f"{environment.name}-miniapp-"): [
            (group, resource, verb)
            for rule in item["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        ]
        for item in of_kind(tenancy_objects(environment), "ClusterRole")
    }
    writes = {
        name: {(group, resource) for group, resource, verb in rights if verb not in {"get", "list", "watch"}}
        for name, rights in roles.items()
    }

    assert set(roles) == {"readonly", "operator", "break-glass"}
    assert not writes["readonly"]
    for name in ("readonly", "operator"):
        resources = {resource for _, resource, _ in roles[name]}
        assert not resources & {"secrets", "pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers"}
    assert {"secrets", "pods/exec"} <= {resource for _, resource, _ in roles["break-glass"]}
    for name, rights in roles.items():
        assert not any("*" in right for right in rights), name
        assert not any(verb in {"impersonate", "escalate", "bind", "deletecollection"} for _, _, verb in rights), name
        assert not any(group == "rbac.authorization.k8s.io" for group, _, _ in rights), name
        assert not {("networking.k8s.io", "networkpolicies"), ("", "resourcequotas"), ("", "namespaces")} & writes[name]
    assert set(roles["readonly"]) < set(roles["operator"]) < set(roles["break-glass"])
    # What promoting and aborting a Rollout takes (module argo_rollout).
    decide = {("argoproj.io", "rollouts", "patch"), ("argoproj.io", "rollouts/status", "patch")}
    assert decide <= set(roles["operator"])
    assert ("argoproj.io", "rollouts", "watch") in roles["readonly"]


def test_groups_are_bound_and_break_glass_is_not(environment: Environment) -> None:
    bindings = of_kind(tenancy_objects(environment), "RoleBinding")
    found = {(item["metadata"]["namespace"], item["roleRef"]["name"]): item["subjects"] for item in bindings}
    prefix = f"{environment.name}-miniapp-"

    tenants = {(name, f"{prefix}{role}") for name in environment.services for role in ("readonly", "operator")}
    assert set(found) == {*tenants, ("platform", f"{prefix}readonly")}, (
        "no guardrail holds in platform: nobody starts there"
    )
    onlookers = {subject["name"] for subject in found["platform", f"{prefix}readonly"]}
    assert onlookers == {*environment.access.readonly, *environment.access.operator}
    assert [subject["name"] for subject in found["payhub", f"{prefix}operator"]] == list(environment.access.operator)
    assert not [item for item in tenancy_objects(environment) if item["kind"] == "ClusterRoleBinding"]


def test_role_without_groups_has_no_binding(dev: Environment) -> None:
    closed = dev.model_copy(update={"access": dev.access.model_copy(update={"operator": ()})})

    assert {item["roleRef"]["name"] for item in of_kind(tenancy_objects(closed), "RoleBinding")} == {
        "dev-miniapp-readonly"
    }
