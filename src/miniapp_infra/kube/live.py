# SPDX-License-Identifier: GPL-3.0-or-later
"""The present state of a set of objects: one LIST per kind and namespace instead of one GET per object.

Where a kind is wanted from many namespaces it is one LIST for all of them; where few objects are wanted from a long
list, they are read one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.client import PAGE
from miniapp_infra.kube.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Executor

    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Discovery, Resource
    from miniapp_infra.kube.objects import KubeObject, ObjectRef

FEW = 8
"""So many objects may be read one by one, where the list that holds them is longer than its first page."""
SHORT_PAGE = 64
"""Objects of the first page where few are wanted: enough for most namespaces, and no megabytes of a large one."""
MANY = 3
"""From so many namespaces on, a kind is listed in all of them at once."""


@dataclass(frozen=True)
class Target:
    """A declared object and the resource that it is."""

    ref: ObjectRef
    resource: Resource

    @property
    def path(self) -> str:
        return self.resource.path(self.ref.namespace, self.ref.name)


def targets_of(discovery: Discovery, refs: Iterable[ObjectRef]) -> list[Target]:
    """Return the resources of those objects whose kind exists."""
    found = [(ref, discovery.find(ref.api_version, ref.kind)) for ref in refs]
    return [Target(ref, resource) for ref, resource in found if resource is not None]


@dataclass
class Survey:
    """What was found.

    Args:
        objects: those of the objects that exist.
        versions: the resource version as of which an object is known to be so, or not to exist. Missing where the
            object was read by itself and does not exist.
    """

    objects: dict[ObjectRef, KubeObject] = field(default_factory=dict)
    versions: dict[ObjectRef, str] = field(default_factory=dict)

    def add(self, other: Survey) -> None:
        self.objects.update(other.objects)
        self.versions.update(other.versions)


def read(client: Client, targets: Sequence[Target], executor: Executor) -> dict[ObjectRef, KubeObject]:
    """Read those of the objects that exist. Raises KubeError as ``survey`` does."""
    return survey(client, targets, executor).objects


def survey(client: Client, targets: Sequence[Target], executor: Executor) -> Survey:
    """Read a set of objects.

    Raises:
        KubeError: the server does not answer, or does not allow it.
    """
    wanted: dict[Resource, dict[str, list[ObjectRef]]] = {}
    for target in targets:
        wanted.setdefault(target.resource, {}).setdefault(target.ref.namespace, []).append(target.ref)
    wide = {
        resource: executor.submit(_list_everywhere, client, resource, groups)
        for resource, groups in wanted.items()
        if len(groups) >= MANY
    }
    pending = [
        executor.submit(_read_group, client, resource, namespace, refs)
        for resource, groups in wanted.items()
        if resource not in wide
        for namespace, refs in groups.items()
    ]
    found = Survey()
    for resource, future in wide.items():
        everywhere = future.result()
        if everywhere is not None:
            found.add(everywhere)
            continue
        for namespace, refs in wanted[resource].items():
            pending.append(executor.submit(_read_group, client, resource, namespace, refs))
    for group in pending:
        found.add(group.result())
    return found


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


def _list_everywhere(client: Client, resource: Resource, groups: dict[str, list[ObjectRef]]) -> Survey | None:
    """List a kind in all namespaces; None when that is not allowed, or is more work than the single lists."""
    refs = [ref for group in groups.values() for ref in group]
    wanted = {(ref.namespace, ref.name): ref for ref in refs}
    found = Survey()
    try:
        for page in client.pages(resource.collection(), action=f"list {resource.plural}"):
            for item in typed(page, resource):
                ref = wanted.get((item["metadata"].get("namespace", ""), item["metadata"]["name"]))
                if ref is not None:
                    found.objects[ref] = item
            version = page["metadata"].get("resourceVersion", "")
            if len(found.objects) < len(refs) and _pages_left(page, len(groups)) > len(groups):
                return None
            if len(found.objects) == len(refs):
                break
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return found
        if error.status == HTTPStatus.FORBIDDEN:
            return None
        raise
    found.versions = dict.fromkeys(refs, version)
    return found


def _read_group(client: Client, resource: Resource, namespace: str, refs: Sequence[ObjectRef]) -> Survey:
    if len(refs) == 1:
        return _read_each(client, resource, refs)
    where = f" in {namespace}" if namespace else ""
    wanted = {ref.name: ref for ref in refs}
    found = Survey()
    first = SHORT_PAGE if len(refs) <= FEW else PAGE
    try:
        for page in client.pages(resource.collection(namespace), action=f"list {resource.plural}{where}", first=first):
            for item in typed(page, resource):
                ref = wanted.get(item["metadata"]["name"])
                if ref is not None:
                    found.objects[ref] = item
            version = page["metadata"].get("resourceVersion", "")
            missing = [ref for ref in refs if ref not in found.objects]
            left = _pages_left(page, FEW)
            if missing and left and len(missing) <= min(FEW, 2 * left):
                found.versions = dict.fromkeys((ref for ref in refs if ref in found.objects), version)
                found.add(_read_each(client, resource, missing))
                return found
            if not missing:
                break
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return Survey()
        if error.status == HTTPStatus.FORBIDDEN:
            # The right to read single objects is often granted without the right to list, above all for Secrets.
            return _read_each(client, resource, refs)
        raise
    found.versions = dict.fromkeys(refs, version)
    return found


def _pages_left(page: dict[str, Any], unknown: int) -> int:
    """Return how many full pages follow; ``unknown`` where the server does not count them."""
    metadata = page["metadata"]
    if not metadata.get("continue"):
        return 0
    remaining = metadata.get("remainingItemCount")
    return unknown if remaining is None else -(-int(remaining) // PAGE)


def _read_each(client: Client, resource: Resource, refs: Iterable[ObjectRef]) -> Survey:
    found = Survey()
    for ref in refs:
        obj = read_one(client, resource, ref)
        if obj is not None:
            found.objects[ref] = obj
            found.versions[ref] = obj["metadata"].get("resourceVersion", "")
    return found


def typed(page: dict[str, Any], resource: Resource) -> list[KubeObject]:
    """Return the items of a list with the type that lists leave out."""
    return [{"apiVersion": resource.api_version, "kind": resource.kind, **item} for item in page.get("items") or ()]
