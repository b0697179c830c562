# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the cluster hold what a set of objects declares, or tell what that would change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube import live as live_module
from miniapp_infra.kube.client import WIDTH, Client, Response
from miniapp_infra.kube.diff import differs
from miniapp_infra.kube.discovery import Discovery, Resource, Table, from_definitions
from miniapp_infra.kube.errors import ApiError, KubeError, SeveralError, UnknownKindError
from miniapp_infra.kube.live import Target
from miniapp_infra.kube.models import Action, ApplyOptions, Outcome, report
from miniapp_infra.kube.normalise import redact_text
from miniapp_infra.kube.objects import (
    KubeObject,
    ObjectRef,
    ref_of,
    refuse_duplicates,
    without_server_fields,
)
from miniapp_infra.kube.ownership import is_in_force
from miniapp_infra.kube.retry import RetryPolicy
from miniapp_infra.kube.stages import Stage, in_stages, is_definition
from miniapp_infra.kube.wait import WaitOptions, wait

if TYPE_CHECKING:
    from collections.abc import Sequence

APPLY_PATCH = "application/apply-patch+yaml"  # JSON is YAML, and parses faster


def apply(client: Client, discovery: Discovery, objects: Sequence[KubeObject], options: ApplyOptions) -> list[Outcome]:
    """Apply a set, stage after stage, inside a stage eight objects at a time.

    An object that provably is as declared is not sent. ``changed`` of every other one is what the server made of it.
    One that cannot be applied does not keep the others of its stage from it; later stages are not begun.

    Raises:
        KubeError: the set is not valid; nothing was changed.
        SeveralError: some objects failed; carries the progress.
    """
    with ThreadPoolExecutor(WIDTH, thread_name_prefix="apply") as executor:
        return _Run(client, discovery, options, executor, from_definitions(filter(is_definition, objects))).all(objects)


@dataclass(frozen=True)
class _Item:
    """One declared object; ``resource`` is None for a kind that does not exist yet, in check mode only."""

    desired: KubeObject
    ref: ObjectRef
    resource: Resource | None


class _Run:
    def __init__(
        self, client: Client, discovery: Discovery, options: ApplyOptions, executor: ThreadPoolExecutor, declared: Table
    ) -> None:
        self._client = client
        self._discovery = discovery
        self._options = options
        self._executor = executor
        self._declared = declared
        self._live: dict[ObjectRef, KubeObject] = {}
        self._outcomes: list[Outcome] = []

    def all(self, objects: Sequence[KubeObject]) -> list[Outcome]:
        stages = in_stages(objects)
        # Kinds that exist already are read in one go for all stages: one round trip instead of one per stage.
        early = [self._placed(obj, wait_for_kind=False) for _, members in stages for obj in members]
        refuse_duplicates([item.desired for item in early])
        self._read(early)
        for stage, members in stages:
            items = [self._placed(obj, wait_for_kind=not self._options.check) for obj in members]
            known = {item.ref for item in early if item.resource is not None}
            self._read([item for item in items if item.ref not in known])
            self._treat(items)
            if stage is Stage.FOUNDATION and not self._options.check:
                self._settle(items)
        return self._outcomes

    def _placed(self, obj: KubeObject, *, wait_for_kind: bool) -> _Item:
        resource = self._resource(obj["apiVersion"], obj["kind"], wait_for_kind=wait_for_kind)
        desired = place(without_server_fields(obj), resource, self._options.namespace)
        return _Item(desired, ref_of(desired), resource)

    def _resource(self, api_version: str, kind: str, *, wait_for_kind: bool) -> Resource | None:
        resource = self._discovery.find(api_version, kind)
        if resource is not None or not wait_for_kind:
            return resource
        if (api_version, kind) in self._declared:
            # Its definition was established a moment ago; the discovery document follows a little later.
            return self._declared[api_version, kind]

        def look() -> Resource:
            self._discovery.refresh()
            try:
                return self._discovery.resolve(api_version, kind)
            except UnknownKindError as error:
                error.retryable = True
                raise

        patience = RetryPolicy(timeout=self._options.missing_kind_timeout, base=1.0, sleep=self._client.retry.sleep)
        return patience.call(look)

    def _read(self, items: Sequence[_Item]) -> None:
        targets = [Target(item.ref, item.resource) for item in items if item.resource is not None]
        if targets:
            self._live.update(live_module.read(self._client, targets, self._executor))

    def _treat(self, items: Sequence[_Item]) -> None:
        failures: list[MiniappInfraError] = []
        for future in [self._executor.submit(self._one, item) for item in items]:
            try:
                self._outcomes.append(future.result())
            except MiniappInfraError as error:
                failures.append(error)
        if failures:
            raise SeveralError(failures, report(self._outcomes, with_diff=False))

    def _one(self, item: _Item) -> Outcome:
        before = self._live.get(item.ref)
        if before is not None and is_in_force(item.desired, before, self._options.field_manager):
            return Outcome(item.ref, Action.UNCHANGED, before, before)
        if before is not None and before["metadata"].get("deletionTimestamp"):
            raise KubeError(
                f"Failed to apply {item.ref}: it is being deleted",
                code=ErrorCode.CONFLICT,
                retryable=True,
                hint="Run again when it is gone; finalizers that nobody removes keep an object forever.",
            )
        if item.resource is None:
            return Outcome(item.ref, Action.CREATED, None, item.desired, simulated=True)
        try:
            answer = self._send(item, item.resource)
        except ApiError as error:
            if self._options.check and error.namespace_is_missing:
                return self._in_missing_namespace(item, item.resource)
            if error.status == HTTPStatus.NOT_FOUND and not error.namespace_is_missing:
                # The remembered list of kinds is older than the removal of this one.
                self._discovery.refresh()
                if not self._options.check:
                    self._discovery.resolve(item.ref.api_version, item.ref.kind)
                elif self._discovery.find(item.ref.api_version, item.ref.kind) is None:
                    return Outcome(item.ref, Action.CREATED, None, item.desired, simulated=True)
            raise self._explained(error, item) from error
        if answer.status == HTTPStatus.CREATED:
            action = Action.CREATED
        else:
            action = Action.UPDATED if differs(before, answer.body) else Action.UNCHANGED
        return Outcome(item.ref, action, before, answer.body, answer.warnings)

    def _send(self, item: _Item, resource: Resource) -> Response:
        query = {"fieldManager": self._options.field_manager, "fieldValidation": "Strict"}
        if self._options.force_conflicts:
            query["force"] = "true"
        if self._options.check:
            query["dryRun"] = "All"

        def send() -> Response:
            try:
                return self._client.request(
                    "PATCH",
                    resource.path(item.ref.namespace, item.ref.name),
                    action=f"apply {item.ref}",
                    query=query,
                    body=item.desired,
                    content_type=APPLY_PATCH,
                )
            except ApiError as error:
                # A kind that was established a moment ago is not served by every handler yet.
                if error.status == HTTPStatus.NOT_FOUND and not error.namespace_is_missing and self._is_declared(item):
                    error.retryable = True
                raise

        if not self._is_declared(item):
            return send()
        patience = RetryPolicy(timeout=self._options.settle_timeout, sleep=self._client.retry.sleep)
        return patience.call(send)

    def _is_declared(self, item: _Item) -> bool:
        return (item.ref.api_version, item.ref.kind) in self._declared

    def _in_missing_namespace(self, item: _Item, resource: Resource) -> Outcome:
        """Check an object as far as possible before its namespace exists: its fields are checked in another namespace.

        Only what the server says about the fields counts. Quotas and policies of the other namespace are not ours.
        """
        stand_in = {**item.desired, "metadata": {**item.desired["metadata"], "namespace": "default"}}
        try:
            self._client.request(
                "POST",
                resource.collection("default"),
                action=f"apply {item.ref}",
                query={"dryRun": "All", "fieldValidation": "Strict", "fieldManager": self._options.field_manager},
                body=stand_in,
            )
        except ApiError as error:
            if error.code is ErrorCode.INVALID_INPUT:
                raise self._explained(error, item) from error
            if error.code not in {ErrorCode.FORBIDDEN, ErrorCode.CONFLICT, ErrorCode.REFUSED_BY_POLICY}:
                raise
        return Outcome(item.ref, Action.CREATED, None, item.desired, simulated=True)

    def _explained(self, error: ApiError, item: _Item) -> ApiError:
        error.message = redact_text(error.message, item.desired)
        error.args = (error.message,)
        if error.namespace_is_missing and not error.hint:
            error.hint = f"Declare Namespace {item.ref.namespace} in the same set, or create it before."
        return error

    def _settle(self, items: Sequence[_Item]) -> None:
        """Wait until what the later stages stand on can be used."""
        targets = [Target(item.ref, item.resource) for item in items if item.resource is not None]
        done = {outcome.ref: outcome for outcome in self._outcomes}
        fresh = [target for target in targets if done[target.ref].changed]
        if fresh:
            wait(self._client, fresh, WaitOptions(timeout=self._options.settle_timeout))
            self._discovery.refresh()


def place(desired: KubeObject, resource: Resource | None, namespace: str) -> KubeObject:
    """Give an object of a namespaced kind a namespace, and take it from one of any other kind, as the server does."""
    metadata: dict[str, Any] = dict(desired["metadata"])
    if resource is not None and resource.namespaced:
        metadata["namespace"] = metadata.get("namespace") or namespace
    elif resource is not None:
        metadata.pop("namespace", None)
    return {**desired, "metadata": metadata}
