# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order a set is applied."""

from __future__ import annotations

from typing import Any

import pytest

from miniapp_infra.kube.stages import Stage, in_stages, stage_of


def obj(api_version: str, kind: str, name: str = "x", **extra: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **extra}


WIDGETS = obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", spec={"group": "example.k8s.io"})


@pytest.mark.parametrize(
    ("api_version", "kind", "stage"),
    [
        ("v1", "Namespace", Stage.FOUNDATION),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", Stage.FOUNDATION),
        ("v1", "ServiceAccount", Stage.CONFIGURATION),
        ("v1", "Secret", Stage.CONFIGURATION),
        ("networking.k8s.io/v1", "NetworkPolicy", Stage.CONFIGURATION),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", Stage.CONFIGURATION),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", Stage.BINDING),
        ("v1", "Service", Stage.WORKLOAD),
        ("apps/v1", "Deployment", Stage.WORKLOAD),
        ("batch/v1", "Job", Stage.WORKLOAD),
        ("autoscaling/v2", "HorizontalPodAutoscaler", Stage.WORKLOAD),
        ("gateway.networking.k8s.io/v1", "Gateway", Stage.WORKLOAD),
        ("argoproj.io/v1alpha1", "Application", Stage.CUSTOM),
        ("templates.gatekeeper.sh/v1", "ConstraintTemplate", Stage.CUSTOM),
        ("apiregistration.k8s.io/v1", "APIService", Stage.ADMISSION),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", Stage.ADMISSION),
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", Stage.ADMISSION),
    ],
)
def test_stage_of_a_kind(api_version: str, kind: str, stage: Stage) -> None:
    assert stage_of(obj(api_version, kind)) is stage


def test_a_kind_of_the_same_set_is_custom_even_when_its_group_looks_built_in() -> None:
    stages = dict(in_stages([obj("example.k8s.io/v1", "Widget"), WIDGETS]))
    assert [item["kind"] for item in stages[Stage.CUSTOM]] == ["Widget"]


def test_first_stage_comes_first_and_the_declared_order_stays() -> None:
    declared = [obj("v1", "Service", "b"), obj("v1", "Service", "a"), obj("v1", "Namespace")]
    stages = in_stages(declared)
    assert [stage for stage, _ in stages] == [Stage.FOUNDATION, Stage.WORKLOAD]
    assert [item["metadata"]["name"] for item in stages[1][1]] == ["b", "a"]
