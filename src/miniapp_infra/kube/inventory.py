# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of what belongs to a set: one ConfigMap, so that a later run knows what an earlier one made."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
from dataclasses import dataclass, fields
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.discovery import Resource
from miniapp_infra.kube.errors import ApiError, KubeError
from miniapp_infra.kube.live import read_one
from miniapp_infra.kube.objects import KubeObject, ObjectRef, lookup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from miniapp_infra.kube.client import Client

OWNER = "miniapp.fuze/inventory"
"""Annotation of each object of a set, with the place of its inventory; label of the inventories themselves."""
VERSION = "1"
PLAIN_LIMIT = 256 * 1024
"""Bytes up to which the record stays readable; longer ones are compressed."""
LIMIT = 1_000_000
"""Bytes. The API server takes 1 MiB of data in a ConfigMap, keys included."""
CONFIG_MAP = Resource("v1", "ConfigMap", "configmaps", namespaced=True)


@dataclass(frozen=True, order=True)
class Place:
    """Which ConfigMap an inventory is. As text it is what the objects of the set carry."""

    namespace: str
    name: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("v1", "ConfigMap", self.namespace, self.name)

    @property
    def path(self) -> str:
        return CONFIG_MAP.path(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Inventory:
    """What a set consists of, as recorded.

    Args:
        place: of the record.
        refs: sorted.
        stored: the ConfigMap, None when there is none yet.
    """

    place: Place
    refs: tuple[ObjectRef, ...] = ()
    stored: KubeObject | None = None


def read(client: Client, place: Place) -> Inventory:
    """Read an inventory; one that does not exist records nothing.

    Raises:
        KubeError: the ConfigMap is not an inventory, or what it holds cannot be read. It is never taken for empty,
            because then everything that it records would be forgotten.
    """
    stored = read_one(client, CONFIG_MAP, place.ref)
    if stored is None:
        return Inventory(place)
    if OWNER not in (stored["metadata"].get("labels") or {}):
        raise KubeError(
            f"Failed to read inventory {place}: ConfigMap {place} exists and does not have the label {OWNER}",
            code=ErrorCode.CONFLICT,
            hint="It belongs to something else: choose another name.",
        )
    return Inventory(place, decode(place, stored), stored)


def write(client: Client, inventory: Inventory, refs: Iterable[ObjectRef], *, check: bool = False) -> Inventory:
    """Record other objects. An inventory that records none is removed. Does nothing when nothing is different.

    Raises:
        KubeError: they do not fit into a ConfigMap, or another run has changed the inventory since it was read.
    """
    wanted = tuple(sorted(set(refs)))
    if wanted == inventory.refs and (bool(wanted) or inventory.stored is None):
        return inventory
    body = _body(inventory, wanted) if wanted else None
    stored = body if check else _send(client, inventory, body)
    return Inventory(inventory.place, wanted, stored)


def rehearse(client: Client, inventory: Inventory, refs: Iterable[ObjectRef]) -> Inventory:
    """Let the server check that other objects could be recorded. Raises KubeError as ``write`` does."""
    _send(client, inventory, _body(inventory, sorted(set(refs))), {"dryRun": "All"})
    return inventory


def _body(inventory: Inventory, refs: Iterable[ObjectRef]) -> KubeObject:
    metadata = (inventory.stored or {}).get("metadata") or {"name": inventory.place.name}
    labels = {**(metadata.get("labels") or {}), OWNER: "true", "app.kubernetes.io/managed-by": "miniapp-infra"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {**metadata, "labels": labels},
        **encode(inventory.place, refs),
    }


def encode(place: Place, refs: Iterable[ObjectRef]) -> dict[str, Any]:
    """Return the contents of the ConfigMap.

    Raises:
        KubeError: they are larger than a ConfigMap may be.
    """
    refs = sorted(set(refs))
    rows = [[ref.api_version, ref.kind, ref.namespace, ref.name] for ref in refs]
    text = json.dumps(rows, separators=(",", ":"))
    if len(text) <= PLAIN_LIMIT:
        return {"data": {"version": VERSION, "objects": text}}
    packed = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    if len(packed) > LIMIT:
        raise KubeError(
            f"Failed to write inventory {place}: {len(refs)} objects need {len(packed)} bytes, and {LIMIT} fit into a "
            "ConfigMap",
            code=ErrorCode.INVALID_INPUT,
            hint="Split the set into several with an inventory each.",
        )
    return {"data": {"version": VERSION}, "binaryData": {"objects": packed}}


def decode(place: Place, stored: Mapping[str, Any]) -> tuple[ObjectRef, ...]:
    """Return the objects that a ConfigMap records.

    Raises:
        KubeError: it was cut short, edited, or written by a later version.
    """
    version = lookup(stored, "data", "version")
    if version != VERSION:
        raise _unreadable(place, f"its version is {version!r}, expected {VERSION!r}")
    try:
        packed = lookup(stored, "binaryData", "objects")
        text = lookup(stored, "data", "objects") if packed is None else gzip.decompress(base64.b64decode(packed))
        rows = json.loads(text)
        refs = [ObjectRef(*map(str, row)) for row in rows if len(row) == len(fields(ObjectRef))]
    except (ValueError, TypeError, OSError, EOFError, binascii.Error) as error:
        raise _unreadable(place, f"what it holds was not written by this program: {error}") from error
    if len(refs) != len(rows):
        raise _unreadable(place, "it has a line that does not name an object")
    return tuple(sorted(refs))


def owner_of(obj: Mapping[str, Any]) -> str:
    """Return the inventory that an object belongs to, in words when it is a release of Helm, empty when to none."""
    annotations = lookup(obj, "metadata", "annotations") or {}
    release = annotations.get("meta.helm.sh/release-name")
    helm = f"Helm release {annotations.get('meta.helm.sh/release-namespace')}/{release}" if release else ""
    return str(annotations.get(OWNER) or helm)


def marked(obj: KubeObject, place: Place) -> KubeObject:
    """Return an object that says which inventory it belongs to."""
    metadata = obj["metadata"]
    return {
        **obj,
        "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), OWNER: str(place)}},
    }


def place_of(text: str) -> Place | None:
    """Return the place that an annotation names, None when it names none."""
    namespace, slash, name = text.partition("/")
    return Place(namespace, name) if slash and namespace and name and " " not in text else None


def _unreadable(place: Place, why: str) -> KubeError:
    return KubeError(
        f"Failed to read inventory {place}: {why}",
        code=ErrorCode.UPSTREAM,
        hint=f"Restore ConfigMap {place}, or delete it: the next run then adopts the declared objects and records them "
        "again, and what is not declared any more has to be deleted by hand.",
    )


def _send(
    client: Client, inventory: Inventory, body: KubeObject | None, query: Mapping[str, str] | None = None
) -> KubeObject | None:
    place, stored = inventory.place, inventory.stored
    try:
        if body is None:
            _delete(client, inventory)
            return None
        if stored is None:
            path, method = CONFIG_MAP.collection(place.namespace), "POST"
        else:
            path, method = place.path, "PUT"
        written: KubeObject = client.request(
            method, path, action=f"write inventory {place}", query=query, body=body, repeat_conflicts=False
        ).body
    except ApiError as error:
        if error.status not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND} or error.namespace_is_missing:
            raise
        # Either another run was faster, or an earlier try of ours was carried out without an answer.
        current = read_one(client, CONFIG_MAP, place.ref)
        if body is None and current is None:
            return None
        if body is not None and current is not None and _contents(current) == _contents(body):
            return current
        raise KubeError(
            f"Failed to write inventory {place}: another run has changed it in the meantime",
            code=ErrorCode.CONFLICT,
            retryable=True,
            hint="Run again when the other run has ended. Nothing that it recorded is lost.",
        ) from error
    else:
        return written


def _delete(client: Client, inventory: Inventory) -> None:
    metadata = (inventory.stored or {})["metadata"]
    preconditions = {key: metadata[key] for key in ("uid", "resourceVersion")}
    body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
    client.request(
        "DELETE", inventory.place.path, action=f"delete inventory {inventory.place}", body=body, repeat_conflicts=False
    )


def _contents(stored: Mapping[str, Any]) -> tuple[Any, Any]:
    return stored.get("data"), stored.get("binaryData")
