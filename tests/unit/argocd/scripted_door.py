# SPDX-License-Identifier: GPL-3.0-or-later
"""A door to an Argo CD whose controller does what a test says, one step for each look."""

from __future__ import annotations

import copy
from collections import deque
from typing import TYPE_CHECKING, Any

from miniapp_infra.argocd.models import RUN_INFO
from miniapp_infra.argocd.windows import Verdict
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Callable

OLD, NEW = "a" * 40, "b" * 40
SOURCE = {"repoURL": "https://git/platform.git", "targetRevision": "main", "path": "x"}
OPTIONS: dict[str, Any] = {
    "accept_health": ["Healthy"],
    "force": False,
    "history_id": None,
    "idempotency_key": None,
    "mode": "core",
    "name": "app",
    "on_running": "wait",
    "project": None,
    "prune": False,
    "refresh": "none",
    "require_synced": True,
    "resources": [],
    "respect_sync_windows": True,
    "retry_limit": 0,
    "revision": None,
    "revisions": None,
    "strategy": None,
    "suspend_auto_sync": False,
    "sync_options": [],
    "terminate_on_timeout": False,
    "wait": True,
    "wait_interval": 1.0,
    "wait_timeout": 60.0,
}


def application(**changes: Any) -> dict[str, Any]:
    """Return an application that was deployed twice and is out of sync, with values set at dotted paths."""
    raw: dict[str, Any] = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "app", "namespace": "argocd", "resourceVersion": "1"},
        "spec": {"project": "payments", "source": dict(SOURCE)},
        "status": {
            "sync": {"status": "OutOfSync", "comparedTo": {"source": dict(SOURCE)}, "revision": NEW},
            "health": {"status": "Healthy"},
            "reconciledAt": "2026-11-22T10:00:05Z",
            "history": [
                {"id": 0, "revision": OLD, "source": dict(SOURCE), "deployedAt": "2026-11-21T10:00:00Z"},
                {"id": 1, "revision": NEW, "source": dict(SOURCE), "deployedAt": "2026-11-22T10:00:00Z"},
            ],
            "operationState": {
                "phase": "Succeeded",
                "message": "successfully synced",
                "startedAt": "2026-11-22T10:00:00Z",
                "finishedAt": "2026-11-22T10:00:03Z",
                "operation": {"sync": {"revision": NEW}},
                "syncResult": {"source": dict(SOURCE), "revision": NEW},
            },
        },
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = raw
        for key in parents:
            target = target.setdefault(key, {})
        target[last] = value
    return raw


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class ScriptedDoor:
    """Implements ``Door`` for one application.

    Args:
        raw: the application; None for none.
        steps: what the controller does, one at each look after an operation was asked for.
        can_sync: what the sync windows say.
    """

    namespace = "argocd"

    def __init__(
        self,
        raw: dict[str, Any] | None,
        *steps: Callable[[dict[str, Any]], None],
        can_sync: bool = True,
    ) -> None:
        self.raw = raw
        self.steps = deque(steps)
        self.can_sync = can_sync
        self.calls: list[str] = []
        self.requests: list[Any] = []

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        assert kind == "Application"
        if self.raw is not None and self.raw.get("operation") and self.steps:
            self.steps.popleft()(self.raw)
        return copy.deepcopy(self.raw) if self.raw is not None and name == "app" else None

    def windows(self, _: Any) -> Verdict:
        self.calls.append("windows")
        window = {"kind": "deny", "schedule": "0 0 * * *", "duration": "24h"}
        return Verdict(self.can_sync, () if self.can_sync else (window,), (window,))

    def refresh(self, _: Any, *, hard: bool) -> None:
        self.calls.append("hard refresh" if hard else "refresh")

    def sync(self, _: Any, request: Any) -> None:
        self._start("sync", {"revision": (request.revisions or ("main",))[0]}, request)

    def roll_back(self, _: Any, past: Any, request: Any) -> None:
        self._start("rollback", {"revision": past.revisions[0], "source": past.sources[0]}, request)

    def terminate(self, _: Any) -> None:
        self.calls.append("terminate")
        assert self.raw is not None
        self.raw["status"]["operationState"]["phase"] = "Terminating"

    def set_auto_sync(self, _: Any, *, enabled: bool) -> None:
        self.calls.append(f"auto-sync {enabled}")

    def _start(self, what: str, operation: dict[str, Any], request: Any) -> None:
        assert self.raw is not None
        if self.raw.get("operation"):
            raise MiniappInfraError("another operation is already in progress", code=ErrorCode.CONFLICT)
        self.calls.append(what)
        self.requests.append(request)
        self.raw["operation"] = {"sync": operation, "info": [{"name": RUN_INFO, "value": request.run}]}
        del self.raw["status"]["operationState"]


def running(message: str = "waiting", **state: Any) -> Callable[[dict[str, Any]], None]:
    """Return the step in which an operation runs."""

    def step(raw: dict[str, Any]) -> None:
        known = raw["status"].get("operationState") or {"startedAt": "2026-11-22T11:00:00Z", "phase": "Running"}
        raw["status"]["operationState"] = {**known, "message": message, "operation": raw["operation"], **state}

    return step


def ended(phase: str = "Succeeded", message: str = "", sync: str = "Synced", health: str = "Healthy") -> Any:
    """Return the step in which an operation ends and the application is compared anew."""

    def step(raw: dict[str, Any]) -> None:
        operation = raw.pop("operation")
        revision = operation["sync"]["revision"]
        raw["status"]["operationState"] = {
            "phase": phase,
            "message": message,
            "startedAt": "2026-11-22T11:00:00Z",
            "finishedAt": "2026-11-22T11:00:03Z",
            "operation": operation,
            "syncResult": {"source": dict(SOURCE), "revision": revision},
        }
        raw["status"] |= {"reconciledAt": "2026-11-22T11:00:04Z", "health": {"status": health}}
        raw["status"]["sync"] = {**raw["status"]["sync"], "status": sync}

    return step
