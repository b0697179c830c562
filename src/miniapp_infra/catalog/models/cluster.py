# SPDX-License-Identifier: GPL-3.0-or-later
"""``cluster.yml``: the Kubernetes cluster of the environment and how the control host reaches it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from miniapp_infra.catalog.base import Model
from miniapp_infra.catalog.types import Count, Flag, Positive, Text


class NodePool(Model):
    """A group of equal nodes, ``min`` to ``max`` of them."""

    machine_type: Text
    min: Count
    max: Count
    disk_gib: Positive


class NodePools(Model):
    """The two pools of the specification (section 12)."""

    general: NodePool
    memory_optimized: NodePool


class Cluster(Model):
    """``kubeconfig`` is a path relative to the checkout, or null for the one of the caller's environment."""

    kubeconfig: Text | None
    context: Text
    kubernetes_version: Annotated[str, Field(pattern=r"^1\.[0-9]{2}$")]
    private_endpoint: Flag
    node_pools: NodePools
