# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that render what follows from the environment model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ansible.errors import AnsibleFilterError

try:
    from miniapp_infra import catalog
    from miniapp_infra.catalog import naming, render
    from miniapp_infra.errors import MiniappInfraError
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
else:
    IMPORT_ERROR = None


T = TypeVar("T")


def tenancy_objects(environment: Mapping[str, Any] | str) -> list[dict[str, Any]]:
    """Return the Kubernetes objects of an environment's tenants."""
    return _run(lambda: render.tenancy_objects(_environment(environment)))


def service_values(environment: Mapping[str, Any] | str, service: str) -> dict[str, Any]:
    """Return the Helm values of one service."""
    return _run(lambda: render.service_values(_environment(environment), service))


def resource_name(service: str, env: str) -> str:
    """Return ``{env}-miniapp-{service}``."""
    return _run(lambda: naming.resource_name(env, service))


def _environment(value: Mapping[str, Any] | str) -> catalog.Environment:
    return catalog.from_mapping(value) if isinstance(value, Mapping) else catalog.load(Path(value))


def _run(work: Callable[[], T]) -> T:
    """Do the work, with errors as Ansible shows them."""
    if IMPORT_ERROR is not None:
        raise AnsibleFilterError(
            "The Python package miniapp-infra is missing on the control host: pip install the repository."
        ) from IMPORT_ERROR
    try:
        return work()
    except MiniappInfraError as error:
        raise AnsibleFilterError(error.message) from error


class FilterModule:
    """The filters of the environment model."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "resource_name": resource_name,
            "service_values": service_values,
            "tenancy_objects": tenancy_objects,
        }
