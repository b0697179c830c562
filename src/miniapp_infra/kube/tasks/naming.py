# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that are made: of a hash of the content, or drawn."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from miniapp_infra.kube.objects import KubeObject

PENDING = "(generated)"
"""Stands for a name that is drawn once the object is complete."""

HASHED = frozenset({"ConfigMap", "Secret"})
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # that of the API server: no vowels, and nothing that looks like another
_SUFFIX = 5
_LONGEST = 63
_DIGITS = str.maketrans("013ae", "ghkmt")


def with_hash(obj: KubeObject) -> KubeObject:
    """Return a ConfigMap or Secret with the hash of its content at the end of its name, any other object as it is."""
    if obj["kind"] not in HASHED or obj["apiVersion"] != "v1":
        return obj
    metadata = obj["metadata"]
    key = "generateName" if metadata["name"] == PENDING else "name"
    return {**obj, "metadata": {**metadata, key: f"{metadata[key]}-{content_hash(obj, key)}"}}


def content_hash(obj: Mapping[str, Any], key: str = "name") -> str:
    """Return the hash that ``kubectl create --append-hash`` and kubernetes.core append to a name.

    Args:
        obj: a ConfigMap or Secret.
        key: field of the metadata that takes part in the hash.
    """
    content: dict[str, Any] = {"data": obj.get("data", ""), "kind": obj["kind"], key: obj["metadata"][key]}
    # Two contents with one name would be worse than a name that kubernetes.core, which ignores these, does not give.
    for section in ("binaryData", "stringData"):
        if isinstance(obj.get(section), Mapping):
            content[section] = obj[section]
    if obj["kind"] == "Secret":
        content["type"] = obj.get("type", "")
    # Every field of the Go type in alphabetical order, but for the key, which kubernetes.core leaves at its place.
    order = ("binaryData", "data", "kind", key, "stringData", "type")
    ordered = {name: _sorted(content[name]) for name in order if name in content}
    digest = hashlib.sha256(json.dumps(ordered, separators=(",", ":")).encode()).hexdigest()
    return digest[:10].translate(_DIGITS)


def drawn(prefix: str) -> str:
    """Return a new name that begins with a prefix, as the API server makes one for ``generateName``.

    It is drawn here and not there, so that a request that is repeated does not make a second object.
    """
    return prefix[: _LONGEST - _SUFFIX] + "".join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX))


def _sorted(value: Any) -> Any:
    return dict(sorted(value.items())) if isinstance(value, Mapping) else value
