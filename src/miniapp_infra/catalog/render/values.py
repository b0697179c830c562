# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of the chart ``miniapp-service`` for one service of one environment.

``image`` and ``version`` are not here: they are what a promotion changes, and live in ``release.yaml``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.catalog import naming

if TYPE_CHECKING:
    from miniapp_infra.catalog.environment import Environment
    from miniapp_infra.catalog.models.services import Service

# As the chart calls them.
_STRATEGIES = {"rolling_update": "RollingUpdate", "blue_green": "BlueGreen"}


def service_values(environment: Environment, name: str) -> dict[str, Any]:
    """Return the chart values of a service.

    Raises:
        MiniappInfraError: the catalogue has no such service.
    """
    service = environment.service(name)
    values: dict[str, Any] = {
        "environment": environment.name,
        "service": name,
        "owner": service.owner,
        "partOf": naming.PRODUCT,
        "replicas": service.replicas,
        "port": service.port,
        "args": list(service.args),
        "resources": service.resources.model_dump(),
        "env": _variables(environment, service),
        "secretEnv": [
            {"name": variable, "secretName": secret.secret_name, "key": secret.key}
            for variable, secret in sorted(service.secrets.items())
        ],
        "featureFlags": dict(sorted(service.feature_flags.items())),
        "jwksUrl": service.jwks_url,
        "probes": {kind: {"path": path} for kind, path in service.probes.model_dump().items()},
        "metrics": {"enabled": service.metrics.enabled, "path": service.metrics.path},
        "autoscaling": {
            "enabled": service.autoscaling.enabled,
            "minReplicas": service.autoscaling.min,
            "maxReplicas": service.autoscaling.max,
            "targetCPUUtilizationPercentage": service.autoscaling.cpu_percent,
        },
        "verticalAutoscaling": service.vertical_autoscaling.model_dump(),
        "podDisruptionBudget": {"enabled": service.pdb.enabled, "minAvailable": service.pdb.min_available},
        "cronJobs": [
            {
                "name": job.name,
                "schedule": job.schedule,
                "args": list(job.args),
                "resources": job.resources.model_dump(),
            }
            for job in sorted(service.cron_jobs, key=lambda job: job.name)
        ],
        "strategy": {"type": _STRATEGIES[service.strategy]},
        "labels": {naming.TIER_LABEL: service.tier},
    }
    if service.metrics.port is not None:
        values["metricsPort"] = service.metrics.port
    return values


def _variables(environment: Environment, service: Service) -> dict[str, str]:
    """Return the plain variables: those of the inventory and the URL of each called service."""
    urls = {naming.url_variable(called): environment.url(called) for called in service.calls}
    return dict(sorted({**service.env, **urls}.items()))
