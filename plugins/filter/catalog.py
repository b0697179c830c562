# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters that render what follows from the environment model."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError
from ansible_collections.fuze.miniapp_infra.plugins.plugin_utils.rendering import loaded, rendered

# Without the package `rendered` says so, before any of them is used.
with contextlib.suppress(ImportError):
    from miniapp_infra.catalog import naming, render

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def tenancy_objects(environment: Mapping[str, Any] | str) -> list[dict[str, Any]]:
    """Return the Kubernetes objects of an environment's tenants."""
    return rendered(lambda: render.tenancy_objects(loaded(environment)))


def service_values(environment: Mapping[str, Any] | str, service: str) -> dict[str, Any]:
    """Return the Helm values of one service."""
    return rendered(lambda: render.service_values(loaded(environment), service))


def resource_name(service: str, env: str) -> str:
    """Return ``{env}-miniapp-{service}``."""
    return rendered(lambda: naming.resource_name(env, service))


def is_frozen(environment: Mapping[str, Any] | str, at: str | None = None) -> bool:
    """Tell whether a freeze window covers a moment."""
    return rendered(lambda: bool(loaded(environment).frozen(datetime.now(UTC) if at is None else _moment(at))))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise AnsibleFilterError(f"at: must be a moment such as 2026-12-24T10:00:00+00:00, got {text!r}") from error
    if moment.tzinfo is None:
        raise AnsibleFilterError(f"at: {text} needs an offset from UTC, such as +00:00")
    return moment


class FilterModule:
    """The filters of the environment model."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "is_frozen": is_frozen,
            "resource_name": resource_name,
            "service_values": service_values,
            "tenancy_objects": tenancy_objects,
        }
