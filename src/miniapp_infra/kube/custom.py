# SPDX-License-Identifier: GPL-3.0-or-later
"""One object of a custom kind: what the engines of Velero, the policies, Argo CD and others do with theirs.

It is declared with the engine of ``apply``, so that ``changed``, check mode, differences and conflicts mean the same as
everywhere, and waited for by watching.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.apply import apply
from miniapp_infra.kube.delete import delete
from miniapp_infra.kube.errors import ApiError, KubeError
from miniapp_infra.kube.live import Target, read_one
from miniapp_infra.kube.models import ApplyOptions, Outcome
from miniapp_infra.kube.objects import KubeObject, ObjectRef, ref_of
from miniapp_infra.kube.session import connected
from miniapp_infra.kube.wait import WaitOptions, wait

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Discovery, Resource
    from miniapp_infra.kube.predicates import Predicate


@dataclass(frozen=True)
class CustomObjects:
    """Objects of a server, one at a time.

    Args:
        client: of the server.
        discovery: its kinds.
        options: field manager, check mode.
    """

    client: Client
    discovery: Discovery
    options: ApplyOptions = field(default_factory=ApplyOptions)

    @classmethod
    def of(cls, params: Mapping[str, Any], *, check_mode: bool = False) -> CustomObjects:
        """Return the objects of the server that the connection options of a module name.

        Raises:
            KubeError: the configuration cannot be used.
        """
        client, discovery = connected(params)
        return cls(client, discovery, ApplyOptions(check=check_mode))

    def resource(self, api_version: str, kind: str) -> Resource:
        """Return the resource of a kind.

        Raises:
            KubeError: not_found, when the server does not have it.
        """
        found = self.discovery.find(api_version, kind)
        if found is None:
            raise unknown_kind(api_version, kind)
        return found

    def get(self, ref: ObjectRef) -> KubeObject | None:
        """Return an object, None when there is none."""
        return read_one(self.client, self.resource(ref.api_version, ref.kind), ref)

    def list(self, api_version: str, kind: str, namespace: str = "", labels: str = "") -> list[KubeObject]:
        """Return the objects of a kind by name, in one namespace or in all of them."""
        resource = self.resource(api_version, kind)
        query = {"labelSelector": labels} if labels else None
        pages = self.client.pages(resource.collection(namespace), query=query, action=f"list {kind}")
        typed = [{**item, "apiVersion": api_version, "kind": kind} for page in pages for item in page["items"]]
        return sorted(typed, key=lambda item: (item["metadata"].get("namespace", ""), item["metadata"]["name"]))

    def present(self, manifest: KubeObject) -> Outcome:
        """Have an object as declared: fields that others own stay as they are."""
        self.resource(manifest["apiVersion"], manifest["kind"])
        return apply(self.client, self.discovery, [manifest], self.options)[0]

    def absent(self, ref: ObjectRef) -> Outcome:
        """Have no such object."""
        metadata = {"name": ref.name, **({"namespace": ref.namespace} if ref.namespace else {})}
        manifest = {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}
        return delete(self.client, self.discovery, [manifest], self.options)[0]

    def create(self, manifest: KubeObject) -> KubeObject:
        """Create an object.

        Raises:
            ApiError: conflict, when there is one of this name.
        """
        ref = ref_of(manifest)
        path = self.resource(ref.api_version, ref.kind).collection(ref.namespace)
        try:
            return self._sent("POST", path, f"create {ref}", manifest)
        except ApiError as error:
            # An earlier try may have been carried out without an answer: then the object is ours.
            found = self.get(ref) if error.status == HTTPStatus.CONFLICT and error.unsure else None
            if found is None:
                raise
            return found

    def merge_patch(
        self, ref: ObjectRef, patch: Mapping[str, Any], *, subresource: str = "", resource_version: str = ""
    ) -> KubeObject:
        """Apply a JSON merge patch (RFC 7386) and return the object.

        Args:
            ref: the object.
            patch: what changes.
            subresource: such as ``status``.
            resource_version: refuse with a conflict when the object has changed since.
        """
        path = self.resource(ref.api_version, ref.kind).path(ref.namespace, ref.name)
        body = dict(patch)
        if resource_version:
            body["metadata"] = {**body.get("metadata", {}), "resourceVersion": resource_version}
        return self._sent("PATCH", f"{path}/{subresource}" if subresource else path, f"patch {ref}", body)

    def wait(
        self, ref: ObjectRef, predicate: Predicate | None, timeout: float, known: Outcome | None = None
    ) -> KubeObject | None:
        """Wait for an object by watching it; without a predicate for its absence.

        Raises:
            WaitTimeoutError: names the last phase and message.
            WaitFailedError: it can no longer become what is waited for.
        """
        target = Target(ref, self.resource(ref.api_version, ref.kind))
        options = WaitOptions(timeout, predicate, absent=predicate is None)
        return wait(self.client, [target], options, [known] if known else []).get(ref)

    def _sent(self, method: str, path: str, action: str, body: Mapping[str, Any]) -> KubeObject:
        query = {"fieldManager": self.options.field_manager, "fieldValidation": "Strict"}
        if self.options.check:
            query["dryRun"] = "All"
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        answer: KubeObject = self.client.request(
            method,
            path,
            action=action,
            query=query,
            body=body,
            content_type=content_type,
            repeat_conflicts=False,
        ).body
        return answer


def unknown_kind(api_version: str, kind: str) -> KubeError:
    """Return the error for a kind that the server does not have."""
    return KubeError(
        f"Failed to find kind {kind} of {api_version}: the server does not have it",
        code=ErrorCode.NOT_FOUND,
        hint=f"Install what brings {kind}, then run it again.",
    )
