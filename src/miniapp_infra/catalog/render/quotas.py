# SPDX-License-Identifier: GPL-3.0-or-later
"""ResourceQuota and LimitRange of each service's namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.catalog import naming

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miniapp_infra.catalog.environment import Environment


def quotas(environment: Environment) -> Iterator[dict[str, Any]]:
    """Yield a ResourceQuota and a LimitRange per service. ``platform`` has none: add-ons state their own sizes."""
    container = environment.quotas.container
    for service in environment.service_names:
        quota = environment.quotas.of(service)
        metadata = {
            "name": environment.resource_name(service),
            "namespace": naming.namespace(service),
            "labels": environment.labels(service),
        }
        yield {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": metadata,
            "spec": {
                "hard": {
                    "limits.cpu": quota.limits_cpu,
                    "limits.memory": quota.limits_memory,
                    "pods": str(quota.pods),
                    "requests.cpu": quota.requests_cpu,
                    "requests.memory": quota.requests_memory,
                    # Services are published through the ingress only (spec section 5).
                    "services.loadbalancers": "0",
                    "services.nodeports": "0",
                }
            },
        }
        yield {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": metadata,
            "spec": {
                "limits": [
                    {
                        "type": "Container",
                        "default": container.default_limit.model_dump(),
                        "defaultRequest": container.default_request.model_dump(),
                        "max": container.max.model_dump(),
                    }
                ]
            },
        }
