# SPDX-License-Identifier: GPL-3.0-or-later
"""Every computed name, in one place: derived from environment and service, never typed (spec section 4)."""

from __future__ import annotations

import re

from miniapp_infra.errors import ErrorCode, MiniappInfraError

PRODUCT = "miniapp"
MANAGER = "miniapp-infra"
PLATFORM_NAMESPACE = "platform"
LABEL_PREFIX = "miniapp.fuze"
ENVIRONMENT_LABEL = f"{LABEL_PREFIX}/environment"
OWNER_LABEL = f"{LABEL_PREFIX}/owner"
TENANT_LABEL = f"{LABEL_PREFIX}/tenant"
TIER_LABEL = f"{LABEL_PREFIX}/tier"
NAME_LABEL = "app.kubernetes.io/name"
# The apiserver puts it on each namespace with the namespace's name (Kubernetes well-known labels).
NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
# RFC 1035 and the validation of Service names.
_LONGEST_NAME = 63


def resource_name(environment: str, service: str) -> str:
    """Return ``{env}-miniapp-{service}``.

    Raises:
        MiniappInfraError: the result would not be an RFC 1123 label of at most 63 characters.
    """
    name = f"{environment}-{PRODUCT}-{service}"
    if not _LABEL.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise MiniappInfraError(
            f"Failed to name service {service!r} in {environment!r}: {name!r} is not an RFC 1123 label of at most "
            f"{_LONGEST_NAME} characters",
            code=ErrorCode.INVALID_INPUT,
            hint="Use lower-case letters, digits and '-' in both parts.",
        )
    return name


def cron_job_name(environment: str, service: str, job: str) -> str:
    """Return the name of a CronJob of a service; Kubernetes allows 52 characters, as it appends eleven to each run."""
    return f"{resource_name(environment, service)}-{job}"


def namespace(service: str) -> str:
    """Return the namespace of a service, which has exactly the service's name (spec section 4)."""
    return service


def host(service: str, domain: str) -> str:
    """Return the public host name, which the environment's wildcard certificate covers."""
    return f"{service}.{domain}"


def service_dns(environment: str, service: str) -> str:
    """Return the name under which other namespaces reach a service inside the cluster."""
    return f"{resource_name(environment, service)}.{namespace(service)}.svc.cluster.local"


def url_variable(service: str) -> str:
    """Return the environment variable that tells a caller where ``service`` is: ``PAYHUB_URL``."""
    return f"{service.upper().replace('-', '_')}_URL"


def image_repository(registry: str, prefix: str, service: str) -> str:
    """Return the repository of a service's images, without tag or digest."""
    return "/".join(part for part in (registry, prefix, service) if part)


def labels(environment: str, *, owner: str = "", service: str = "", version: str = "") -> dict[str, str]:
    """Return the labels that objects managed here carry; what is not given is left out."""
    found = {
        "app.kubernetes.io/managed-by": MANAGER,
        "app.kubernetes.io/part-of": PRODUCT,
        ENVIRONMENT_LABEL: environment,
    }
    if service:
        found[NAME_LABEL] = service
        found["app.kubernetes.io/instance"] = resource_name(environment, service)
    if version:
        found["app.kubernetes.io/version"] = version
    if owner:
        found[OWNER_LABEL] = owner
    return dict(sorted(found.items()))
