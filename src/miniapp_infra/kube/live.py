# SPDX-License-Identifier: GPL-3.0-or-later
"""The present state of a set of objects: one LIST per kind and namespace instead of one GET per object."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Executor

    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Resource
    from miniapp_infra.kube.objects import KubeObject, ObjectRef

FEW = 8
"""So many objects are read one by one when their namespace holds more than one page of their kind."""


@dataclass(frozen=True)
class Target:
    """A declared object and the resource that it is."""

    ref: ObjectRef
    resource: Resource

    @property
    def path(self) -> str:
        return self.resource.path(self.ref.namespace, self.ref.name)


def read(client: Client, targets: Sequence[Target], executor: Executor) -> dict[ObjectRef, KubeObject]:
    """Read those of the objects that exist.

    Raises:
        KubeError: the server does not answer, or does not allow it.
    """
    groups: dict[tuple[Resource, str], list[ObjectRef]] = {}
    for target in targets:
        groups.setdefault((target.resource, target.ref.namespace), []).append(target.ref)
    found = executor.map(lambda item: _read_group(client, item[0][0], item[0][1], item[1]), groups.items())
    return {ref: obj for group in found for ref, obj in group.items()}


def read_one(client: Client, resource: Resource, ref: ObjectRef) -> KubeObject | None:
    """Read one object, None when it does not exist.

    Raises:
        KubeError: the server does not answer, or does not allow it.
    """
    try:
        body: KubeObject = client.get(resource.path(ref.namespace, ref.name), action=f"read {ref}").body
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    return body


def _read_group(
    client: Client, resource: Resource, namespace: str, refs: Sequence[ObjectRef]
) -> dict[ObjectRef, KubeObject]:
    if len(refs) == 1:
        return _read_each(client, resource, refs)
    where = f" in {namespace}" if namespace else ""
    wanted = {ref.name: ref for ref in refs}
    found: dict[ObjectRef, KubeObject] = {}
    try:
        for page in client.pages(resource.collection(namespace), action=f"list {resource.plural}{where}"):
            for item in typed(page, resource):
                ref = wanted.get(item["metadata"]["name"])
                if ref is not None:
                    found[ref] = item
            missing = [ref for ref in refs if ref not in found]
            if not missing or (len(missing) <= FEW and page.get("metadata", {}).get("continue")):
                return found | _read_each(client, resource, missing)
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return {}
        if error.status == HTTPStatus.FORBIDDEN:
            # The right to read single objects is often granted without the right to list, above all for Secrets.
            return _read_each(client, resource, refs)
        raise
    return found


def _read_each(client: Client, resource: Resource, refs: Iterable[ObjectRef]) -> dict[ObjectRef, KubeObject]:
    found = {ref: read_one(client, resource, ref) for ref in refs}
    return {ref: obj for ref, obj in found.items() if obj is not None}


def typed(page: dict[str, Any], resource: Resource) -> list[KubeObject]:
    """Return the items of a list with the type that lists leave out."""
    return [{"apiVersion": resource.api_version, "kind": resource.kind, **item} for item in page.get("items") or ()]
