# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters that render what Argo CD needs to follow the repository of desired state."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ansible_collections.fuze.miniapp_infra.plugins.plugin_utils.rendering import loaded, rendered

# Without the package `rendered` says so, before any of them is used.
with contextlib.suppress(ImportError):
    from miniapp_infra import delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def gitops_objects(environment: Mapping[str, Any] | str) -> list[dict[str, Any]]:
    """Return the Argo CD objects of an environment that the cluster needs before Argo CD can read Git."""
    return rendered(lambda: delivery.cluster_objects(loaded(environment), datetime.now(UTC)))


class FilterModule:
    """The filters of GitOps delivery."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"gitops_objects": gitops_objects}
