# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces: one per service, and ``platform`` for what services share (spec section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.catalog import naming

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miniapp_infra.catalog.environment import Environment

# Argo CD asks a person before it removes such an object, since a namespace takes everything in it along.
_PRUNE_GUARD = {"argocd.argoproj.io/sync-options": "Prune=confirm"}
_POD_SECURITY_MODES = ("enforce", "audit", "warn")


def namespaces(environment: Environment) -> Iterator[dict[str, Any]]:
    """Yield the namespaces of an environment."""
    for name in environment.service_names:
        tenant = {naming.TENANT_LABEL: "true", "policy.sigstore.dev/include": "true"}
        yield _namespace(environment, naming.namespace(name), {**environment.labels(name), **tenant})
    yield _namespace(environment, naming.PLATFORM_NAMESPACE, naming.labels(environment.name))


def _namespace(environment: Environment, name: str, labels: dict[str, str]) -> dict[str, Any]:
    # Pinned to the cluster's version: with `latest` an upgrade of the cluster could refuse pods that ran before.
    version = f"v{environment.cluster.kubernetes_version}"
    security = {
        f"pod-security.kubernetes.io/{mode}{suffix}": value
        for mode in _POD_SECURITY_MODES
        for suffix, value in (("", "restricted"), ("-version", version))
    }
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": dict(sorted({**labels, **security}.items())),
            "annotations": dict(_PRUNE_GUARD),
        },
    }
