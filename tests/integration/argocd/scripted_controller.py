# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of Argo CD's controllers that a test needs, in a thread: it compares, runs operations, makes applications.

Written after controller/appcontroller.go and controller/sync.go. What an operation comes to is up to the test.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from live_apiserver import Raw

_BLOCKED = "Sync operation blocked by sync window"
_FINALIZER = "resources-finalizer.argocd.argoproj.io"


@dataclass
class ScriptedController:
    """A context manager.

    Args:
        raw: all rights, and nothing of the engine under test.
        namespace: in which it works.
        outcomes: what the next operation of an application comes to: ``succeed``, ``fail``, ``retry`` (fails once and
            succeeds then), ``hang``, ``blocked``. Without an entry it succeeds.
        health: of an application after its operation; Healthy otherwise.
        error: a ComparisonError that each application has.
        began: the operations in the order in which it began them.
    """

    raw: Raw
    namespace: str
    outcomes: dict[str, str] = field(default_factory=dict)
    health: dict[str, str] = field(default_factory=dict)
    error: str = ""
    began: list[dict[str, Any]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=30)
        assert self._failure is None, self._failure

    def path(self, plural: str, name: str = "") -> str:
        collection = f"/apis/argoproj.io/v1alpha1/namespaces/{self.namespace}/{plural}"
        return f"{collection}/{name}" if name else collection

    def _run(self) -> None:
        try:
            while not self._stop.wait(0.05):
                for item in self.raw.get(self.path("applications"))["items"]:
                    self._application(item)
                for item in self.raw.get(self.path("applicationsets"))["items"]:
                    self._set(item)
        except BaseException as error:  # noqa: BLE001 - reported by the test that uses it
            self._failure = error

    def _write(self, item: dict[str, Any], subresource: str = "", plural: str = "applications") -> bool:
        """Return whether it was written; a lost race is looked at again."""
        path = self.path(plural, item["metadata"]["name"])
        status, body = self.raw.send("PUT", path + subresource, item)
        assert status in {200, 404, 409}, body
        return status == 200

    def _application(self, item: dict[str, Any]) -> None:
        metadata, name = item["metadata"], item["metadata"]["name"]
        if metadata.get("deletionTimestamp"):
            left = [text for text in metadata.get("finalizers", []) if not text.startswith(_FINALIZER)]
            if left != metadata.get("finalizers", []):
                metadata["finalizers"] = left
                self._write(item)
            return
        status = item.setdefault("status", {})
        before = repr(item)
        earlier = status.get("operationState")
        earlier = None if earlier is None else dict(earlier)
        if item.get("operation"):
            self._operate(item, name)
        annotations = metadata.get("annotations") or {}
        spec = {key: item["spec"][key] for key in ("source", "sources") if item["spec"].get(key)}
        compared = {key: (status.get("sync") or {}).get("comparedTo", {}).get(key) for key in spec}
        if annotations.pop("argocd.argoproj.io/refresh", None) or compared != spec or repr(item) != before:
            self._compare(item, spec)
        if repr(item) != before and self._write(item):
            self._remember(name, earlier, status.get("operationState"))

    def _remember(self, name: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
        """Count what was really begun: not a write that lost a race and is made again."""
        if after is not None and before is None:
            self.began.append(after["operation"])
        if after is not None and after.get("retryCount") and self.outcomes.get(name) == "retry":
            self.outcomes[name] = "succeed"

    def _compare(self, item: dict[str, Any], spec: dict[str, Any]) -> None:
        status = item["status"]
        known = (status.get("sync") or {}).get("status") or "OutOfSync"
        status["sync"] = {
            "status": known,
            "comparedTo": {**spec, "destination": item["spec"]["destination"]},
            "revision": _target(item["spec"]),
        }
        status.setdefault("health", {"status": "Missing"})
        status["reconciledAt"] = _now()
        status["conditions"] = (
            [{"type": "ComparisonError", "message": self.error, "lastTransitionTime": _now()}] if self.error else []
        )

    def _operate(self, item: dict[str, Any], name: str) -> None:
        status, operation = item["status"], item["operation"]
        state = status.get("operationState")
        outcome = self.outcomes.get(name, "succeed")
        revision = operation["sync"].get("revision") or "HEAD"
        source = operation["sync"].get("source") or item["spec"].get("source")
        if state is None:
            status["operationState"] = {
                "phase": "Running",
                "operation": operation,
                "startedAt": _now(),
                "message": _BLOCKED if outcome == "blocked" else "waiting for the objects",
                "syncResult": {"revision": revision, "source": source},
            }
        elif outcome == "blocked":
            return  # also when it is to be terminated: the window is looked at first
        elif state["phase"] == "Terminating":
            _finish(item, "Failed", "Operation terminated")
        elif outcome == "retry" and not state.get("finishedAt"):
            state |= {"finishedAt": _now(), "retryCount": 1, "message": "one or more objects failed to apply"}
        elif outcome == "fail":
            _finish(item, "Failed", "one or more objects failed to apply: denied by policy")
        elif outcome == "succeed":
            _finish(item, "Succeeded", "successfully synced (all tasks run)")
            status["health"] = {"status": self.health.get(name, "Healthy")}
            is_wanted = revision == _target(item["spec"])
            status["sync"] = {**(status.get("sync") or {}), "status": "Synced" if is_wanted else "OutOfSync"}
            history = status.setdefault("history", [])
            number = history[-1]["id"] + 1 if history else 0
            history.append({"id": number, "revision": revision, "source": source, "deployedAt": _now()})

    def _set(self, item: dict[str, Any]) -> None:
        """Make the applications of list generators, and tell so."""
        metadata = item["metadata"]
        annotations = metadata.get("annotations") or {}
        conditions = (item.get("status") or {}).get("conditions")
        if metadata.get("deletionTimestamp"):
            # What a garbage collector does, which this API server does not have.
            metadata["finalizers"] = [text for text in metadata.get("finalizers", []) if text == "theirs"]
            self._write(item, plural="applicationsets")
            return
        if conditions and "argocd.argoproj.io/application-set-refresh" not in annotations:
            return
        if self.error:
            self._tell(item, {"ErrorOccurred": ("True", self.error)})
            return
        template = item["spec"]["template"]
        owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": metadata["name"]}
        for element in item["spec"]["generators"][0]["list"]["elements"]:
            name = template["metadata"]["name"].replace("{{ .name }}", element["name"])
            made = {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {"name": name, "ownerReferences": [{**owner, "uid": metadata["uid"], "controller": True}]},
                "spec": template["spec"],
            }
            status, body = self.raw.send("POST", self.path("applications"), made)
            assert status in {201, 409}, body
        self._tell(item, {"ErrorOccurred": ("False", "done"), "ResourcesUpToDate": ("True", "done")})
        fresh = self.raw.get(self.path("applicationsets", metadata["name"]))
        if (fresh["metadata"].get("annotations") or {}).pop("argocd.argoproj.io/application-set-refresh", None):
            self._write(fresh, plural="applicationsets")

    def _tell(self, item: dict[str, Any], conditions: dict[str, tuple[str, str]]) -> None:
        item["status"] = {
            "conditions": [
                {"type": kind, "status": status, "message": message, "reason": "Scripted", "lastTransitionTime": _now()}
                for kind, (status, message) in conditions.items()
            ]
        }
        self._write(item, "/status", "applicationsets")


def _finish(item: dict[str, Any], phase: str, message: str) -> None:
    item["status"]["operationState"] |= {"phase": phase, "message": message, "finishedAt": _now()}
    del item["operation"]


def _target(spec: dict[str, Any]) -> str:
    return str((spec.get("source") or {}).get("targetRevision") or "HEAD")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
