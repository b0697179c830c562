# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that every contender applies."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KINDS = ("ServiceAccount", "ConfigMap", "Service", "Deployment", "NetworkPolicy")
SCALE_KINDS = (*KINDS, "Pod")
"""With pods, which KWOK makes run. A pod comes after the service account that it names: some peers keep the order."""

CONTROLLED = "bench.miniapp-infra/controlled"
"""Label of the Deployments that the fake controller makes ready."""

KubeObject = dict[str, Any]


def mixed(count: int, namespace: str, kinds: Sequence[str] = KINDS, nodes: int = 1) -> list[KubeObject]:
    """Return a set of small, ordinary objects, as many of each kind, kind after kind.

    Args:
        count: of objects.
        namespace: of all of them.
        kinds: that they are of.
        nodes: pods are spread over so many nodes.
    """
    numbered = sorted((index % len(kinds), index // len(kinds)) for index in range(count))
    return [_MAKERS[kinds[kind]](number, namespace, nodes) for kind, number in numbered]


def rollout(count: int, namespace: str) -> list[KubeObject]:
    """Return Deployments that the fake controller makes ready."""
    deployments = [_deployment(number, namespace, 1) for number in range(count)]
    for deployment in deployments:
        deployment["metadata"]["labels"][CONTROLLED] = "true"
    return deployments


def config_map(number: int | str, namespace: str) -> KubeObject:
    """Return the object of a loop; ``number`` may be a template."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"item-{number}", "namespace": namespace},
        "data": {"number": f"item {number}"},
    }


def write(objects: Sequence[KubeObject], path: Path) -> Path:
    """Write a manifest with one document for each object."""
    path.write_text(yaml.safe_dump_all(objects, explicit_start=True, sort_keys=False), encoding="utf-8")
    return path


def chart(objects: Sequence[KubeObject], directory: Path) -> Path:
    """Write a chart of objects, with a value in each of them, so that Helm has something to render."""
    shutil.rmtree(directory, ignore_errors=True)
    templates = directory / "templates"
    templates.mkdir(parents=True)
    about = {"apiVersion": "v2", "name": "bench", "version": "1.0.0", "description": "Objects of the benchmark"}
    (directory / "Chart.yaml").write_text(yaml.safe_dump(about))
    (directory / "values.yaml").write_text(yaml.safe_dump({"part": "none"}))
    for obj in objects:
        del obj["metadata"]["namespace"]
        obj["metadata"]["labels"]["app.kubernetes.io/part-of"] = "{{ .Values.part }}"
        name = f"{obj['kind'].lower()}-{obj['metadata']['name']}.yaml"
        (templates / name).write_text(yaml.safe_dump(obj, sort_keys=False))
    return directory


def _metadata(number: int, namespace: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": f"app-{number:04}", "app.kubernetes.io/component": "bench"}
    annotations = {"example.com/team": "platform", "example.com/runbook": f"https://example.com/runbooks/{number:04}"}
    return {"name": f"app-{number:04}", "namespace": namespace, "labels": labels, "annotations": annotations}


def _selector(number: int) -> dict[str, str]:
    return {"app.kubernetes.io/name": f"app-{number:04}"}


def _configuration(number: int, namespace: str, _nodes: int) -> KubeObject:
    data = {"log.level": "info", "workers": str(number % 8 + 1), "greeting": "hello\nfrom the benchmark\n"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(number, namespace), "data": data}


def _service_account(number: int, namespace: str, _nodes: int) -> KubeObject:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(number, namespace),
        "automountServiceAccountToken": False,
    }


def _service(number: int, namespace: str, _nodes: int) -> KubeObject:
    ports = [{"name": "http", "port": 80, "targetPort": "http"}, {"name": "metrics", "port": 9090, "targetPort": 9090}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(number, namespace),
        "spec": {"selector": _selector(number), "ports": ports},
    }


def _pod_spec(number: int) -> dict[str, Any]:
    container = {
        "name": "app",
        "image": "registry.example.com/app@sha256:" + f"{number:064x}",
        "args": ["serve", "--port=8080"],
        "ports": [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9090}],
        "env": [{"name": "NUMBER", "value": str(number)}, {"name": "REGION", "value": "europe"}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 5},
        "securityContext": {"runAsNonRoot": True, "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False},
    }
    return {
        "serviceAccountName": f"app-{number:04}",
        "automountServiceAccountToken": False,
        "containers": [container],
    }


def _deployment(number: int, namespace: str, _nodes: int) -> KubeObject:
    template = {"metadata": {"labels": _selector(number)}, "spec": _pod_spec(number)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(number, namespace),
        "spec": {"replicas": 2, "selector": {"matchLabels": _selector(number)}, "template": template},
    }


def _network_policy(number: int, namespace: str, _nodes: int) -> KubeObject:
    ingress = [{"from": [{"namespaceSelector": {}}], "ports": [{"protocol": "TCP", "port": 8080}]}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(number, namespace),
        "spec": {"podSelector": {"matchLabels": _selector(number)}, "policyTypes": ["Ingress"], "ingress": ingress},
    }


def _pod(number: int, namespace: str, nodes: int) -> KubeObject:
    spec = {**_pod_spec(number), "nodeName": node_name(number % nodes)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": _metadata(number, namespace), "spec": spec}


def node_name(number: int) -> str:
    return f"kwok-{number:03}"


_MAKERS = {
    "ConfigMap": _configuration,
    "Deployment": _deployment,
    "NetworkPolicy": _network_policy,
    "Pod": _pod,
    "Service": _service,
    "ServiceAccount": _service_account,
}
