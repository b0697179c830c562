# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ``helm_release`` does."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube import inventory as inventory_module
from miniapp_infra.kube import live as live_module
from miniapp_infra.kube import render
from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.inventory import Place
from miniapp_infra.kube.models import ApplyOptions, Outcome
from miniapp_infra.kube.recall import Recall
from miniapp_infra.kube.release import Converged, Ownership, converge, dissolve
from miniapp_infra.kube.session import connected
from miniapp_infra.kube.tasks.inputs import predicate_of
from miniapp_infra.kube.tasks.ownership import budget_of
from miniapp_infra.kube.tasks.results import since
from miniapp_infra.kube.wait import WaitOptions, wait
from miniapp_infra.kube.width import MOST, START

if TYPE_CHECKING:
    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Discovery

Params = Mapping[str, Any]
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
FLAGS = ("dependency_update", "insecure_skip_tls_verify", "plain_http", "skip_schema_validation")


def run_helm_release(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Make the cluster hold what a chart declares, or nothing of it.

    Raises:
        KubeError: nothing was changed, or the set was treated in part; ``result()`` of the error tells how far.
    """
    started = time.monotonic()
    name, namespace = params["release_name"], params["release_namespace"]
    absent = params["release_state"] == "absent"
    ownership = Ownership(
        Place(namespace, f"release-{name}"),
        budget_of(params),
        adopt=params["adopt"],
        create_namespace=params["create_namespace"],
        waiting=WaitOptions(params["wait_timeout"], absent=True) if params["wait"] and absent else None,
    )
    options = ApplyOptions(
        namespace=namespace,
        field_manager=params["field_manager"],
        force_conflicts=params["force_conflicts"],
        check=check_mode,
        missing_kind_timeout=params["missing_kind_timeout"],
        propagation_policy=params["propagation_policy"],
    )
    client, discovery = connected(params)
    client.open_connections(START)
    if absent:
        result = dissolve(client, discovery, options, ownership).result(with_diff=diff_mode)
        return {**result, "hooks_skipped": [], "duration": since(started)}
    done, hooks, warnings = _installed(client, discovery, params, options, ownership)
    result = done.result(with_diff=diff_mode)
    if hooks and not params["disable_hook"]:
        warnings = [*warnings, f"The hooks of the chart were not run: {'; '.join(map(str, hooks))}"]
    if warnings:
        result["warnings"] = [*warnings, *result.get("warnings", ())]
    return {**result, "hooks_skipped": [str(hook) for hook in hooks], "duration": since(started)}


def _installed(
    client: Client, discovery: Discovery, params: Params, options: ApplyOptions, ownership: Ownership
) -> tuple[Converged, tuple[render.Hook, ...], list[str]]:
    predicate = predicate_of(params)
    recall = Recall(client)
    told = set(discovery.api_versions())
    # Helm reads the chart while we read the cluster.
    with ThreadPoolExecutor(2, thread_name_prefix="release") as executor:
        looked = executor.submit(_look, recall, discovery, params, ownership)
        served = executor.submit(_api_versions, recall)
        chart = render.chart(_template(discovery, params), params["helm_path"])
        warnings = looked.result()
    if served.result() != told:
        # Somebody has added or removed kinds since they were remembered, and a chart may depend on that.
        discovery.refresh()
        chart = render.chart(_template(discovery, params), params["helm_path"])

    def ready(outcomes: Sequence[Outcome]) -> None:
        if params["wait"]:
            targets = live_module.targets_of(discovery, (item.ref for item in outcomes if item.after is not None))
            wait(client, targets, WaitOptions(params["wait_timeout"], predicate), outcomes)

    return converge(recall, discovery, chart.objects, options, ownership, ready=ready), chart.hooks, warnings


def _look(recall: Recall, discovery: Discovery, params: Params, ownership: Ownership) -> list[str]:
    """Read what the last run recorded, and the state of it, for ``recall`` to remember.

    Raises:
        KubeError: the release is one of Helm.
    """
    recorded = inventory_module.read(recall, ownership.place)
    if recorded.stored is None:
        return _refuse_helm(recall, params)
    targets = live_module.targets_of(discovery, recorded.refs)
    with ThreadPoolExecutor(MOST, thread_name_prefix="look") as executor:
        live_module.read(recall, targets, executor)
    return []


def _api_versions(client: Client) -> set[str]:
    """Return the group versions that the server has this moment; unlike its kinds they are a short list."""
    answer = client.get("/apis", action="read the API groups").body
    return {"v1"} | {version["groupVersion"] for group in answer["groups"] for version in group["versions"]}


def _refuse_helm(client: Client, params: Params) -> list[str]:
    name, namespace = params["release_name"], params["release_namespace"]
    answer = client.get(
        f"/api/v1/namespaces/{quote(namespace, safe='')}/secrets",
        action=f"read the releases of Helm in {namespace}",
        query={"labelSelector": f"owner=helm,name={name},status notin (superseded,uninstalled)", "limit": "1"},
        accept=METADATA_ONLY,
    ).body
    if not answer.get("items"):
        return []
    record = f"Secret {namespace}/{answer['items'][0]['metadata']['name']}"
    if not params["adopt"]:
        raise KubeError(
            f"Refused to install release {name} in {namespace}: Helm manages it, see {record}",
            code=ErrorCode.CONFLICT,
            hint="Uninstall it with helm, or take its objects over with adopt.",
        )
    return [f"Helm still has a record of this release, and could change what is managed here: delete {record}"]


def _template(discovery: Discovery, params: Params) -> render.HelmTemplate:
    return render.HelmTemplate(
        chart=params["chart_ref"],
        release_name=params["release_name"],
        namespace=params["release_namespace"],
        repository=params.get("chart_repo_url"),
        version=params.get("chart_version"),
        values_files=tuple(params["values_files"]),
        values=params["release_values"],
        include_crds=not params["skip_crds"],
        ca_file=params.get("chart_ca_cert"),
        kube_version=discovery.server_version(),
        api_versions=tuple(discovery.capabilities()),
        options=tuple(f"--{flag.replace('_', '-')}" for flag in FLAGS if params[flag]),
    )
