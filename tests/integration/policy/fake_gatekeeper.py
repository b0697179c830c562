# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of Gatekeeper's controller that its objects show: kinds made from templates, and who enforces what.

For an API server with Gatekeeper's own definitions and no controllers, so that the order of events is the test's. The
real Gatekeeper is asked in ``tests/integration/admission``.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from live_apiserver import Raw

TEMPLATES = "/apis/templates.gatekeeper.sh/v1/constrainttemplates"
CONSTRAINTS = "/apis/constraints.gatekeeper.sh/v1beta1"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "constraints.gatekeeper.sh"
BROKEN = "does not compile"
"""A template with this message is refused, as one whose rule cannot be compiled."""


class FakeGatekeeper:
    """Looks ten times a second. A context manager.

    Args:
        raw: client of the API server.
    """

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self._made: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=60)

    def _work(self) -> None:
        while not self._over.wait(0.1):
            templates = {
                item["spec"]["crd"]["spec"]["names"]["kind"]: item
                for item in self._raw.send("GET", TEMPLATES)[1].get("items", ())
            }
            for kind in self._made - set(templates):
                self._raw.send("DELETE", f"{DEFINITIONS}/{kind.lower()}.{GROUP}")
            self._made &= set(templates)
            for kind, template in templates.items():
                self._compile(kind, template)

    def _compile(self, kind: str, template: dict[str, Any]) -> None:
        metadata = template["metadata"]
        path = f"{TEMPLATES}/{metadata['name']}/status"
        pod: dict[str, Any] = {"id": "gatekeeper-0", "observedGeneration": metadata["generation"]}
        if BROKEN in str(template["spec"]):
            pod["errors"] = [{"code": "ingest_error", "message": "undeclared reference to 'nonsense'"}]
            self._patch(path, template, {"byPod": [pod]})
            return
        if kind not in self._made:
            status, _ = self._raw.send("POST", DEFINITIONS, definition(kind))
            if status not in {201, 409}:
                return
            self._made.add(kind)
        self._patch(path, template, {"created": True, "byPod": [pod]})
        plural = f"{CONSTRAINTS}/{kind.lower()}"
        for item in self._raw.send("GET", plural)[1].get("items", ()):
            enforcing = {**pod, "observedGeneration": item["metadata"]["generation"], "enforced": True}
            self._patch(f"{plural}/{item['metadata']['name']}/status", item, {"byPod": [enforcing]})

    def _patch(self, path: str, obj: dict[str, Any], status: dict[str, Any]) -> None:
        if {key: (obj.get("status") or {}).get(key) for key in status} != status:
            self._raw.send("PATCH", path, {"status": status}, content_type="application/merge-patch+json")


def definition(kind: str) -> dict[str, Any]:
    """Return the definition of a constraint's kind, as Gatekeeper makes it."""
    content = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": {"kind": kind, "plural": kind.lower(), "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [
                {
                    "name": "v1beta1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "properties": {"spec": content, "status": content}}
                    },
                }
            ],
        },
    }
