# SPDX-License-Identifier: GPL-3.0-or-later
"""All objects that give each service a place of its own in the cluster."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from miniapp_infra.catalog.render.namespaces import namespaces
from miniapp_infra.catalog.render.network import network_policies
from miniapp_infra.catalog.render.quotas import quotas
from miniapp_infra.catalog.render.rbac import cluster_roles, role_bindings

if TYPE_CHECKING:
    from miniapp_infra.catalog.environment import Environment

# In the order in which they can be applied: what others live in or refer to comes first.
KINDS = ("Namespace", "ClusterRole", "LimitRange", "ResourceQuota", "NetworkPolicy", "RoleBinding")


def tenancy_objects(environment: Environment) -> list[dict[str, Any]]:
    """Return the Kubernetes objects of an environment's tenants, sorted by kind, namespace and name."""
    objects = [
        *namespaces(environment),
        *cluster_roles(environment),
        *quotas(environment),
        *network_policies(environment),
        *role_bindings(environment),
    ]
    # Copied, because objects share parts such as labels and rules, and a caller may change one of them.
    return copy.deepcopy(sorted(objects, key=_order))


def _order(item: dict[str, Any]) -> tuple[int, str, str]:
    metadata = item["metadata"]
    return KINDS.index(item["kind"]), metadata.get("namespace", ""), metadata["name"]
