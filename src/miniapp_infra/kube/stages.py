# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order the objects of a set are applied."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.objects import KubeObject, group_of, lookup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CRD_GROUP = "apiextensions.k8s.io"


class Stage(IntEnum):
    """What a stage needs must be in an earlier one; inside a stage the order does not matter."""

    FOUNDATION = 0
    """Namespaces and kinds."""
    CONFIGURATION = 1
    """What workloads refer to, and limits that must be in force before the first pod."""
    BINDING = 2
    """After the roles: the API server compares a binding with the role it grants (escalation check)."""
    WORKLOAD = 3
    CUSTOM = 4
    """Kinds from custom resource definitions, whose controllers are among the workloads."""
    ADMISSION = 5
    """Last, because a webhook whose server is not there yet would refuse everything after it."""


_BY_KIND = {
    ("", "Namespace"): Stage.FOUNDATION,
    (CRD_GROUP, "CustomResourceDefinition"): Stage.FOUNDATION,
    ("", "ConfigMap"): Stage.CONFIGURATION,
    ("", "LimitRange"): Stage.CONFIGURATION,
    ("", "PersistentVolume"): Stage.CONFIGURATION,
    ("", "PersistentVolumeClaim"): Stage.CONFIGURATION,
    ("", "ResourceQuota"): Stage.CONFIGURATION,
    ("", "Secret"): Stage.CONFIGURATION,
    ("", "ServiceAccount"): Stage.CONFIGURATION,
    ("networking.k8s.io", "IngressClass"): Stage.CONFIGURATION,
    ("networking.k8s.io", "NetworkPolicy"): Stage.CONFIGURATION,
    ("node.k8s.io", "RuntimeClass"): Stage.CONFIGURATION,
    ("rbac.authorization.k8s.io", "ClusterRole"): Stage.CONFIGURATION,
    ("rbac.authorization.k8s.io", "Role"): Stage.CONFIGURATION,
    ("scheduling.k8s.io", "PriorityClass"): Stage.CONFIGURATION,
    ("storage.k8s.io", "CSIDriver"): Stage.CONFIGURATION,
    ("storage.k8s.io", "StorageClass"): Stage.CONFIGURATION,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): Stage.BINDING,
    ("rbac.authorization.k8s.io", "RoleBinding"): Stage.BINDING,
    ("apiregistration.k8s.io", "APIService"): Stage.ADMISSION,
}


def stage_of(obj: Mapping[str, Any], custom_groups: frozenset[str] = frozenset()) -> Stage:
    """Return the stage of an object.

    Args:
        obj: a checked object.
        custom_groups: API groups of the definitions in the same set; ``*.k8s.io`` groups may be custom too.
    """
    group = group_of(obj["apiVersion"])
    if group in custom_groups:
        return Stage.CUSTOM
    if group == "admissionregistration.k8s.io":
        return Stage.ADMISSION
    known = _BY_KIND.get((group, obj["kind"]))
    if known is not None:
        return known
    is_builtin = "." not in group or group.endswith(".k8s.io")
    return Stage.WORKLOAD if is_builtin else Stage.CUSTOM


def in_stages(objects: Sequence[KubeObject]) -> list[tuple[Stage, list[KubeObject]]]:
    """Group a set by stage, first stage first; inside a stage the declared order stays."""
    custom = custom_groups(objects)
    stages: dict[Stage, list[KubeObject]] = {}
    for obj in objects:
        stages.setdefault(stage_of(obj, custom), []).append(obj)
    return sorted(stages.items())


def custom_groups(objects: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the API groups that the definitions of a set bring."""
    return frozenset(str(lookup(crd, "spec", "group") or "") for crd in objects if is_definition(crd))


def is_definition(obj: Mapping[str, Any]) -> bool:
    return obj["kind"] == "CustomResourceDefinition" and group_of(obj["apiVersion"]) == CRD_GROUP
