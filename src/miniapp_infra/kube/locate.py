# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the objects of a set are, those that are declared and those that an earlier run has recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from miniapp_infra.kube import live as live_module
from miniapp_infra.kube.apply import place
from miniapp_infra.kube.discovery import Discovery, Resource, from_definitions
from miniapp_infra.kube.errors import ApiError
from miniapp_infra.kube.live import Target
from miniapp_infra.kube.objects import KubeObject, ObjectRef, ref_of, refuse_duplicates, without_server_fields
from miniapp_infra.kube.stages import is_definition

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Executor

    from miniapp_infra.kube.client import Client


@dataclass(frozen=True)
class Declared:
    """A declared set.

    Args:
        refs: of all objects.
        targets: of those whose kind is served already.
    """

    refs: tuple[ObjectRef, ...]
    targets: tuple[Target, ...]


def declared(discovery: Discovery, objects: Sequence[KubeObject], namespace: str) -> Declared:
    """Return which objects a set has.

    Args:
        discovery: knows the kinds.
        objects: the set.
        namespace: of those that name none, where their kind has namespaces.

    Raises:
        KubeError: an object is declared twice.
    """
    own_kinds = from_definitions(filter(is_definition, objects))
    placed: list[KubeObject] = []
    targets: list[Target] = []
    for obj in objects:
        served = discovery.find(obj["apiVersion"], obj["kind"])
        resource = served or own_kinds.get((obj["apiVersion"], obj["kind"]))
        desired = place(without_server_fields(obj), resource, namespace)
        if resource is None:
            # Whether the kind has namespaces will be known when it exists; a namespace too much does no harm.
            desired["metadata"]["namespace"] = desired["metadata"].get("namespace") or namespace
        placed.append(desired)
        if served is not None:
            targets.append(Target(ref_of(desired), served))
    refuse_duplicates(placed)
    return Declared(tuple(map(ref_of, placed)), tuple(targets))


def known(discovery: Discovery, refs: Iterable[ObjectRef]) -> list[ObjectRef]:
    """Return recorded objects without the namespace where their kind has none, as far as the kinds are known."""
    result = []
    for ref in refs:
        resource = discovery.find(ref.api_version, ref.kind)
        result.append(ref if resource is None or resource.namespaced else replace(ref, namespace=""))
    return result


def read(
    client: Client, discovery: Discovery, refs: Sequence[ObjectRef], executor: Executor
) -> dict[Target, KubeObject]:
    """Read those of the recorded objects that exist, whatever version of their kind is served now.

    The version that was in use when they were recorded may have gone since.

    An object counts as gone only when the server itself says so. A remembered list of kinds can be older than the
    removal of a version, and one of an API server behind the API server can be empty because that one is down.

    Raises:
        KubeError: the server, or the one behind it, does not answer, or does not allow it.
    """
    found = [(ref, discovery.find(ref.api_version, ref.kind)) for ref in refs]
    targets = [_target(ref, resource) for ref, resource in found if resource is not None]
    states = live_module.read(client, targets, executor)
    result = {target: states[target.ref] for target in targets if target.ref in states}
    doubtful = [ref for ref, resource in found if resource is None]
    doubtful += [target.ref for target in targets if target.ref not in states and target.ref.group]
    served = _Served(client)
    moved: list[Target] = []
    for ref in doubtful:
        resource = served.find(ref.group, ref.kind)
        if resource is not None and resource != discovery.find(ref.api_version, ref.kind):
            moved.append(_target(ref, resource))
    states = live_module.read(client, moved, executor)
    return result | {target: states[target.ref] for target in moved if target.ref in states}


def _target(ref: ObjectRef, resource: Resource) -> Target:
    namespace = ref.namespace if resource.namespaced else ""
    return Target(replace(ref, api_version=resource.api_version, namespace=namespace), resource)


class _Served:
    """Which kinds an API group has this moment, asked without any memory."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._groups: dict[str, list[Resource]] = {}

    def find(self, group: str, kind: str) -> Resource | None:
        if group not in self._groups:
            self._groups[group] = self._read(group)
        return next((resource for resource in self._groups[group] if resource.kind == kind), None)

    def _read(self, group: str) -> list[Resource]:
        roots = {"v1": "/api/v1"}
        if group:
            answer = self._get(f"/apis/{group}", group)
            roots = {item["groupVersion"]: f"/apis/{item['groupVersion']}" for item in answer.get("versions") or ()}
        return [
            Resource(version, item["kind"], item["name"], item["namespaced"])
            for version, root in roots.items()
            for item in self._get(root, version).get("resources") or ()
            if "/" not in item["name"]
        ]

    def _get(self, path: str, what: str) -> KubeObject:
        try:
            body: KubeObject = self._client.get(path, action=f"read the kinds of {what}").body
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return {}
            raise
        return body
