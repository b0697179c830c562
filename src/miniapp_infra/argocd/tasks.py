# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for modules: parameters in, results out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from miniapp_infra.argocd import api
from miniapp_infra.argocd.kubernetes import KubernetesObjects
from miniapp_infra.argocd.transformations import as_result
from miniapp_infra.argocd.waiters import Expectation, wait_for_application
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.client import Client
from miniapp_infra.kube.connection import ConnectionOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.argocd.models import Application

Result = dict[str, Any]


def application_info(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Return applications, all of them or one by name."""
    del check_mode, diff_mode  # reads only
    objects, namespace = _objects(params), params["namespace"]
    if not params["name"]:
        found = api.list_applications(objects, namespace=namespace)
    else:
        one = api.find_application(objects, params["name"], namespace=namespace)
        found = () if one is None else (one,)
    return {"changed": False, "applications": [as_result(application) for application in found]}


def application_sync(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Synchronise an application unless it is already where it should be, and wait for it."""
    objects, namespace, name = _objects(params), params["namespace"], params["name"]
    read = partial(api.find_application, objects, name, namespace=namespace)
    settled = Expectation(accept_health=tuple(params["accept_health"]))
    before = _required(read(), namespace, name)
    if params["refresh"] != "none" and not check_mode:
        api.refresh(objects, name, namespace=namespace, hard=params["refresh"] == "hard")
        compared = Expectation("be compared", accept_health=(before.health, *_HEALTH), require_synced=False)
        before = _wait(params, read, compared)
    needed = params["force"] or before.sync_status != "Synced"
    result: Result = {"changed": needed, "application": as_result(before)}
    if needed and not check_mode:
        run = api.sync(
            objects,
            name,
            namespace=namespace,
            prune=params["prune"],
            sync_options=params["sync_options"],
            resources=params["resources"],
            retry_limit=params["retry_limit"],
        )
        settled = Expectation(accept_health=tuple(params["accept_health"]), run=run)
    if params["wait"] and not check_mode:
        result["application"] = as_result(_wait(params, read, settled))
    if diff_mode and needed:
        pending = [item for item in before.resources if item.status != "Synced"]
        result["diff"] = {
            "before": "".join(f"{item.kind} {item.namespace}/{item.name}: {item.status}\n" for item in pending),
            "after": "".join(f"{item.kind} {item.namespace}/{item.name}: Synced\n" for item in pending),
        }
    return result


_HEALTH = ("Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown")


def _wait(params: Mapping[str, Any], read: Any, expectation: Expectation) -> Application:
    return wait_for_application(
        read, params["name"], expectation, timeout=params["wait_timeout"], interval=params["wait_interval"]
    ).application


def _objects(params: Mapping[str, Any]) -> KubernetesObjects:
    return KubernetesObjects(lambda: Client.connect(ConnectionOptions.from_params(params)))


def _required(application: Application | None, namespace: str, name: str) -> Application:
    if application is None:
        raise MiniappInfraError(
            f"Failed to find application {namespace}/{name}: there is none of this name", code=ErrorCode.NOT_FOUND
        )
    return application
