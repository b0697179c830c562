# SPDX-License-Identifier: GPL-3.0-or-later
"""Prune by label, for sets that nobody keeps an inventory of."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.live import Target, typed
from miniapp_infra.kube.objects import KubeObject, ref_of
from miniapp_infra.kube.prune import Pruned, is_going, prune, sort_out
from miniapp_infra.kube.width import MOST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miniapp_infra.kube.budget import Budget
    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Discovery, Resource
    from miniapp_infra.kube.models import ApplyOptions
    from miniapp_infra.kube.objects import ObjectRef
    from miniapp_infra.kube.wait import WaitOptions


@dataclass(frozen=True)
class Selection:
    """Which objects are the set.

    Args:
        kinds: pairs of API version and kind.
        labels: selectors, which all must match.
        namespace: where kinds that have namespaces are looked for; empty: in all of them.
    """

    kinds: tuple[tuple[str, str], ...]
    labels: tuple[str, ...]
    namespace: str = ""


def prune_labelled(
    client: Client,
    discovery: Discovery,
    selection: Selection,
    stays: Sequence[ObjectRef],
    options: ApplyOptions,
    *,
    budget: Budget,
    whole: bool = False,
    waiting: WaitOptions | None = None,
) -> Pruned:
    """Delete the selected objects that are not among those that stay.

    Objects that another object controls, such as the pods of a deployment, carry its labels and go with it: they are
    left to the cluster. Those that an inventory records are left to it.

    Raises:
        KubeError: a kind does not exist, or too much would go; nothing was changed.
        SeveralError: some objects failed; carries the progress.
    """
    resources = [discovery.resolve(api_version, kind) for api_version, kind in dict.fromkeys(selection.kinds)]
    with ThreadPoolExecutor(MOST, thread_name_prefix="select") as executor:
        lists = list(executor.map(lambda resource: _list(client, resource, selection), resources))
    found = {
        Target(ref_of(obj), resource): obj
        for resource, objects in zip(resources, lists, strict=True)
        for obj in objects
        if not _is_controlled(obj) and not is_going(obj)
    }
    identities = {ref.identity for ref in stays}
    candidates = {target: obj for target, obj in found.items() if target.ref.identity not in identities}
    going, kept = sort_out(candidates, "")
    labels = ",".join(selection.labels)
    budget.spend(
        [target.ref for target in going], len(found) - len(candidates), of=f"the objects with {labels}", whole=whole
    )
    done = prune(client, going, "", options, waiting=waiting)
    done.kept = sorted([*kept, *done.kept])
    return done


def _list(client: Client, resource: Resource, selection: Selection) -> list[KubeObject]:
    query = {"labelSelector": ",".join(selection.labels)}
    pages = client.pages(resource.collection(selection.namespace), action=f"list {resource.plural}", query=query)
    return [obj for page in pages for obj in typed(page, resource)]


def _is_controlled(obj: Mapping[str, Any]) -> bool:
    return any(owner.get("controller") for owner in obj["metadata"].get("ownerReferences") or ())
