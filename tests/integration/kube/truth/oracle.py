# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server itself says, without any code of the engine: the measure of ``changed`` and of diffs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from live_apiserver import Raw
    from truth.kind import Kind

MANAGER = "miniapp-infra"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
_KEPT_BY_SERVER = {
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
}


@dataclass(frozen=True)
class Said:
    """The answer to a server-side apply.

    Args:
        before: the object as it was; None when there was none.
    """

    status: int
    body: dict[str, Any]
    before: dict[str, Any] | None

    @property
    def changed(self) -> bool:
        return self.status == 201 or text(self.before) != text(self.body)

    @property
    def conflicts(self) -> set[tuple[str, str]]:
        causes = (self.body.get("details") or {}).get("causes") or ()
        return {
            (cause["field"], cause["message"].split('"')[1])
            for cause in causes
            if cause.get("reason") == "FieldManagerConflict"
        }


@dataclass(frozen=True)
class Oracle:
    """One object on the server."""

    raw: Raw
    kind: Kind
    path: str

    def read(self) -> dict[str, Any] | None:
        status, body = self.raw.send("GET", self.path)
        if status == 404:
            return None
        assert status == 200, body
        return body

    def apply(self, obj: dict[str, Any], *, force: bool, dry_run: bool, manager: str = MANAGER) -> Said:
        before = self.read()
        query = f"fieldManager={manager}&fieldValidation=Strict&force={str(force).lower()}"
        if dry_run:
            query += "&dryRun=All"
        status, body = self.raw.send("PATCH", f"{self.path}?{query}", obj, content_type=APPLY)
        return Said(status, body, before)

    def replace(self, obj: dict[str, Any], manager: str) -> int:
        return self.raw.send("PUT", f"{self.path}?fieldManager={manager}", obj)[0]

    def merge(self, patch: dict[str, Any], manager: str, *, subresource: str = "") -> int:
        path = f"{self.path}{subresource}?fieldManager={manager}"
        return self.raw.send("PATCH", path, patch, content_type=MERGE)[0]

    def delete(self) -> None:
        self.raw.send("DELETE", self.path)


def normal(obj: dict[str, Any] | None) -> dict[str, Any]:
    """Return what of an object people declare."""
    if obj is None:
        return {}
    result = {key: value for key, value in obj.items() if key != "status"}
    result["metadata"] = {key: value for key, value in obj["metadata"].items() if key not in _KEPT_BY_SERVER}
    annotations = dict(result["metadata"].pop("annotations", None) or {})
    annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
    if annotations:
        result["metadata"]["annotations"] = annotations
    return result


def text(obj: dict[str, Any] | None) -> str:
    """Return the same text for two objects only when they are the same: ``1``, ``1.0``, ``"1"`` and ``true`` differ."""
    return json.dumps(normal(obj), sort_keys=True)
