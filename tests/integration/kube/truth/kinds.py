# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds whose objects are generated.

Each ``body`` is a strategy for everything but apiVersion, kind, name and namespace.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from truth.bodies import (
    Body,
    backend,
    booleans,
    label_maps,
    listed,
    names,
    obj,
    peers,
    ports,
    quantities,
    record,
    role_ref,
    rules,
    subjects,
    webhook,
    widget_spec,
    words,
)
from truth.kind import Kind
from truth.workloads import WORKLOADS

GROUP = "truth.example.com"

KINDS = (
    *WORKLOADS,
    Kind(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "networkpolicies",
        obj(
            {
                "spec": record(
                    {"podSelector": record(matchLabels=label_maps)},
                    policyTypes=st.sampled_from([["Ingress"], ["Ingress", "Egress"]]),
                    ingress=st.lists(
                        record({"from": peers}, ports=st.lists(record({"port": ports, "protocol": "TCP"}), max_size=2)),
                        max_size=2,
                    ),
                    egress=st.lists(record(to=peers), max_size=2),
                )
            }
        ),
    ),
    Kind(
        "networking.k8s.io/v1",
        "Ingress",
        "ingresses",
        obj(
            {
                "spec": record(
                    {
                        "defaultBackend": backend,
                        "rules": st.lists(
                            record(
                                {
                                    "host": names.map("{}.example.com".format),
                                    "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
                                }
                            ),
                            max_size=2,
                        ),
                    },
                    ingressClassName=names,
                    tls=st.lists(record({"hosts": ["a.example.com"], "secretName": names}), max_size=1),
                )
            }
        ),
    ),
    Kind(
        "networking.k8s.io/v1",
        "IngressClass",
        "ingressclasses",
        obj({"spec": record({"controller": "example.com/a"}, parameters=st.just({"kind": "K", "name": "n"}))}),
        namespaced=False,
    ),
    Kind("rbac.authorization.k8s.io/v1", "Role", "roles", obj(rules=rules)),
    Kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", obj(rules=rules), namespaced=False),
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", obj({"roleRef": role_ref}, subjects=subjects)),
    Kind(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
        obj({"roleRef": role_ref}, subjects=subjects),
        namespaced=False,
    ),
    Kind(
        "policy/v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        obj(
            {
                "spec": record(
                    {"selector": record(matchLabels=label_maps), "minAvailable": st.sampled_from([1, 2, "50%"])}
                )
            }
        ),
    ),
    Kind(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        obj(
            {
                "spec": record(
                    {
                        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
                        "maxReplicas": st.integers(min_value=5, max_value=7),
                    },
                    minReplicas=st.integers(min_value=1, max_value=4),
                    metrics=st.just(
                        [
                            {
                                "type": "Resource",
                                "resource": {
                                    "name": "cpu",
                                    "target": {"type": "Utilization", "averageUtilization": 80},
                                },
                            }
                        ]
                    ),
                )
            }
        ),
    ),
    Kind(
        "scheduling.k8s.io/v1",
        "PriorityClass",
        "priorityclasses",
        obj({"value": st.just(5)}, description=words, preemptionPolicy=st.just("Never")),
        namespaced=False,
    ),
    Kind(
        "storage.k8s.io/v1",
        "StorageClass",
        "storageclasses",
        obj(
            {"provisioner": "example.com/p"},
            allowVolumeExpansion=booleans,
            mountOptions=st.lists(names, max_size=2),
            reclaimPolicy=st.just("Retain"),
        ),
        namespaced=False,
    ),
    Kind(
        "storage.k8s.io/v1",
        "CSIDriver",
        "csidrivers",
        obj({"spec": record(podInfoOnMount=booleans, requiresRepublish=booleans, storageCapacity=booleans)}),
        namespaced=False,
    ),
    Kind(
        "coordination.k8s.io/v1",
        "Lease",
        "leases",
        obj(
            {
                "spec": record(
                    holderIdentity=names,
                    leaseDurationSeconds=st.integers(min_value=1, max_value=3),
                    renewTime=st.sampled_from(["2026-01-01T00:00:00.000000Z", "2026-01-01T01:00:00.500000+01:00"]),
                )
            }
        ),
    ),
    Kind(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "endpointslices",
        obj(
            {
                "addressType": "IPv4",
                "endpoints": st.lists(
                    record(
                        {"addresses": st.sampled_from([["192.0.2.1"], ["192.0.2.2"]])},
                        conditions=record(ready=booleans),
                    ),
                    max_size=2,
                ),
            },
            ports=listed(st.builds(lambda port: {"name": f"p{port}", "port": port}, ports), "name", most=2),
        ),
    ),
    Kind(
        "node.k8s.io/v1",
        "RuntimeClass",
        "runtimeclasses",
        obj(
            {"handler": "h"},
            scheduling=record(nodeSelector=label_maps),
            overhead=record(podFixed=record(cpu=quantities)),
        ),
        namespaced=False,
    ),
    Kind(
        "flowcontrol.apiserver.k8s.io/v1",
        "PriorityLevelConfiguration",
        "prioritylevelconfigurations",
        obj(
            {
                "spec": record(
                    {
                        "type": "Limited",
                        "limited": record(
                            {"limitResponse": {"type": "Reject"}}, nominalConcurrencyShares=st.integers(1, 3)
                        ),
                    }
                )
            }
        ),
        namespaced=False,
    ),
    Kind(
        "flowcontrol.apiserver.k8s.io/v1",
        "FlowSchema",
        "flowschemas",
        obj(
            {
                "spec": record(
                    {
                        "priorityLevelConfiguration": {"name": "catch-all"},
                        "matchingPrecedence": st.integers(9000, 9005),
                    },
                    distinguisherMethod=st.just({"type": "ByUser"}),
                )
            }
        ),
        namespaced=False,
    ),
    Kind(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        obj({"webhooks": listed(webhook, "name")}),
        namespaced=False,
    ),
    Kind(
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        obj({"webhooks": listed(webhook, "name")}),
        namespaced=False,
    ),
    Kind(
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        obj(
            {
                "spec": record(
                    {
                        "matchConstraints": {
                            "resourceRules": [
                                {
                                    "apiGroups": ["nowhere.example"],
                                    "apiVersions": ["v1"],
                                    "operations": ["*"],
                                    "resources": ["x"],
                                }
                            ]
                        },
                        "validations": st.lists(record({"expression": "true"}, message=names), min_size=1, max_size=2),
                    },
                    failurePolicy=st.sampled_from(["Fail", "Ignore"]),
                    matchConditions=listed(record({"name": names, "expression": "true"}), "name"),
                )
            }
        ),
        namespaced=False,
    ),
    Kind(
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        obj(
            {
                "spec": record(
                    {
                        "policyName": names,
                        "validationActions": st.lists(st.sampled_from(["Deny", "Audit"]), min_size=1, unique=True),
                    }
                )
            }
        ),
        namespaced=False,
    ),
    Kind(
        "resource.k8s.io/v1",
        "DeviceClass",
        "deviceclasses",
        obj({"spec": record(selectors=st.lists(st.just({"cel": {"expression": "true"}}), max_size=1))}),
        namespaced=False,
    ),
    Kind(f"{GROUP}/v1", "Widget", "widgets", obj({"spec": widget_spec})),
)


def definition() -> Body:
    """The definition of Widget: a list of each type, a map that is one value, int-or-string, a default, free fields."""

    def array(items: Body, **extensions: Any) -> Body:
        extended = {f"x-kubernetes-{name.replace('_', '-')}": value for name, value in extensions.items()}
        return {"type": "array", "items": items, **extended}

    text, number = {"type": "string"}, {"type": "integer"}
    either = {"x-kubernetes-int-or-string": True}
    size = {"name": text, "size": either, "on": {"type": "boolean", "default": True}}
    pair = {"left": number, "right": text, "note": text}
    properties = {
        "sizes": array(
            {"type": "object", "required": ["name"], "properties": size}, list_type="map", list_map_keys=["name"]
        ),
        "pairs": array(
            {"type": "object", "required": ["left", "right"], "properties": pair},
            list_type="map",
            list_map_keys=["left", "right"],
        ),
        "tags": array(text, list_type="set"),
        "flags": array(number, list_type="set"),
        "order": array(text, list_type="atomic"),
        "whole": {"type": "object", "additionalProperties": text, "x-kubernetes-map-type": "atomic"},
        "limit": either,
        "ratio": {"type": "number"},
        "mode": {"type": "string", "default": "slow"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    }
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
            "versions": [version],
        },
    }
