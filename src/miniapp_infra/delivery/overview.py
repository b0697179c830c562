# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs in an environment, one line per service, from the cluster and the signatures rather than from Git."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miniapp_infra.argocd import Application, KubernetesObjects, list_applications
from miniapp_infra.catalog import naming
from miniapp_infra.cosign import Cosign, SignatureFormat, fingerprint, read_public_key
from miniapp_infra.registry import ImageReference
from miniapp_infra.rollouts import HASH_LABEL, ClusterRollouts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from miniapp_infra.catalog import Environment
    from miniapp_infra.kube.client import Client

UNKNOWN = "-"
_SERVERS = {"labelSelector": "app.kubernetes.io/component=server,app.kubernetes.io/part-of=" + naming.PRODUCT}
_OURS = {"labelSelector": "app.kubernetes.io/part-of=" + naming.PRODUCT}
_WIDTH = 4
_HTTP = 80


@dataclass(frozen=True)
class ServiceOverview:
    """One service as it runs; a text that cannot be told is ``-``.

    Args:
        service: its name in the catalogue.
        version: label of what serves: of the Deployment, or of the active ReplicaSet of a Rollout.
        digest: of the image that it runs.
        signed_by: fingerprint of the key whose signature was verified now, or why it could not be.
        sync: Argo CD's sync status.
        health: Argo CD's health.
        address: of the Service, as reachable from the host of the local environment.
    """

    service: str
    version: str
    digest: str
    signed_by: str
    sync: str
    health: str
    address: str


def overview(environment: Environment, client: Client, cosign: Cosign, public_key: Path) -> list[ServiceOverview]:
    """Read the state of every service of the catalogue.

    Args:
        environment: whose services.
        client: of its cluster.
        cosign: verifies the signature of each running digest.
        public_key: the key that admission trusts.

    Raises:
        MiniappInfraError: the cluster cannot be reached, or the public key cannot be read.
    """
    workloads = _by_name(client, "/apis/apps/v1/deployments", "list deployments", _SERVERS)
    if environment.blue_green_services:
        workloads |= _active_sets(client)
    addresses = _by_name(client, "/api/v1/services", "list services", _OURS)
    applications = {
        item.name: item
        for item in list_applications(KubernetesObjects(lambda: client), namespace=environment.gitops.argocd_namespace)
    }
    signer = fingerprint(read_public_key(public_key))

    def describe(service: str) -> ServiceOverview:
        name = environment.resource_name(service)
        image = _image(workloads.get(name))
        return ServiceOverview(
            service=service,
            version=_labels(workloads.get(name)).get("app.kubernetes.io/version", UNKNOWN),
            digest=image.partition("@")[2] or UNKNOWN,
            signed_by=_signer(cosign, image, public_key, signer, environment.supply_chain.cosign.signature_format),
            sync=_reported(applications.get(name), "sync_status"),
            health=_reported(applications.get(name), "health"),
            address=_address(addresses.get(name)),
        )

    with ThreadPoolExecutor(_WIDTH) as pool:
        return list(pool.map(describe, environment.service_names))


def _by_name(client: Client, path: str, action: str, query: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return {
        item["metadata"]["name"]: item
        for page in client.pages(path, action=action, query=query)
        for item in page["items"]
    }


def _active_sets(client: Client) -> dict[str, dict[str, Any]]:
    """Return the ReplicaSet that serves by the name of its Rollout, which may already ask for the next version."""
    sets = _by_name(client, "/apis/apps/v1/replicasets", "list replica sets", _SERVERS)
    found: dict[str, dict[str, Any]] = {}
    rollouts = ClusterRollouts(lambda: client).all(_SERVERS["labelSelector"])
    for rollout in rollouts:
        for item in sets.values():
            labels, place = _labels(item), item["metadata"]["namespace"]
            if place == rollout.ref.namespace and labels.get(HASH_LABEL) == rollout.active_hash:
                found[rollout.ref.name] = item
    return found


def _labels(found: dict[str, Any] | None) -> dict[str, str]:
    labels: dict[str, str] = found["metadata"].get("labels", {}) if found else {}
    return labels


def _image(workload: dict[str, Any] | None) -> str:
    if workload is None:
        return ""
    image: str = workload["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def _signer(cosign: Cosign, image: str, public_key: Path, signer: str, signature_format: str) -> str:
    if "@" not in image:
        return UNKNOWN
    check = cosign.verify(
        ImageReference.parse(image),
        str(public_key),
        signature_format=SignatureFormat(signature_format),
        annotations={},
    )
    return signer if check.verified else str(check.reason)


def _reported(application: Application | None, field: str) -> str:
    return str(getattr(application, field)) if application else "Missing"


def _address(service: dict[str, Any] | None) -> str:
    if service is None:
        return UNKNOWN
    port = service["spec"]["ports"][0]["port"]
    return f"http://{service['spec']['clusterIP']}" + ("" if port == _HTTP else f":{port}")
