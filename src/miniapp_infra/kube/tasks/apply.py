# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ``k8s_apply`` does."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.kube.apply import apply
from miniapp_infra.kube.delete import delete, targets_of
from miniapp_infra.kube.discovery import Discovery
from miniapp_infra.kube.errors import SeveralError
from miniapp_infra.kube.live import Target
from miniapp_infra.kube.models import Action, ApplyOptions, Outcome, report
from miniapp_infra.kube.objects import KubeObject, ObjectRef
from miniapp_infra.kube.session import connected
from miniapp_infra.kube.tasks.inputs import declared, predicate_of
from miniapp_infra.kube.tasks.results import since
from miniapp_infra.kube.wait import WaitOptions, wait

Params = Mapping[str, Any]


def run_apply(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Apply or delete a set of objects.

    Raises:
        KubeError: nothing was changed, or the set was treated in part; ``result()`` of the error tells how far.
    """
    started = time.monotonic()
    objects = declared(params)
    predicate = predicate_of(params)
    client, discovery = connected(params)
    options = ApplyOptions(
        namespace=params.get("namespace") or "default",
        field_manager=params["field_manager"],
        force_conflicts=params["force_conflicts"],
        check=check_mode,
        missing_kind_timeout=params["missing_kind_timeout"],
        propagation_policy=params["propagation_policy"],
    )
    absent = params["state"] == "absent"
    outcomes = (delete if absent else apply)(client, discovery, objects, options)
    result = report(outcomes, with_diff=diff_mode)
    if params["wait"] and not check_mode:
        targets = _targets(discovery, outcomes)
        try:
            wait(client, targets, WaitOptions(timeout=params["wait_timeout"], predicate=predicate, absent=absent))
        except MiniappInfraError as error:
            raise SeveralError([error], result) from error
    return {**result, "duration": since(started)}


def _targets(discovery: Discovery, outcomes: Sequence[Outcome]) -> list[Target]:
    existing = [item for item in outcomes if item.after is not None or item.action is Action.DELETED]
    return targets_of(discovery, [_stub(item.ref) for item in existing])


def _stub(ref: ObjectRef) -> KubeObject:
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}
