# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets with an inventory, as the tests converge them, and what kubectl says about the result."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.budget import Budget
from miniapp_infra.kube.client import Client, Response
from miniapp_infra.kube.discovery import Discovery
from miniapp_infra.kube.inventory import OWNER, Place, read
from miniapp_infra.kube.models import ApplyOptions
from miniapp_infra.kube.release import Converged, Ownership, converge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conftest import Kubectl

GENEROUS = Budget(percent=100.0)
Objects = list[dict[str, Any]]


def config_map(name: str, namespace: str, value: str = "1", **annotations: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": value}}


def deployment(name: str, namespace: str) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "app", "image": "example.com/app:1"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    }


def gadget_definition(group: str, *versions: str, scope: str = "Namespaced") -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": "Gadget", "plural": "gadgets", "singular": "gadget"},
            "versions": [
                {"name": name, "served": True, "storage": name == versions[-1], "schema": {"openAPIV3Schema": schema}}
                for name in versions
            ],
        },
    }


def gadget(name: str, group: str, namespace: str, version: str = "v1") -> dict[str, Any]:
    return {
        "apiVersion": f"{group}/{version}",
        "kind": "Gadget",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"size": 1},
    }


class Engine:
    """Converges sets of one inventory after the other, with the discovery of a test of its own."""

    def __init__(self, client: Client, directory: Path) -> None:
        self.client = client
        self.discovery = Discovery(client, directory)

    def run(
        self,
        objects: Sequence[dict[str, Any]],
        place: Place,
        *,
        client: Client | None = None,
        check: bool = False,
        budget: Budget = GENEROUS,
        **more: Any,
    ) -> Converged:
        options = ApplyOptions(namespace=place.namespace, check=check)
        ready = more.pop("ready", None)
        ownership = Ownership(place, budget, **more)
        return converge(client or self.client, self.discovery, objects, options, ownership, ready=ready)

    def recorded(self, place: Place) -> list[str]:
        return sorted(f"{ref.kind}/{ref.name}" for ref in read(self.client, place).refs)


class Counted(Client):
    """Counts what is sent, and with ``limit`` is killed at that write: nothing is sent from then on.

    Args:
        after: the fatal write reaches the server, and its answer is lost.
    """

    def __init__(self, client: Client, limit: int = 0, *, after: bool = False) -> None:
        self.__dict__.update(client.__dict__)
        self._inner = client
        self._limit = limit
        self._after = after
        self._writes_lock = threading.Lock()
        self._is_dead = False
        self.reads = 0
        self.writes = 0

    def request(self, method: str, path: str, **options: Any) -> Response:
        is_write = method != "GET" and "dryRun" not in str(options.get("query")) + str(options.get("body"))
        with self._writes_lock:
            if self._is_dead:
                raise Killed
            self.reads += not is_write
            self.writes += is_write
            is_fatal = is_write and self.writes == self._limit
            self._is_dead = is_fatal
        if not is_fatal:
            return self._inner.request(method, path, **options)
        if self._after:
            self._inner.request(method, path, **options)
        raise Killed


class Killed(BaseException):
    """Nothing catches it, as nothing catches kill -9."""


def names(kubectl: Kubectl, namespace: str) -> list[str]:
    """Return the ConfigMaps and Deployments of a namespace, without inventories and what Kubernetes makes."""
    lines = kubectl("get", "configmaps,deployments", "-n", namespace, "-o", "name").split()
    found = [line.replace("deployment.apps", "deployment") for line in lines]
    return sorted(line for line in found if not line.endswith("kube-root-ca.crt") and "/inventory-" not in line)


def owner(kubectl: Kubectl, name: str, namespace: str) -> str | None:
    found = kubectl("get", name, "-n", namespace, "-o", "json")
    return found["metadata"].get("annotations", {}).get(OWNER)


def actions(done: Converged) -> dict[str, str]:
    return {item.ref.name: item.action.value for item in done.outcomes}
