# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ``k8s_prune`` does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube import locate
from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.labelled import Selection, prune_labelled
from miniapp_infra.kube.models import ApplyOptions, report
from miniapp_infra.kube.release import Ownership, dissolve, reduce
from miniapp_infra.kube.session import connected
from miniapp_infra.kube.tasks.inputs import declared
from miniapp_infra.kube.tasks.ownership import budget_of, place_of
from miniapp_infra.kube.tasks.results import since
from miniapp_infra.kube.wait import WaitOptions

if TYPE_CHECKING:
    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Discovery
    from miniapp_infra.kube.objects import KubeObject

Params = Mapping[str, Any]


def run_prune(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Delete what an inventory or a label selects and a set does not have.

    Raises:
        KubeError: nothing was changed, or the set was treated in part; ``result()`` of the error tells how far.
    """
    started = time.monotonic()
    stays = _stays(params)
    budget = budget_of(params)
    client, discovery = connected(params)
    options = ApplyOptions(
        namespace=params.get("namespace") or "default",
        check=check_mode,
        propagation_policy=params["propagation_policy"],
    )
    if params.get("inventory"):
        result = _by_inventory(client, discovery, stays, options, params, with_diff=diff_mode)
    else:
        selection = Selection(
            kinds=tuple((item["api_version"], item["kind"]) for item in params["kinds"]),
            labels=tuple(params["label_selectors"]),
            namespace=params.get("namespace") or "",
        )
        pruned = prune_labelled(
            client,
            discovery,
            selection,
            locate.declared(discovery, stays, options.namespace).refs,
            options,
            budget=budget,
            whole=bool(params["all"]),
            waiting=_waiting(params),
        )
        result = report(pruned.outcomes, with_diff=diff_mode)
        result["kept"] = [item.summary() for item in pruned.kept]
    return {**result, "duration": since(started)}


def _by_inventory(
    client: Client,
    discovery: Discovery,
    stays: list[KubeObject],
    options: ApplyOptions,
    params: Params,
    *,
    with_diff: bool,
) -> dict[str, Any]:
    ownership = Ownership(place_of(params), budget_of(params), waiting=_waiting(params))
    if params["all"]:
        done = dissolve(client, discovery, options, ownership)
    else:
        done = reduce(client, discovery, stays, options, ownership)
    return done.result(with_diff=with_diff)


def _stays(params: Params) -> list[KubeObject]:
    if params["all"]:
        given = [option for option in ("definition", "src", "keep") if params.get(option) is not None]
        if given:
            raise KubeError(
                f"all: cannot be combined with {given[0]}, which says what stays",
                code=ErrorCode.INVALID_INPUT,
                hint="Leave one of the two out.",
            )
        return []
    if params.get("keep") is None:
        return declared(params)
    return [
        {
            "apiVersion": item["api_version"],
            "kind": item["kind"],
            "metadata": {"name": item["name"], "namespace": item.get("namespace")},
        }
        for item in params["keep"]
    ]


def _waiting(params: Params) -> WaitOptions | None:
    return WaitOptions(timeout=params["wait_timeout"], absent=True) if params["wait"] else None
