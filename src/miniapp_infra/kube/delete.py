# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the cluster not hold the objects of a set."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.kube import live as live_module
from miniapp_infra.kube.apply import place
from miniapp_infra.kube.errors import ApiError, SeveralError
from miniapp_infra.kube.models import Action, ApplyOptions, Outcome, report
from miniapp_infra.kube.normalise import redact_error
from miniapp_infra.kube.objects import KubeObject, ObjectRef, ref_of, refuse_duplicates
from miniapp_infra.kube.stages import in_stages
from miniapp_infra.kube.workers import workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Discovery
    from miniapp_infra.kube.live import Target


def delete(client: Client, discovery: Discovery, objects: Sequence[KubeObject], options: ApplyOptions) -> list[Outcome]:
    """Delete a set in the reverse order of apply. Objects that do not exist, or are being deleted, are unchanged.

    After a stage that failed the others are left, unless ``continue_on_error``.

    Raises:
        KubeError: the set is not valid; nothing was changed.
        SeveralError: some objects failed; carries the progress.
    """
    outcomes: list[Outcome] = []
    failures: list[MiniappInfraError] = []
    with workers(len(objects), "delete") as executor:
        for _, members in reversed(in_stages(objects)):
            placed = [
                (place(obj, discovery.find(obj["apiVersion"], obj["kind"]), options.namespace)) for obj in members
            ]
            refuse_duplicates(placed)
            targets = live_module.targets_of(discovery, map(ref_of, placed))
            before = live_module.read(client, targets, executor)
            known = {target.ref for target in targets}
            outcomes += [Outcome(ref, Action.UNCHANGED) for ref in map(ref_of, placed) if ref not in known]
            futures = [executor.submit(_one, client, target, before.get(target.ref), options) for target in targets]
            for future in futures:
                try:
                    outcomes.append(future.result())
                except MiniappInfraError as error:
                    failures.append(error)
            if failures and not options.continue_on_error:
                break
    if failures:
        raise SeveralError(failures, report(outcomes, with_diff=False))
    return outcomes


def _one(client: Client, target: Target, before: KubeObject | None, options: ApplyOptions) -> Outcome:
    ref: ObjectRef = target.ref
    if before is None or before["metadata"].get("deletionTimestamp"):
        return Outcome(ref, Action.UNCHANGED, before, before)
    body = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": options.propagation_policy,
        # Another object of the same name that somebody made in the meantime is not ours to delete.
        "preconditions": {"uid": before["metadata"]["uid"]},
    }
    if options.check:
        body["dryRun"] = ["All"]
    try:
        client.request("DELETE", target.path, action=f"delete {ref}", body=body)
    except ApiError as error:
        # Gone already: an earlier try that was carried out without an answer, or its owner was deleted before it.
        if error.status != HTTPStatus.NOT_FOUND:
            redact_error(error, before)
            raise
    return Outcome(ref, Action.DELETED, before, None)
