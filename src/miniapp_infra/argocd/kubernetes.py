# SPDX-License-Identifier: GPL-3.0-or-later
"""Argo CD's objects over the Kubernetes engine. Their addresses are fixed, so nothing has to be discovered."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from miniapp_infra.argocd.client import API_VERSION, APP_PROJECT, APPLICATION, APPLICATION_SET
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from miniapp_infra.kube.client import Client

_COLLECTIONS = {APPLICATION: "applications", APPLICATION_SET: "applicationsets", APP_PROJECT: "appprojects"}
_MERGE_PATCH = "application/merge-patch+json"


@dataclass
class KubernetesObjects:
    """Implements ``ObjectClient``.

    Args:
        connect: opens the connection; called when the first object is asked for.
    """

    connect: Callable[[], Client]

    @cached_property
    def client(self) -> Client:
        return self.connect()

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        try:
            body: dict[str, Any] = self.client.get(
                _path(kind, namespace, name), action=f"read {kind} {namespace}/{name}"
            ).body
        except MiniappInfraError as error:
            if error.code is ErrorCode.NOT_FOUND:
                return None
            raise
        return body

    def list(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        pages = self.client.pages(_path(kind, namespace), action=f"list {kind} in {namespace}")
        return [item for page in pages for item in page["items"]]

    def merge_patch(self, kind: str, name: str, namespace: str, patch: dict[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = self.client.request(
            "PATCH",
            _path(kind, namespace, name),
            action=f"patch {kind} {namespace}/{name}",
            query={"fieldManager": "miniapp-infra"},
            body=patch,
            content_type=_MERGE_PATCH,
        ).body
        return body

    def replace(self, definition: dict[str, Any]) -> dict[str, Any]:
        # A lost race is decided anew on the present object; sending the same old version again would never succeed.
        once = copy.copy(self.client)
        once.retry = RetryPolicy(timeout=0)
        kind, metadata = definition["kind"], definition["metadata"]
        name, namespace = metadata["name"], metadata["namespace"]
        body: dict[str, Any] = once.request(
            "PUT",
            _path(kind, namespace, name),
            action=f"write {kind} {namespace}/{name}",
            query={"fieldManager": "miniapp-infra"},
            body=definition,
        ).body
        return body


def _path(kind: str, namespace: str, name: str = "") -> str:
    collection = f"/apis/{API_VERSION}/namespaces/{namespace}/{_COLLECTIONS[kind]}"
    return f"{collection}/{name}" if name else collection
