# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the cluster hold what a set of objects declares, or tell what that would change."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube import live as live_module
from miniapp_infra.kube.diff import differs
from miniapp_infra.kube.discovery import Discovery, Resource, Table, from_definitions
from miniapp_infra.kube.errors import ApiError, KubeError, SeveralError, UnknownKindError
from miniapp_infra.kube.live import Survey, Target
from miniapp_infra.kube.models import Action, ApplyOptions, Outcome, report
from miniapp_infra.kube.normalise import redact_error
from miniapp_infra.kube.objects import (
    KubeObject,
    ObjectRef,
    ref_of,
    refuse_duplicates,
    without_server_fields,
)
from miniapp_infra.kube.ownership import is_in_force
from miniapp_infra.kube.races import Applied, ServerSideApply
from miniapp_infra.kube.retry import RetryPolicy
from miniapp_infra.kube.stages import Stage, in_stages, is_definition
from miniapp_infra.kube.width import START
from miniapp_infra.kube.workers import workers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from miniapp_infra.kube.client import Client


def apply(client: Client, discovery: Discovery, objects: Sequence[KubeObject], options: ApplyOptions) -> list[Outcome]:
    """Apply a set, stage after stage, inside a stage as many objects at a time as the server takes.

    An object that provably is as declared is not sent. ``changed`` of every other one is what the server made of it.
    One that cannot be applied does not keep the others of its stage from it. Later stages are begun with
    ``continue_on_error`` only.

    Raises:
        KubeError: the set is not valid; nothing was changed.
        SeveralError: some objects failed; carries the progress.
    """
    client.open_connections(min(START, len(objects)))
    with workers(len(objects), "apply") as executor:
        return _Run(client, discovery, options, executor, from_definitions(filter(is_definition, objects))).all(objects)


@dataclass(frozen=True)
class _Item:
    """One declared object; ``resource`` is None for a kind that does not exist yet, in check mode only."""

    desired: KubeObject
    ref: ObjectRef
    resource: Resource | None


class _Run:
    def __init__(
        self, client: Client, discovery: Discovery, options: ApplyOptions, executor: Executor, declared: Table
    ) -> None:
        self._client = client
        self._discovery = discovery
        self._options = options
        self._executor = executor
        self._declared = declared
        self._live = Survey()
        self._outcomes: list[Outcome] = []
        self._failures: list[MiniappInfraError] = []
        self._query = {"fieldManager": options.field_manager, "fieldValidation": "Strict"}
        if options.force_conflicts:
            self._query["force"] = "true"
        if options.check:
            self._query["dryRun"] = "All"

    def all(self, objects: Sequence[KubeObject]) -> list[Outcome]:
        stages = in_stages(objects)
        # Kinds that exist already are read in one go for all stages: one round trip instead of one per stage.
        early = [self._placed(obj, wait_for_kind=False) for _, members in stages for obj in members]
        refuse_duplicates([item.desired for item in early])
        self._read(early)
        known = {item.ref for item in early if item.resource is not None}
        for stage, members in stages:
            items = self._ready_to_send(members)
            self._read([item for item in items if item.ref not in known])
            self._treat(items)
            self._stop_after_failures(unless=self._options.continue_on_error)
            if stage is Stage.FOUNDATION and not self._options.check:
                self._settle(items)
        self._stop_after_failures(unless=False)
        return self._outcomes

    def _ready_to_send(self, members: Sequence[KubeObject]) -> list[_Item]:
        """Find the kinds of a stage; with ``continue_on_error`` those that do not exist are left out."""
        items = []
        for obj in members:
            try:
                items.append(self._placed(obj, wait_for_kind=not self._options.check))
            except MiniappInfraError as error:
                if not self._options.continue_on_error:
                    raise
                self._failures.append(error)
        return items

    def _stop_after_failures(self, *, unless: bool) -> None:
        if self._failures and not unless:
            raise SeveralError(self._failures, report(self._outcomes, with_diff=False))

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
            self._live.add(live_module.survey(self._client, targets, self._executor))

    def _treat(self, items: Sequence[_Item]) -> None:
        for future in [self._executor.submit(self._one, item) for item in items if not self._take_unchanged(item)]:
            try:
                self._outcomes.append(future.result())
            except MiniappInfraError as error:
                self._failures.append(error)

    def _take_unchanged(self, item: _Item) -> bool:
        """Tell whether an object certainly is as declared; that takes no thread and no request."""
        before = self._live.objects.get(item.ref)
        if before is None or not is_in_force(item.desired, before, self._options.field_manager):
            return False
        self._outcomes.append(
            Outcome(item.ref, Action.UNCHANGED, before, before, version=self._live.versions.get(item.ref, ""))
        )
        return True

    def _one(self, item: _Item) -> Outcome:
        before = self._live.objects.get(item.ref)
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
            applied = self._send(item, item.resource, before)
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
        if applied.before is None:
            action = Action.CREATED
        else:
            action = Action.UPDATED if differs(applied.before, applied.after) else Action.UNCHANGED
        version = applied.after["metadata"].get("resourceVersion", "")
        return Outcome(item.ref, action, applied.before, applied.after, applied.warnings, version=version)

    def _send(self, item: _Item, resource: Resource, before: KubeObject | None) -> Applied:
        request = ServerSideApply(self._client, resource, item.ref, item.desired, self._query)

        def send() -> Applied:
            try:
                return request.run(before)
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
        # A policy may quote the object as it is, and as it would be.
        redact_error(error, item.desired, self._live.objects.get(item.ref))
        if error.namespace_is_missing and not error.hint:
            error.hint = f"Declare Namespace {item.ref.namespace} in the same set, or create it before."
        return error

    def _settle(self, items: Sequence[_Item]) -> None:
        """Wait until what the later stages stand on can be used."""
        mine = {item.ref for item in items}
        fresh = [outcome for outcome in self._outcomes if outcome.ref in mine and outcome.changed]
        resources = {item.ref: item.resource for item in items if item.resource is not None}
        targets = [Target(outcome.ref, resources[outcome.ref]) for outcome in fresh]
        if targets:
            from miniapp_infra.kube.wait import WaitOptions, wait  # noqa: PLC0415 - for sets with new kinds alone

            wait(self._client, targets, WaitOptions(timeout=self._options.settle_timeout), known=fresh)
        if any(ref.kind == "CustomResourceDefinition" for ref in resources):
            self._discovery.add(self._declared)


def place(desired: KubeObject, resource: Resource | None, namespace: str) -> KubeObject:
    """Give an object of a namespaced kind a namespace, and take it from one of any other kind, as the server does."""
    metadata: dict[str, Any] = dict(desired["metadata"])
    if resource is not None and resource.namespaced:
        metadata["namespace"] = metadata.get("namespace") or namespace
    elif resource is not None:
        metadata.pop("namespace", None)
    return {**desired, "metadata": metadata}
