# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that what services ask for fits what their namespaces are given."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from miniapp_infra.catalog.quantities import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    from miniapp_infra.catalog.models.quotas import Quotas
    from miniapp_infra.catalog.models.services import Resources, Service
    from miniapp_infra.catalog.problems import Location

    Findings = Iterator[tuple[Location, str]]

# A rolling update adds a quarter of the replicas, rounded up, before it removes any (Deployment default maxSurge).
_SURGE = 0.25


def _containers(name: str, service: Service) -> Iterator[tuple[Location, Resources]]:
    yield ("services", name, "resources"), service.resources
    for index, job in enumerate(service.cron_jobs):
        yield ("services", name, "cron_jobs", index, "resources"), job.resources


def _most_pods(service: Service) -> int:
    replicas = service.autoscaling.max if service.autoscaling.enabled else service.replicas
    # Before a promotion, and for a while after it, the pods of both versions run (Argo Rollouts: blueGreen).
    return 2 * replicas if service.strategy == "blue_green" else replicas + math.ceil(replicas * _SURGE)


def limits_cover_requests(services: Mapping[str, Service]) -> Findings:
    """Kubernetes refuses a pod whose request is above its limit."""
    for name, service in services.items():
        for location, resources in _containers(name, service):
            for resource in ("cpu", "memory"):
                request, limit = getattr(resources.requests, resource), getattr(resources.limits, resource)
                if parse(limit) < parse(request):
                    yield (
                        (*location, "limits", resource),
                        f"must be >= the request ({request}), got '{limit}'",
                    )


def container_limits(services: Mapping[str, Service], quotas: Quotas) -> Findings:
    """The LimitRange refuses a container above its maximum."""
    for name, service in services.items():
        for location, resources in _containers(name, service):
            for resource in ("cpu", "memory"):
                limit, most = getattr(resources.limits, resource), getattr(quotas.container.max, resource)
                if parse(limit) > parse(most):
                    yield (
                        (*location, "limits", resource),
                        f"must be <= quotas.container.max.{resource} ({most}), got '{limit}'",
                    )


def container_defaults(quotas: Quotas) -> Findings:
    """The apiserver refuses a LimitRange whose values are not in order."""
    container = quotas.container
    for resource in ("cpu", "memory"):
        request, limit, most = (
            getattr(amount, resource) for amount in (container.default_request, container.default_limit, container.max)
        )
        if parse(limit) < parse(request):
            yield (
                ("quotas", "container", "default_limit", resource),
                f"must be >= quotas.container.default_request.{resource} ({request}), got '{limit}'",
            )
        if parse(most) < parse(limit):
            yield (
                ("quotas", "container", "max", resource),
                f"must be >= quotas.container.default_limit.{resource} ({limit}), got '{most}'",
            )


def quota_fits(services: Mapping[str, Service], quotas: Quotas) -> Findings:
    """At full scale, during an update and with every CronJob running once, the quota must not stop a pod."""
    for name, service in services.items():
        quota = quotas.of(name)
        base: Location = ("quotas", "overrides", name) if name in quotas.overrides else ("quotas", "default")
        pods = _most_pods(service)
        for kind in ("requests", "limits"):
            for resource in ("cpu", "memory"):
                given = getattr(quota, f"{kind}_{resource}")
                needed = _needed(service, kind, resource, pods)
                if parse(given) < needed:
                    least = f"{_readable(needed, resource)}, which '{name}' needs with {pods} pods and its CronJobs"
                    yield (*base, f"{kind}_{resource}"), f"must be >= {least}, got '{given}'"
        if quota.pods < pods + len(service.cron_jobs):
            least = f"{pods + len(service.cron_jobs)}, which '{name}' needs with its CronJobs"
            yield (*base, "pods"), f"must be >= {least}, got {quota.pods}"


def known_overrides(quotas: Quotas, service_names: tuple[str, ...]) -> Findings:
    """An override of a service that does not exist has no effect and hides a typo."""
    for name in quotas.overrides:
        if name not in service_names:
            yield ("quotas", "overrides", name), f"unknown service; known: {', '.join(sorted(service_names))}"


def _needed(service: Service, kind: str, resource: str, pods: int) -> Decimal:
    jobs = sum(parse(getattr(getattr(job.resources, kind), resource)) for job in service.cron_jobs)
    return pods * parse(getattr(getattr(service.resources, kind), resource)) + jobs


def _readable(amount: Decimal, resource: str) -> str:
    return f"{math.ceil(amount * 1000)}m" if resource == "cpu" else f"{math.ceil(amount / 1024**2)}Mi"


CHECKS = (limits_cover_requests, container_limits, container_defaults, quota_fits, known_overrides)
