# SPDX-License-Identifier: GPL-3.0-or-later
"""Good objects of every kind that makes pods, for tests to spoil."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from .cluster import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable

    Spoil = Callable[[dict[str, Any]], object]

NAME = "refusal-sample"
LABELS = {
    "app.kubernetes.io/instance": f"local-miniapp-{NAMESPACE}",
    "app.kubernetes.io/managed-by": "tests",
    "app.kubernetes.io/name": NAMESPACE,
    "app.kubernetes.io/part-of": "miniapp",
    "app.kubernetes.io/version": "1.0.0",
    "miniapp.fuze/environment": "local",
    "miniapp.fuze/owner": "market-data",
}
API_VERSIONS = {
    "Pod": "v1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
}
KINDS = tuple(API_VERSIONS)


def container(image: str, name: str = "app") -> dict[str, Any]:
    """Return a container that every policy lets pass, if the image is right."""
    return {
        "name": name,
        "image": image,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        },
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"cpu": "50m", "memory": "64Mi"},
        },
    }


def ephemeral(image: str) -> dict[str, Any]:
    """Return a good ephemeral container; the API gives it no resources of its own."""
    found = container(image, "debug")
    del found["resources"]
    return found


def workload(kind: str, image: str, *, init: bool = False) -> dict[str, Any]:
    """Return a good object of a kind, with an init container of the same image if wanted."""
    pod: dict[str, Any] = {
        "metadata": {"labels": dict(LABELS)},
        "spec": {
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "automountServiceAccountToken": False,
            "containers": [container(image)],
        },
    }
    if init:
        pod["spec"]["initContainers"] = [container(image, "prepare")]
    metadata: dict[str, Any] = {"name": NAME, "namespace": NAMESPACE, "labels": dict(LABELS)}
    head = {"apiVersion": API_VERSIONS[kind], "kind": kind, "metadata": metadata}
    if kind == "Pod":
        return {**head, "spec": pod["spec"]}
    if kind in ("Job", "CronJob"):
        pod["spec"]["restartPolicy"] = "Never"
        job = {"template": pod}
        return {**head, "spec": job if kind == "Job" else {"schedule": "0 3 * * *", "jobTemplate": {"spec": job}}}
    selector = {"matchLabels": {"app.kubernetes.io/instance": LABELS["app.kubernetes.io/instance"]}}
    more = {"serviceName": NAME} if kind == "StatefulSet" else {}
    return {**head, "spec": {"selector": selector, "template": pod, **more}}


def pod_template(item: dict[str, Any]) -> dict[str, Any]:
    """Return what has the pod's metadata and spec; of a pod, itself."""
    if item["kind"] == "Pod":
        return item
    outer = item["spec"]["jobTemplate"] if item["kind"] == "CronJob" else item
    found: dict[str, Any] = outer["spec"]["template"]
    return found


def pod_spec(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = pod_template(item)["spec"]
    return found


def spoilt(item: dict[str, Any], spoil: Spoil, *, init: bool = False) -> dict[str, Any]:
    """Return a copy whose container, or else init container, was spoilt."""
    result = copy.deepcopy(item)
    spoil(pod_spec(result)["initContainers" if init else "containers"][0])
    return result
