# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an object counts when two states of it are compared or shown."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from miniapp_infra.kube.objects import KubeObject

_VOLATILE = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KEY = secrets.token_bytes(32)
SHORTEST_QUOTED = 3
"""Characters. Replacing a shorter value in a message would take unrelated letters out of it."""


def normalise(obj: Mapping[str, Any] | None) -> KubeObject:
    """Return a copy without what the server keeps for itself; empty for an object that does not exist."""
    if obj is None:
        return {}
    result = {key: value for key, value in obj.items() if key != "status"}
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key not in _VOLATILE}
    if _LAST_APPLIED in (metadata.get("annotations") or {}):
        metadata["annotations"] = {key: value for key, value in metadata["annotations"].items() if key != _LAST_APPLIED}
    if not metadata.get("annotations"):
        metadata.pop("annotations", None)
    result["metadata"] = metadata
    return result


def redact(obj: Mapping[str, Any]) -> KubeObject:
    """Return a copy whose secret values are placeholders; equal values have equal ones, within this process only."""
    result = dict(obj)
    if result.get("kind") == "Secret":
        for section in ("data", "stringData"):
            if isinstance(result.get(section), Mapping):
                result[section] = {key: placeholder(value) for key, value in result[section].items()}
    return result


def redact_text(text: str, obj: Mapping[str, Any]) -> str:
    """Replace the secret values of an object in a message, because the API server quotes what it refuses."""
    if obj.get("kind") != "Secret":
        return text
    for section in ("data", "stringData"):
        values = obj.get(section)
        for value in values.values() if isinstance(values, Mapping) else ():
            if len(str(value)) >= SHORTEST_QUOTED:
                text = text.replace(str(value), placeholder(value))
    return text


def placeholder(value: object) -> str:
    """Return a stand-in that shows whether a value changed, and not what it is."""
    digest = hmac.new(_KEY, str(value).encode(), hashlib.sha256).hexdigest()
    return f"(redacted {digest[:8]})"
