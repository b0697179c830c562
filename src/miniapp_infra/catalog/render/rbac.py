# SPDX-License-Identifier: GPL-3.0-or-later
"""The three roles of people: readonly, operator and break-glass (spec section 5).

Roles are ClusterRoles that are bound namespace by namespace, so none reaches beyond the services and ``platform``. None
may change roles or bindings, impersonate, or touch NetworkPolicies and quotas: these come from the catalogue alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.catalog import naming

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miniapp_infra.catalog.environment import Environment

READ = ("get", "list", "watch")


def _rule(group: str, resources: tuple[str, ...], verbs: tuple[str, ...]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


# Secrets are left out on purpose: reading their values is what break-glass is for. Whoever may change a workload can
# still make it show the Secrets of its namespace; docs/security.md says so.
READONLY = (
    _rule(
        "",
        (
            "configmaps",
            "endpoints",
            "events",
            "limitranges",
            "persistentvolumeclaims",
            "pods",
            "pods/log",
            "resourcequotas",
            "serviceaccounts",
            "services",
        ),
        READ,
    ),
    _rule("apps", ("deployments", "replicasets", "statefulsets"), READ),
    _rule("argoproj.io", ("rollouts",), READ),
    _rule("autoscaling", ("horizontalpodautoscalers",), READ),
    _rule("autoscaling.k8s.io", ("verticalpodautoscalers",), READ),
    _rule("batch", ("cronjobs", "jobs"), READ),
    _rule("discovery.k8s.io", ("endpointslices",), READ),
    _rule("events.k8s.io", ("events",), READ),
    _rule("metrics.k8s.io", ("pods",), ("get", "list")),
    _rule("networking.k8s.io", ("ingresses", "networkpolicies"), READ),
    _rule("policy", ("poddisruptionbudgets",), READ),
)
# Restart, scale, evict, promote or abort a new version, and run a CronJob by hand. What should stay different belongs
# in Git, or self-heal undoes it.
OPERATOR = (
    *READONLY,
    _rule("", ("pods",), ("delete",)),
    _rule("", ("pods/eviction",), ("create",)),
    _rule("apps", ("deployments",), ("patch",)),
    _rule("apps", ("deployments/scale",), ("get", "patch", "update")),
    _rule("argoproj.io", ("rollouts", "rollouts/status"), ("patch",)),
    _rule("argoproj.io", ("rollouts/scale",), ("get", "patch", "update")),
    _rule("batch", ("jobs",), ("create", "delete")),
)
# For an emergency, time-boxed and audited: into containers, at secrets, and past Git.
BREAK_GLASS = (
    *OPERATOR,
    _rule("", ("pods/ephemeralcontainers",), ("patch", "update")),
    _rule("", ("pods/attach", "pods/exec", "pods/portforward"), ("create", "get")),
    _rule("", ("secrets",), ("get", "list", "patch", "update")),
    _rule("", ("configmaps", "services"), ("patch", "update")),
    _rule("apps", ("deployments",), ("delete", "update")),
    _rule("argoproj.io", ("rollouts",), ("delete", "update")),
    _rule("autoscaling", ("horizontalpodautoscalers",), ("patch", "update")),
    _rule("batch", ("cronjobs",), ("delete", "patch", "update")),
    _rule("policy", ("poddisruptionbudgets",), ("delete", "patch", "update")),
)
ROLES = {"readonly": READONLY, "operator": OPERATOR, "break-glass": BREAK_GLASS}


def cluster_roles(environment: Environment) -> Iterator[dict[str, Any]]:
    """Yield the ClusterRoles. That of break-glass is bound to nobody until somebody asks for it and is granted it."""
    for role, rules in ROLES.items():
        yield {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {
                "name": environment.resource_name(role),
                "labels": naming.labels(environment.name),
            },
            "rules": [dict(rule) for rule in rules],
        }


def role_bindings(environment: Environment) -> Iterator[dict[str, Any]]:
    """Yield the bindings of readonly and operator groups in each namespace; a role without groups has none.

    In ``platform`` operators only look: no guardrail holds there, so who could start a workload could run any image.
    """
    readonly, operator = environment.access.readonly, environment.access.operator
    tenants = {naming.namespace(name): environment.labels(name) for name in environment.service_names}
    for namespace, labels in tenants.items():
        yield from _bindings(environment, namespace, labels, {"readonly": readonly, "operator": operator})
    platform = naming.labels(environment.name)
    yield from _bindings(environment, naming.PLATFORM_NAMESPACE, platform, {"readonly": (*readonly, *operator)})


def _bindings(
    environment: Environment, namespace: str, labels: dict[str, str], groups: dict[str, tuple[str, ...]]
) -> Iterator[dict[str, Any]]:
    for role, members in groups.items():
        if members:
            yield _binding(environment.resource_name(role), namespace, labels, members)


def _binding(role: str, namespace: str, labels: dict[str, str], groups: tuple[str, ...]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role, "namespace": namespace, "labels": labels},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group} for group in sorted(set(groups))
        ],
    }
