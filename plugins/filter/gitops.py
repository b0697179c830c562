# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that render what Argo CD needs to follow the repository of desired state."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

try:
    from miniapp_infra import catalog, delivery
    from miniapp_infra.errors import MiniappInfraError
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
else:
    IMPORT_ERROR = None

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def gitops_objects(environment: Mapping[str, Any] | str) -> list[dict[str, Any]]:
    """Return the Argo CD objects of an environment that the cluster needs before Argo CD can read Git."""
    if IMPORT_ERROR is not None:
        raise AnsibleFilterError(
            "The Python package miniapp-infra is missing on the control host: pip install the repository."
        ) from IMPORT_ERROR
    try:
        loaded = catalog.load(Path(environment)) if isinstance(environment, str) else catalog.from_mapping(environment)
        return delivery.cluster_objects(loaded, datetime.now(UTC))
    except MiniappInfraError as error:
        raise AnsibleFilterError(error.message) from error


class FilterModule:
    """The filters of GitOps delivery."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"gitops_objects": gitops_objects}
