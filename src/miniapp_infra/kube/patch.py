# SPDX-License-Identifier: GPL-3.0-or-later
"""Merge declared fields into objects that exist already, and leave everything else of them alone."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.kube import live as live_module
from miniapp_infra.kube.apply import place
from miniapp_infra.kube.diff import differs
from miniapp_infra.kube.errors import ApiError, SeveralError
from miniapp_infra.kube.live import Target
from miniapp_infra.kube.models import Action, ApplyOptions, Outcome, report
from miniapp_infra.kube.normalise import redact_error
from miniapp_infra.kube.objects import KubeObject, ObjectRef, ref_of, refuse_duplicates, without_server_fields
from miniapp_infra.kube.stages import in_stages
from miniapp_infra.kube.workers import workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miniapp_infra.kube.client import Client, Response
    from miniapp_infra.kube.discovery import Discovery

MERGE_TYPES = ("strategic-merge", "merge")
"""The second is for custom kinds, for which the API server does not have the rules of the first."""


def patch(
    client: Client,
    discovery: Discovery,
    objects: Sequence[KubeObject],
    options: ApplyOptions,
    merge_types: Sequence[str] = MERGE_TYPES,
) -> list[Outcome]:
    """Merge a set into the objects that exist. Those that do not exist are unchanged, with a warning.

    This is not server-side apply: a field that an earlier run merged and this one does not declare stays. The ways of
    merging are tried in order, until the API server supports one for the kind.

    Raises:
        KubeError: the set is not valid; nothing was changed.
        SeveralError: some objects failed, all were tried; carries the progress.
    """
    ordered = [without_server_fields(obj) for _, members in in_stages(objects) for obj in members]
    placed: list[tuple[KubeObject, Target | None]] = []
    for obj in ordered:
        resource = discovery.find(obj["apiVersion"], obj["kind"])
        desired = place(obj, resource, options.namespace)
        placed.append((desired, Target(ref_of(desired), resource) if resource else None))
    refuse_duplicates([desired for desired, _ in placed])
    outcomes: list[Outcome] = []
    failures: list[MiniappInfraError] = []
    patcher = _Patcher(client, options, merge_types)
    with workers(len(objects), "patch") as executor:
        before = live_module.read(client, [target for _, target in placed if target], executor)
        futures = [
            executor.submit(patcher.one, desired, target, before.get(target.ref) if target else None)
            for desired, target in placed
        ]
        for future in futures:
            try:
                outcomes.append(future.result())
            except MiniappInfraError as error:
                failures.append(error)
    if failures:
        raise SeveralError(failures, report(outcomes, with_diff=False))
    return outcomes


class _Patcher:
    def __init__(self, client: Client, options: ApplyOptions, merge_types: Sequence[str]) -> None:
        self._client = client
        self._merge_types = merge_types
        self._query = {"fieldManager": options.field_manager, "fieldValidation": "Strict"}
        if options.check:
            self._query["dryRun"] = "All"

    def one(self, desired: KubeObject, target: Target | None, before: KubeObject | None) -> Outcome:
        if target is None or before is None:
            return _missing(ref_of(desired))
        try:
            answer = self._send(target, desired)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return _missing(target.ref)
            redact_error(error, desired, before)
            raise
        action = Action.UPDATED if differs(before, answer.body) else Action.UNCHANGED
        version = answer.body["metadata"].get("resourceVersion", "")
        return Outcome(target.ref, action, before, answer.body, answer.warnings, version=version)

    def _send(self, target: Target, desired: KubeObject) -> Response:
        for merge_type in self._merge_types[:-1]:
            try:
                return self._send_as(merge_type, target, desired)
            except ApiError as error:
                if error.status != HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
                    raise
        try:
            return self._send_as(self._merge_types[-1], target, desired)
        except ApiError as error:
            if error.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
                error.hint = "Custom kinds are patched with merge_type: [merge]."
            raise

    def _send_as(self, merge_type: str, target: Target, desired: KubeObject) -> Response:
        return self._client.request(
            "PATCH",
            target.path,
            action=f"patch {target.ref}",
            query=self._query,
            body=desired,
            content_type=f"application/{merge_type}-patch+json",
        )


def _missing(ref: ObjectRef) -> Outcome:
    place_and_name = f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name
    warning = f"{place_and_name} does not exist, and state: patched creates nothing"
    return Outcome(ref, Action.UNCHANGED, warnings=(warning,))
