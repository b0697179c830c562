# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a workload does not become ready: what its newest pods say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from miniapp_infra.kube.objects import KubeObject, ObjectRef, group_of, lookup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from miniapp_infra.kube.client import Client

OWNERS = frozenset({("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), ("batch", "Job")})
REVISION = "deployment.kubernetes.io/revision"

# Container states that repeat until somebody changes the pod's declaration or what it refers to.
FAILING = frozenset({
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
})  # fmt: skip


def failing_reason(client: Client, ref: ObjectRef, workload: KubeObject) -> str:
    """Say why a workload hangs; empty when nothing in it or in its pods repeats a failure.

    Only pods of the present revision count: those of the previous one may well be broken, this rollout repairs them.

    Raises:
        KubeError: the pods cannot be read.
    """
    for condition in lookup(workload, "status", "conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return f"{condition.get('reason')}: {condition.get('message')}"
    if (group_of(ref.api_version), ref.kind) not in OWNERS:
        return ""
    selector = lookup(workload, "spec", "selector", "matchLabels")
    if not selector:
        return ""
    owners = {str(workload["metadata"]["uid"])}
    if ref.kind == "Deployment":
        sets = _list(client, "/apis/apps/v1", "replicasets", ref, selector)
        owners = current_sets(workload, sets)
    revision = lookup(workload, "status", "updateRevision") if ref.kind == "StatefulSet" else None
    pods = _list(client, "/api/v1", "pods", ref, selector)
    return reason_of(pod for pod in pods if is_current(pod, owners, revision))


def current_sets(deployment: Mapping[str, Any], replica_sets: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the UIDs of the replica sets that a deployment owns in its present revision."""
    revision = lookup(deployment, "metadata", "annotations", REVISION)
    return {
        str(item["metadata"]["uid"])
        for item in replica_sets
        if lookup(item, "metadata", "annotations", REVISION) == revision
        and _owned(item, {str(deployment["metadata"]["uid"])})
    }


def is_current(pod: Mapping[str, Any], owners: set[str], revision: str | None) -> bool:
    labels = lookup(pod, "metadata", "labels") or {}
    return _owned(pod, owners) and (revision is None or labels.get("controller-revision-hash") == revision)


def reason_of(pods: Iterable[Mapping[str, Any]]) -> str:
    """Return the first repeated failure of a container, empty without one."""
    for pod in pods:
        statuses = [
            *(lookup(pod, "status", "initContainerStatuses") or ()),
            *(lookup(pod, "status", "containerStatuses") or ()),
        ]
        for status in statuses:
            state = lookup(status, "state", "waiting") or {}
            if state.get("reason") in FAILING:
                message = state.get("message") or state["reason"]
                last = lookup(status, "lastState", "terminated") or {}
                exit_code = f" (last exit code {last['exitCode']})" if "exitCode" in last else ""
                name = pod["metadata"]["name"]
                return f"pod {name}, container {status['name']}: {state['reason']}: {message}{exit_code}"
    return ""


def _owned(obj: Mapping[str, Any], owners: set[str]) -> bool:
    return any(owner.get("uid") in owners for owner in lookup(obj, "metadata", "ownerReferences") or ())


def _list(client: Client, root: str, plural: str, ref: ObjectRef, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    path = f"{root}/namespaces/{quote(ref.namespace, safe='')}/{plural}"
    pages = client.pages(path, action=f"list {plural} in {ref.namespace}", query={"labelSelector": selector})
    return [item for page in pages for item in page.get("items") or ()]
