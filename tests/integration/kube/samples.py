# SPDX-License-Identifier: GPL-3.0-or-later
"""Sample objects, and what kubectl says about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import K8s, Kubectl


def config_map(namespace: str, name: str = "c", labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def pod(namespace: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "a", "image": "example.com/a:1"}]
    metadata = {"name": "p", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers, **spec}}


def data(kubectl: Kubectl, namespace: str, name: str = "c") -> Any:
    return kubectl("get", f"configmap/{name}", "-n", namespace, "-o", "json").get("data")


def names(kubectl: Kubectl, namespace: str, kind: str = "configmap") -> list[str]:
    items = kubectl("get", kind, "-n", namespace, "-o", "json")["items"]
    return sorted(item["metadata"]["name"] for item in items if item["metadata"]["name"] != "kube-root-ca.crt")


def managers(kubectl: Kubectl, namespace: str, name: str = "c") -> dict[str, str]:
    """Return the field managers of a ConfigMap, each with how it manages."""
    found = kubectl("get", f"configmap/{name}", "-n", namespace, "-o", "json", "--show-managed-fields")
    return {entry["manager"]: entry["operation"] for entry in found["metadata"]["managedFields"]}


def warnings(result: dict[str, Any]) -> list[str]:
    """Return the texts of the warnings, which the process of a module writes as events and Ansible as texts."""
    return [item if isinstance(item, str) else str(item["event"]["msg"]) for item in result.get("warnings", ())]


def cycle(k8s: K8s, **args: Any) -> list[dict[str, Any]]:
    """Run a task in check mode and for real, which must change something, then both once more, which must not."""
    done = [k8s("k8s_apply", check=check, **args) for check in (True, False, True, False)]
    assert [result["changed"] for result in done] == [True, True, False, False]
    assert done[0]["objects"] == done[1]["objects"]
    return done
