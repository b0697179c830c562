# SPDX-License-Identifier: GPL-3.0-or-later
"""``services.yml``: the service catalogue, the single source of what runs and who may talk to whom."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from miniapp_infra.catalog.base import Model, Overlay
from miniapp_infra.catalog.models.network import EgressRule
from miniapp_infra.catalog.types import (
    ContainerPort,
    Count,
    EnvName,
    Flag,
    FlagName,
    Name,
    Percent,
    Positive,
    Quantity,
    Schedule,
    ShortName,
    Text,
    Url,
    UrlPath,
    Version,
)

Tier = Literal["critical", "standard", "background"]
# How a new version replaces the old one: pod after pod, or all at once when somebody promotes it.
Strategy = Literal["rolling_update", "blue_green"]


class Amount(Overlay):
    """CPU in cores and memory in bytes, as Kubernetes quantities."""

    cpu: Quantity
    memory: Quantity


class Resources(Overlay):
    """What each container is guaranteed and what it is held to."""

    requests: Amount
    limits: Amount


class SecretRef(Model):
    """A key of a Secret in the service's namespace; the value comes from the secret manager, never from here."""

    secret_name: Name
    key: Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$")]


class Probes(Overlay):
    """Paths that answer 200 when the container is alive, ready, and has started."""

    liveness: UrlPath
    readiness: UrlPath
    startup: UrlPath


class Metrics(Overlay):
    """``port`` is null where metrics are served on the service's own port."""

    enabled: Flag
    path: UrlPath
    port: ContainerPort | None


class Autoscaling(Overlay):
    """Horizontal scaling on CPU use, in percent of the request."""

    enabled: Flag
    min: Positive
    max: Positive
    cpu_percent: Percent


class VerticalAutoscaling(Overlay):
    """``Off`` only recommends; the other modes change requests (VerticalPodAutoscaler update modes)."""

    enabled: Flag
    mode: Literal["Off", "Initial", "Recreate", "Auto"]


class DisruptionBudget(Overlay):
    """How many pods must stay up while nodes are drained."""

    enabled: Flag
    min_available: Count


class CronJob(Model):
    """A scheduled run of the service's image; times are UTC."""

    name: ShortName
    schedule: Schedule
    args: tuple[Text, ...]
    resources: Resources


class Slo(Overlay):
    """Availability in percent of requests over 30 days; latency of the 95th percentile in milliseconds."""

    availability: Annotated[float, Field(gt=0, lt=100)]
    latency_ms: Positive


class Service(Overlay):
    """One service of one environment, after ``service_defaults`` were merged in.

    ``version`` is what a new environment starts with; afterwards the repository of desired state says what runs.
    ``strategy`` blue_green needs the add-on Argo Rollouts, and room for the pods of two versions.
    ``calls`` names the services whose API this one uses: nothing else lets a packet through.
    """

    owner: Name
    tier: Tier
    version: Version
    port: ContainerPort
    replicas: Positive
    strategy: Strategy
    args: tuple[Text, ...]
    resources: Resources
    calls: tuple[Name, ...]
    egress: tuple[EgressRule, ...]
    env: dict[EnvName, str]
    secrets: dict[EnvName, SecretRef]
    jwks_url: Url
    feature_flags: dict[FlagName, Flag]
    probes: Probes
    metrics: Metrics
    autoscaling: Autoscaling
    vertical_autoscaling: VerticalAutoscaling
    pdb: DisruptionBudget
    cron_jobs: tuple[CronJob, ...]
    slo: Slo
