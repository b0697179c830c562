# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks on single services: call edges, scaling, disruption budgets, CronJobs and names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miniapp_infra.catalog import naming
from miniapp_infra.catalog.problems import nearest
from miniapp_infra.errors import MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from miniapp_infra.catalog.models.env import Env
    from miniapp_infra.catalog.models.services import Service
    from miniapp_infra.catalog.problems import Location

    Services = Mapping[str, Service]
    Findings = Iterator[tuple[Location, str]]

_RESERVED_NAMESPACES = frozenset({naming.PLATFORM_NAMESPACE, "default", "argocd"})
# Kubernetes appends eleven characters to the name of a CronJob for each run.
_LONGEST_CRON_JOB = 52


def calls(services: Services, service_names: tuple[str, ...]) -> Findings:
    """Every edge leads to another service of the catalogue, once."""
    for name, service in services.items():
        for index, called in enumerate(service.calls):
            location = ("services", name, "calls", index)
            if called == name:
                yield location, f"'{name}' calls itself; remove it, a service always reaches its own pods"
            elif called not in service_names:
                known = ", ".join(sorted(service_names))
                yield location, f"unknown service '{called}'{_suggestion(called, service_names)}; known: {known}"
            elif called in service.calls[:index]:
                yield location, f"duplicate call of '{called}'"


def _suggestion(word: str, known: tuple[str, ...]) -> str:
    found = nearest(word, known)
    return found if "did you mean" in found else ""


def names(env: Env, services: Services) -> Findings:
    """Computed names are legal, and no service takes a namespace that has another purpose."""
    for name in services:
        if name in _RESERVED_NAMESPACES or name.startswith("kube-"):
            yield ("services", name), f"'{name}' is reserved: its namespace has another purpose"
        try:
            naming.resource_name(env.name, name)
        except MiniappInfraError as error:
            yield ("services", name), error.message


def scaling(services: Services) -> Findings:
    """Autoscaling bounds are in order and include the initial number of replicas."""
    for name, service in services.items():
        bounds = service.autoscaling
        if bounds.max < bounds.min:
            yield (
                ("services", name, "autoscaling", "max"),
                f"must be >= services.{name}.autoscaling.min ({bounds.min}), got {bounds.max}",
            )
        elif bounds.enabled and not bounds.min <= service.replicas <= bounds.max:
            yield (
                ("services", name, "replicas"),
                f"must be within services.{name}.autoscaling ({bounds.min} to {bounds.max}), got {service.replicas}",
            )
        vertical = service.vertical_autoscaling
        if bounds.enabled and vertical.enabled and vertical.mode != "Off":
            reason = f"while services.{name}.autoscaling is enabled, as both would follow CPU use"
            yield ("services", name, "vertical_autoscaling", "mode"), f"must be 'Off' {reason}, got '{vertical.mode}'"


def disruption_budgets(services: Services) -> Findings:
    """A budget that allows no pod to go blocks the drain of every node."""
    for name, service in services.items():
        least = service.autoscaling.min if service.autoscaling.enabled else service.replicas
        if service.pdb.enabled and service.pdb.min_available >= least:
            bound = f"the least number of replicas ({least}), or no node can be drained"
            yield ("services", name, "pdb", "min_available"), f"must be < {bound}, got {service.pdb.min_available}"


def highly_available(env: Env, services: Services) -> Findings:
    """In prod every service survives the loss of a node."""
    if env.name != "prod":
        return
    for name, service in services.items():
        least = service.autoscaling.min if service.autoscaling.enabled else service.replicas
        field: Location = ("autoscaling", "min") if service.autoscaling.enabled else ("replicas",)
        if least < 2:  # noqa: PLR2004 - two is what "more than one" means
            yield ("services", name, *field), f"must be >= 2 in prod, got {least}"
        if not service.pdb.enabled:
            yield ("services", name, "pdb", "enabled"), "must be true in prod"


def cron_jobs(env: Env, services: Services) -> Findings:
    """CronJobs of a service have names of their own that leave room for what Kubernetes appends."""
    for name, service in services.items():
        seen: set[str] = set()
        for index, job in enumerate(service.cron_jobs):
            location = ("services", name, "cron_jobs", index, "name")
            full = naming.cron_job_name(env.name, name, job.name)
            if len(full) > _LONGEST_CRON_JOB:
                yield location, f"makes the CronJob name '{full}' longer than {_LONGEST_CRON_JOB} characters"
            if job.name in seen:
                yield location, f"duplicate name '{job.name}'"
            seen.add(job.name)


CHECKS = (calls, names, scaling, disruption_budgets, highly_available, cron_jobs)
