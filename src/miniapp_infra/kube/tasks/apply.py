# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ``k8s_apply`` does.

Each item of a loop pays for what is imported here, so what few tasks ask for is imported when they do.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.kube.apply import apply
from miniapp_infra.kube.errors import SeveralError
from miniapp_infra.kube.live import targets_of
from miniapp_infra.kube.models import Action, ApplyOptions, Outcome, report
from miniapp_infra.kube.session import prepare
from miniapp_infra.kube.tasks import compatibility, hidden_fields
from miniapp_infra.kube.tasks.inputs import declared, predicate_of
from miniapp_infra.kube.tasks.ownership import ownership_of
from miniapp_infra.kube.tasks.results import in_kubernetes_core_form, since
from miniapp_infra.kube.tasks.selectors import with_labels
from miniapp_infra.kube.width import START

if TYPE_CHECKING:
    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Discovery
    from miniapp_infra.kube.live import Target
    from miniapp_infra.kube.objects import KubeObject, ObjectRef

Params = Mapping[str, Any]


def run_apply(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Apply, patch or delete a set of objects; with an inventory also delete what has left the set.

    Raises:
        KubeError: nothing was changed, or the set was treated in part; ``result()`` of the error tells how far.
    """
    started = time.monotonic()
    warnings = compatibility.check(params)
    session = prepare(params, connections=_connections(params))
    by_selection = compatibility.deletes_by_selection(params)
    objects = [] if by_selection else with_labels(declared(params), params.get("label_selectors") or ())
    ownership = ownership_of(params)
    predicate = predicate_of(params)
    hidden = hidden_fields.parse(params.get("hidden_fields") or ())
    client, discovery = session.connected()
    if by_selection:
        from miniapp_infra.kube.tasks.selection import selected  # noqa: PLC0415 - seldom needed

        objects = selected(client, discovery, params)
    states: dict[ObjectRef, KubeObject] = {}

    def ready(outcomes: Sequence[Outcome]) -> None:
        if params["wait"] and not check_mode:
            from miniapp_infra.kube.wait import WaitOptions, wait  # noqa: PLC0415 - threads and watches, seldom needed

            options = WaitOptions(params["wait_timeout"], predicate, absent=params["state"] == "absent")
            states.update(wait(client, _targets(discovery, outcomes), options, outcomes))

    options = _options(params, check_mode=check_mode)
    if ownership is not None:
        from miniapp_infra.kube.release import converge  # noqa: PLC0415 - all that an inventory needs

        done = converge(client, discovery, objects, options, ownership, ready=ready)
        outcomes = [outcome for outcome in done.outcomes if outcome.after is not None]  # the declared ones
        result = replace(done, outcomes=tuple(_visible(done.outcomes, hidden))).result(with_diff=diff_mode)
    else:
        outcomes = _treated(client, discovery, objects, params, options)
        result = report(_visible(outcomes, hidden), with_diff=diff_mode)
        try:
            ready(outcomes)
        except MiniappInfraError as error:
            raise SeveralError([error], result) from error
    if warnings:
        result["warnings"] = [*warnings, *result.get("warnings", ())]
    result |= in_kubernetes_core_form(
        outcomes, objects, state=params["state"], limit=params["result_limit"], states=states, hidden=hidden
    )
    return {**result, "duration": since(started)}


def _connections(params: Params) -> int:
    """Return how many connections the set will be worth, as far as that shows before it is read."""
    definition = params.get("definition")
    is_one = isinstance(definition, Mapping) or (isinstance(definition, list) and len(definition) == 1)
    return 1 if is_one or (definition is None and params.get("kind")) else START


def _options(params: Params, *, check_mode: bool) -> ApplyOptions:
    return ApplyOptions(
        namespace=params.get("namespace") or "default",
        field_manager=compatibility.field_manager(params),
        force_conflicts=compatibility.force_conflicts(params),
        check=check_mode,
        continue_on_error=bool(params.get("continue_on_error")),
        missing_kind_timeout=params["missing_kind_timeout"],
        propagation_policy=compatibility.propagation_policy(params),
    )


def _treated(
    client: Client, discovery: Discovery, objects: Sequence[KubeObject], params: Params, options: ApplyOptions
) -> list[Outcome]:
    if params["state"] == "absent":
        from miniapp_infra.kube.delete import delete  # noqa: PLC0415 - for this state alone
        from miniapp_infra.kube.tasks.deletion import deleting  # noqa: PLC0415 - for this state alone

        return delete(deleting(client, params, objects), discovery, objects, options)
    if params["state"] == "patched":
        from miniapp_infra.kube.patch import MERGE_TYPES, patch  # noqa: PLC0415 - for this state alone

        return patch(client, discovery, objects, options, params.get("merge_type") or MERGE_TYPES)
    return apply(client, discovery, objects, options)


def _visible(outcomes: Sequence[Outcome], hidden: hidden_fields.Tree) -> Sequence[Outcome]:
    """Return the outcomes as their differences are shown."""
    if not hidden:
        return outcomes
    return [
        replace(
            outcome,
            before=outcome.before and hidden_fields.without(outcome.before, hidden),
            after=outcome.after and hidden_fields.without(outcome.after, hidden),
        )
        for outcome in outcomes
    ]


def _targets(discovery: Discovery, outcomes: Sequence[Outcome]) -> list[Target]:
    existing = [item for item in outcomes if item.after is not None or item.action is Action.DELETED]
    return targets_of(discovery, (item.ref for item in existing))
