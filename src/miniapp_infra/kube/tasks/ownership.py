# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules with an inventory share: which one it is, and what may be deleted in its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.budget import Budget
from miniapp_infra.kube.errors import KubeError

if TYPE_CHECKING:
    from miniapp_infra.kube.inventory import Place
    from miniapp_infra.kube.release import Ownership

Params = Mapping[str, Any]


def budget_of(params: Params) -> Budget:
    """Return what the options of the fragment ``prune`` allow.

    Raises:
        KubeError: the percentage is none.
    """
    return Budget(params["prune_budget"], tuple(params["protected_kinds"]))


def place_of(params: Params) -> Place:
    """Return the ConfigMap that the option ``inventory`` means.

    Raises:
        KubeError: a name is empty.
    """
    given = params["inventory"]
    namespace = given.get("namespace") or params.get("namespace") or "default"
    if not given["name"]:
        raise KubeError("inventory: name: must not be empty", code=ErrorCode.INVALID_INPUT)
    from miniapp_infra.kube.inventory import Place  # noqa: PLC0415 - for tasks with an inventory alone

    return Place(namespace, f"inventory-{given['name']}")


def ownership_of(params: Params) -> Ownership | None:
    """Return whose the set of a module is that applies, None when it has no inventory.

    Raises:
        KubeError: what else the task does cannot be recorded.
    """
    budget = budget_of(params)
    if not params.get("inventory"):
        return None
    if params["state"] != "present":
        raise KubeError(
            f"inventory: cannot be combined with state: {params['state']}",
            code=ErrorCode.INVALID_INPUT,
            hint="fuze.miniapp_infra.k8s_prune removes what an inventory records.",
        )
    if params.get("label_selectors"):
        raise KubeError(
            "inventory: cannot be combined with label_selectors, because what they leave out would be deleted",
            code=ErrorCode.INVALID_INPUT,
            hint="Give each part of the set an inventory of its own.",
        )
    from miniapp_infra.kube.release import Ownership  # noqa: PLC0415 - for tasks with an inventory alone

    return Ownership(place_of(params), budget, adopt=params["adopt"])
