# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete what a set does not declare any more, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.budget import KEEP
from miniapp_infra.kube.errors import ApiError, KubeError, SeveralError
from miniapp_infra.kube.inventory import owner_of
from miniapp_infra.kube.live import read_one
from miniapp_infra.kube.models import Action, ApplyOptions, Outcome, report
from miniapp_infra.kube.objects import KubeObject, ObjectRef, lookup
from miniapp_infra.kube.stages import in_stages
from miniapp_infra.kube.wait import WaitOptions, wait
from miniapp_infra.kube.workers import workers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.live import Target

ATTEMPTS = 10
"""How often an object is looked at again when it changes between the look and the deletion."""


@dataclass(frozen=True, order=True)
class Kept:
    """An object that is not declared any more and stays nevertheless."""

    ref: ObjectRef
    reason: str

    def summary(self) -> dict[str, str]:
        ref = self.ref
        return {
            "api_version": ref.api_version,
            "kind": ref.kind,
            "namespace": ref.namespace,
            "name": ref.name,
            "reason": self.reason,
        }


@dataclass
class Pruned:
    """What a run has deleted and what it has left."""

    outcomes: list[Outcome] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    def add(self, result: Outcome | Kept) -> None:
        if isinstance(result, Kept):
            self.kept.append(result)
        else:
            self.outcomes.append(result)


def reason_to_keep(obj: Mapping[str, Any], owner: str) -> str:
    """Tell why an object must stay, empty when it may go.

    Args:
        obj: as it is now.
        owner: the inventory that wants it gone; empty: it was found by its labels, and no inventory may own it.
    """
    annotations = lookup(obj, "metadata", "annotations") or {}
    if owner_of(obj) != owner:
        found = owner_of(obj)
        return f"it belongs to {found}" if found else "it does not belong to this inventory any more"
    if annotations.get(KEEP) == "true":
        return f"it has the annotation {KEEP}"
    if annotations.get("helm.sh/resource-policy") == "keep":
        return "it has the annotation helm.sh/resource-policy: keep"
    options = {option.strip() for option in str(annotations.get("argocd.argoproj.io/sync-options", "")).split(",")}
    if "Prune=false" in options:
        return "it has the annotation argocd.argoproj.io/sync-options: Prune=false"
    return ""


def is_going(obj: Mapping[str, Any]) -> bool:
    """Tell whether an object is being deleted already."""
    return bool(lookup(obj, "metadata", "deletionTimestamp"))


def sort_out(states: Mapping[Target, KubeObject], owner: str) -> tuple[dict[Target, KubeObject], list[Kept]]:
    """Part what may be deleted from what must stay; what is being deleted already is neither."""
    deletable: dict[Target, KubeObject] = {}
    kept: list[Kept] = []
    for target, obj in states.items():
        reason = reason_to_keep(obj, owner)
        if is_going(obj):
            continue
        if reason:
            kept.append(Kept(target.ref, reason))
        else:
            deletable[target] = obj
    return deletable, sorted(kept)


def prune(
    client: Client,
    states: Mapping[Target, KubeObject],
    owner: str,
    options: ApplyOptions,
    *,
    waiting: WaitOptions | None = None,
    before: Iterable[Outcome] = (),
) -> Pruned:
    """Delete objects in the reverse order of apply.

    The server checks that it deletes what was looked at. What was changed, made anew or given to somebody else since
    then is looked at and judged again.

    Args:
        client: reaches the server.
        states: what is to go, as read when the run was checked.
        owner: see ``reason_to_keep``.
        options: propagation, and whether it is a dry run.
        waiting: with it each stage is gone before the next one goes, so that finalizers find their controllers.
        before: what the run has done so far, for the report of a failure.

    Raises:
        SeveralError: some objects failed; carries the progress.
    """
    done = Pruned()
    targets = {target.ref: target for target in states}
    refs = {id(obj): target.ref for target, obj in states.items()}
    with workers(len(states), "prune") as executor:
        for _, members in reversed(in_stages(list(states.values()))):
            stage = [targets[refs[id(obj)]] for obj in members]
            run = _Deletion(client, owner, options)
            failures: list[MiniappInfraError] = []
            for future in [executor.submit(run.one, target, states[target]) for target in stage]:
                try:
                    result = future.result()
                except MiniappInfraError as error:
                    failures.append(error)
                else:
                    done.add(result)
            if waiting is not None and not options.check and not failures:
                deleted = {item.ref for item in done.outcomes if item.changed}
                try:
                    wait(client, [item for item in stage if item.ref in deleted], replace(waiting, absent=True))
                except MiniappInfraError as error:
                    failures.append(error)
            if failures:
                raise SeveralError(failures, report([*before, *done.outcomes], with_diff=False))
    return done


class _Deletion:
    def __init__(self, client: Client, owner: str, options: ApplyOptions) -> None:
        self._client = client
        self._owner = owner
        self._options = options

    def one(self, target: Target, state: KubeObject) -> Outcome | Kept:
        ref = target.ref
        before: KubeObject | None = state
        is_unsure = False
        for _ in range(ATTEMPTS):
            if before is None or is_going(before):
                # After a lost answer it was our own request that was carried out.
                return Outcome(ref, Action.DELETED if is_unsure else Action.UNCHANGED, state if is_unsure else None)
            reason = reason_to_keep(before, self._owner)
            if reason:
                return Kept(ref, reason)
            state = before
            try:
                self._delete(target, before)
            except ApiError as error:
                if error.status not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                    raise
                is_unsure = is_unsure or error.unsure
                gone = error.status == HTTPStatus.NOT_FOUND
                before = None if gone else read_one(self._client, target.resource, ref)
            else:
                return Outcome(ref, Action.DELETED, before, None)
        raise KubeError(
            f"Failed to delete {ref}: it changed each of the {ATTEMPTS} times between a look and the deletion",
            code=ErrorCode.CONFLICT,
            retryable=True,
        )

    def _delete(self, target: Target, before: KubeObject) -> None:
        metadata = before["metadata"]
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": self._options.propagation_policy,
            # What somebody made, changed or took over since we looked is not ours to delete.
            "preconditions": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]},
        }
        if self._options.check:
            body["dryRun"] = ["All"]
        self._client.request("DELETE", target.path, action=f"delete {target.ref}", body=body, repeat_conflicts=False)
