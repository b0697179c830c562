# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an object counts when two states of it are compared or shown."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from miniapp_infra.errors import MiniappInfraError
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
_SECRET_SECTIONS = ("data", "stringData")
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
    """Return a copy whose secret values are placeholders; equal values have equal ones, within this process only.

    Annotations of a Secret often repeat it: that of ``kubectl apply`` does, and so do those of other appliers.
    """
    result = dict(obj)
    if result.get("kind") != "Secret":
        return result
    for section in _SECRET_SECTIONS:
        values = result.get(section)
        if isinstance(values, Mapping):
            result[section] = {key: placeholder(value) for key, value in values.items()}
        elif values is not None:
            result[section] = placeholder(values)
    metadata = result.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    if isinstance(metadata, Mapping) and isinstance(annotations, Mapping):
        shown = {key: redact_text(str(value), obj) for key, value in annotations.items()}
        if _LAST_APPLIED in shown:
            # It may hold values that the Secret does not hold any more.
            shown[_LAST_APPLIED] = placeholder(annotations[_LAST_APPLIED])
        result["metadata"] = {**metadata, "annotations": shown}
    return result


def redact_text(text: str, *objects: Mapping[str, Any] | None) -> str:
    """Replace the secret values of objects in a message, because API server and policies quote what they refuse.

    They quote a value plain or in base64, whichever of the two was declared, and some with its line ends escaped.
    """
    forms: dict[str, str] = {}
    for obj in objects:
        if obj is None or obj.get("kind") != "Secret":
            continue
        for section in _SECRET_SECTIONS:
            for value in _leaves(obj.get(section)):
                for form in _forms(value):
                    forms.setdefault(form, placeholder(value))
    # Longer ones first: a value may be part of another one.
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, forms[form])
    return text


def redact_error(error: MiniappInfraError, *objects: Mapping[str, Any] | None) -> None:
    """Replace the secret values of objects in the message of an error."""
    error.message = redact_text(error.message, *objects)
    error.args = (error.message,)


def _leaves(value: Any) -> Iterator[str]:
    """Yield what could be secret, however wrongly it is nested: the message about that quotes it as well."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _forms(value: str) -> Iterator[str]:
    forms = [value, base64.b64encode(value.encode()).decode("ascii")]
    with contextlib.suppress(ValueError):
        forms.append(base64.b64decode(value, validate=True).decode("utf-8"))
    for form in forms:
        if len(form.strip()) >= SHORTEST_QUOTED:
            yield form
            yield form.strip()
            yield json.dumps(form, ensure_ascii=False)[1:-1]


def placeholder(value: object) -> str:
    """Return a stand-in that shows whether a value changed, and not what it is."""
    digest = hmac.new(_KEY, str(value).encode(), hashlib.sha256).hexdigest()
    return f"(redacted {digest[:8]})"
