# SPDX-License-Identifier: GPL-3.0-or-later
"""``quotas.yml``: what one service's namespace may use in sum, and one container alone."""

from __future__ import annotations

from miniapp_infra.catalog.base import Model
from miniapp_infra.catalog.types import Name, Positive, Quantity


class Quota(Model):
    """Limits of a namespace in sum."""

    requests_cpu: Quantity
    requests_memory: Quantity
    limits_cpu: Quantity
    limits_memory: Quantity
    pods: Positive


class ComputeAmount(Model):
    """CPU in cores, memory in bytes, as Kubernetes quantities."""

    cpu: Quantity
    memory: Quantity


class ContainerLimits(Model):
    """What a container gets that states nothing, and the most that one may state."""

    default_request: ComputeAmount
    default_limit: ComputeAmount
    max: ComputeAmount


class Quotas(Model):
    """``overrides`` replaces ``default`` as a whole for the services that it names."""

    default: Quota
    overrides: dict[Name, Quota]
    container: ContainerLimits

    def of(self, service: str) -> Quota:
        """Return the quota that applies to a service."""
        return self.overrides.get(service, self.default)
