# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens the door that the option ``mode`` of a module names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.argocd.core import CoreDoor
from miniapp_infra.argocd.rest import RestDoor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.argocd.door import Door


def open_door(params: Mapping[str, Any], *, check: bool, project: str = "") -> Door:
    """Return the way to Argo CD. Nothing is connected yet.

    Args:
        params: the options of the documentation fragments ``argocd`` and ``kube``.
        check: change nothing.
        project: of the application, where it is known. One of another project is missing then.

    Raises:
        MiniappInfraError: ``INVALID_INPUT``, when ``api_url`` is no address.
    """
    if params["mode"] == "api":
        return RestDoor.of(params, check=check, project=project)
    return CoreDoor(params, params["namespace"], check)
