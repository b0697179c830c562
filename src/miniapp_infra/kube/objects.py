# SPDX-License-Identifier: GPL-3.0-or-later
"""Identity of Kubernetes objects, which stay plain dictionaries everywhere in this engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.errors import KubeError

KubeObject = dict[str, Any]
_SERVER_FIELDS = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"})


@dataclass(frozen=True, order=True)
class ObjectRef:
    """Which object: ``namespace`` is empty for kinds that have none."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @property
    def group(self) -> str:
        return group_of(self.api_version)

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """The same for every version under which an object can be declared."""
        return (self.group, self.kind, self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def group_of(api_version: str) -> str:
    """Return the API group: ``apps`` for ``apps/v1``, empty for ``v1``."""
    return api_version.rpartition("/")[0]


def ref_of(obj: Mapping[str, Any]) -> ObjectRef:
    """Return the identity of a checked object."""
    metadata = obj["metadata"]
    return ObjectRef(obj["apiVersion"], obj["kind"], metadata.get("namespace") or "", metadata["name"])


def lookup(obj: Any, *path: str) -> Any:
    """Return the value at a path of keys, None when any step is missing."""
    for key in path:
        if not isinstance(obj, Mapping):
            return None
        obj = obj.get(key)
    return obj


def is_same(left: Any, right: Any) -> bool:
    """Compare two values as JSON does: for Python ``1 == True == 1.0``, for an API server these are three values."""
    return bool(left == right) and _has_same_types(left, right)


def _has_same_types(left: Any, right: Any) -> bool:
    """Tell whether two equal values are of the same types all through."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return all(_has_same_types(value, right[key]) for key, value in left.items())
    return not isinstance(left, list) or all(map(_has_same_types, left, right))


def without_server_fields(obj: Mapping[str, Any]) -> KubeObject:
    """Return a copy without what only the server writes, which exported and generated manifests often carry along."""
    result = {key: value for key, value in obj.items() if key != "status"}
    result["metadata"] = {key: value for key, value in obj["metadata"].items() if key not in _SERVER_FIELDS}
    return result


def flatten(documents: Iterable[tuple[str, Any]]) -> list[KubeObject]:
    """Check documents and take lists of objects apart.

    Args:
        documents: pairs of where a document comes from, for messages, and the parsed document; empty ones are skipped.

    Raises:
        KubeError: a document is not a Kubernetes object; names the document, the field and the fix.
    """
    objects: list[KubeObject] = []
    for source, document in documents:
        if document is None or document == {}:
            continue
        if isinstance(document, list):
            objects += flatten((f"{source}[{index}]", item) for index, item in enumerate(document))
        elif isinstance(document, dict) and str(document.get("kind", "")).endswith("List") and "items" in document:
            items = document["items"] or []
            objects += flatten((f"{source}: items[{index}]", item) for index, item in enumerate(items))
        else:
            objects.append(_checked(source, document))
    return objects


def _checked(source: str, document: Any) -> KubeObject:
    if not isinstance(document, dict):
        raise _invalid(f"{source}: must be a Kubernetes object (a mapping), got {type(document).__name__}")
    for key in ("apiVersion", "kind"):
        if not isinstance(document.get(key), str) or not document[key]:
            raise _invalid(f"{source}: {key}: must be a non-empty string")
    if document["apiVersion"].startswith("kustomize.config.k8s.io/"):
        raise _invalid(
            f"{source}: is a kustomization, not an object of the cluster",
            "Give its directory with the option kustomize.",
        )
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        raise _invalid(f"{source}: {document['kind']}: metadata: must be a mapping")
    if not isinstance(metadata.get("name"), str) or not metadata["name"]:
        hint = "Declared objects need a fixed name: generateName makes a new object on each run."
        raise _invalid(f"{source}: {document['kind']}: metadata.name: must be a non-empty string", hint)
    namespace = metadata.get("namespace")
    if namespace is not None and not isinstance(namespace, str):
        raise _invalid(f"{source}: {document['kind']} {metadata['name']}: metadata.namespace: must be a string")
    for field, value in (("name", metadata["name"]), ("namespace", namespace)):
        if value in {".", ".."} or "/" in (value or ""):
            # In the path of a request it would be another object, or a whole namespace.
            raise _invalid(f"{source}: {document['kind']}: metadata.{field}: must not be a path, got {value!r}")
    return document


def refuse_duplicates(objects: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a set that declares an object twice, because the order would decide which one wins.

    Raises:
        KubeError: names the first such object.
    """
    seen: set[tuple[str, str, str, str]] = set()
    for obj in objects:
        ref = ref_of(obj)
        if ref.identity in seen:
            raise _invalid(f"{ref} is declared twice", "Remove one of the two declarations.")
        seen.add(ref.identity)


def _invalid(message: str, hint: str = "") -> KubeError:
    return KubeError(message, code=ErrorCode.INVALID_INPUT, hint=hint)
