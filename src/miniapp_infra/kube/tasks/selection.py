# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that are to be deleted without being named: all of a kind, or those with certain labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.live import typed
from miniapp_infra.kube.tasks.kinds import api_version_of

if TYPE_CHECKING:
    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Discovery
    from miniapp_infra.kube.objects import KubeObject

Params = Mapping[str, Any]


def selected(client: Client, discovery: Discovery, params: Params) -> list[KubeObject]:
    """Find the objects of a kind in a namespace, all of them or those with the labels.

    Raises:
        KubeError: the kind does not exist, or it has namespaces and none is given.
    """
    kind, namespace = params["kind"], params.get("namespace") or ""
    resource = discovery.resolve(api_version_of(params["api_version"], kind), kind)
    if resource.namespaced and not namespace:
        raise KubeError(
            f"namespace: must be given to delete each {kind} that matches",
            code=ErrorCode.INVALID_INPUT,
            hint="Run the task once for each namespace that is meant.",
        )
    query = {"labelSelector": ",".join(params["label_selectors"])} if params.get("label_selectors") else {}
    pages = client.pages(resource.collection(namespace), action=f"list {resource.plural}", query=query)
    return [obj for page in pages for obj in typed(page, resource)]
