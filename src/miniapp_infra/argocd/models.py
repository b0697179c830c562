# SPDX-License-Identifier: GPL-3.0-or-later
"""An Application as Argo CD reports it, reduced to what decisions are made on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# Conditions that stop an application (Argo CD: Application conditions of type *Error).
ERROR_CONDITIONS = frozenset({"ComparisonError", "DeletionError", "InvalidSpecError", "SyncError", "UnknownError"})
FINAL_PHASES = frozenset({"Succeeded", "Failed", "Error"})
_REFUSAL = re.compile(r"denied|forbidden|is invalid|not permitted")
REFRESH_ANNOTATION = "argocd.argoproj.io/refresh"
# Marks an operation of ours in its `info` list.
RUN_INFO = "miniapp-infra-run"


@dataclass(frozen=True)
class Condition:
    """A warning or an error of an application."""

    type: str
    message: str

    @property
    def is_error(self) -> bool:
        return self.type in ERROR_CONDITIONS


@dataclass(frozen=True)
class Resource:
    """One object of an application; ``health`` is empty where Argo CD does not store it (the default since 3.0)."""

    group: str
    kind: str
    namespace: str
    name: str
    status: str
    health: str = ""
    message: str = ""


@dataclass(frozen=True)
class Operation:
    """The last synchronisation.

    Args:
        phase: Running, Terminating, Succeeded, Failed or Error.
        message: Argo CD's own explanation.
        started_at: RFC 3339.
        finished_at: RFC 3339; with phase Running it means that a retry is pending.
        retry_count: how many tries failed so far.
        sources: what was synchronised.
        run: id of the run of ours that started it, empty for others.
        resources: result of each object.
        requested: the revisions that were asked for, one per source.
    """

    phase: str
    message: str
    started_at: str
    finished_at: str
    retry_count: int
    sources: tuple[dict[str, Any], ...]
    run: str
    resources: tuple[Resource, ...]
    requested: tuple[str, ...] = ()

    @property
    def is_final(self) -> bool:
        return self.phase in FINAL_PHASES

    @property
    def is_blocked_by_window(self) -> bool:
        # The controller parks such an operation in phase Running for as long, and one that is to be terminated in phase
        # Terminating: it looks at the windows first (controller/sync.go, SyncAppState).
        return not self.is_final and "blocked by sync window" in self.message

    @property
    def is_refused(self) -> bool:
        """Whether the API server or admission said no, which no retry will change; a lost connection is no refusal."""
        return self.phase == "Running" and self.retry_count > 0 and _REFUSAL.search(self.message) is not None

    @property
    def failed_resources(self) -> tuple[Resource, ...]:
        return tuple(item for item in self.resources if item.status in {"SyncFailed", "PruneFailed"})


@dataclass(frozen=True)
class Deployment:
    """One entry of the deployment history.

    Args:
        id: grows with each entry.
        revisions: resolved revision of each source.
        sources: what was deployed.
        deployed_at: RFC 3339.
        raw: the entry as Argo CD keeps it.
    """

    id: int
    revisions: tuple[str, ...]
    sources: tuple[dict[str, Any], ...]
    deployed_at: str
    raw: dict[str, Any] = field(repr=False, compare=False)

    def is_same_as(self, other: Deployment) -> bool:
        """Whether both deployed the same thing, whenever that was."""
        return (self.revisions, self.sources) == (other.revisions, other.sources)


@dataclass(frozen=True)
class Application:
    """One Application.

    Args:
        name: of the Application.
        namespace: where the Application itself lives.
        project: its AppProject.
        sources: as the specification asks for.
        compared_sources: those that ``sync_status`` speaks about; they lag behind until the next comparison.
        revisions: resolved revision of each compared source.
        sync_status: Synced, OutOfSync or Unknown.
        health: Healthy, Progressing, Degraded, Suspended, Missing or Unknown.
        health_message: Argo CD's own explanation.
        operation_requested: a synchronisation is asked for or runs.
        operation: the last one.
        conditions: warnings and errors.
        reconciled_at: RFC 3339 time of the last comparison.
        refresh_requested: a comparison is asked for.
        resources: objects that belong to it.
        images: images of its pods.
        history_id: id of the last entry of its deployment history, -1 when there is none.
        history: its deployments, the oldest first.
        auto_sync: whether Argo CD synchronises by itself.
        owner: the ApplicationSet that makes it, empty when there is none.
        is_deleting: whether it was deleted and its finalizers are at work.
        raw: the object.
    """

    name: str
    namespace: str
    project: str
    sources: tuple[dict[str, Any], ...]
    compared_sources: tuple[dict[str, Any], ...]
    revisions: tuple[str, ...]
    sync_status: str
    health: str
    health_message: str
    operation_requested: bool
    operation: Operation | None
    conditions: tuple[Condition, ...]
    reconciled_at: str
    refresh_requested: bool
    resources: tuple[Resource, ...]
    images: tuple[str, ...]
    history_id: int
    history: tuple[Deployment, ...] = ()
    auto_sync: bool = False
    owner: str = ""
    is_deleting: bool = False
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def errors(self) -> tuple[Condition, ...]:
        return tuple(condition for condition in self.conditions if condition.is_error)

    @property
    def is_running(self) -> bool:
        """Whether a synchronisation is asked for, runs, or waits to be tried again (phase Running with an end)."""
        return self.operation_requested or (self.operation is not None and not self.operation.is_final)

    @property
    def is_current(self) -> bool:
        """Whether sync status and health are about the specification as it is now."""
        return not self.refresh_requested and self.compared_sources == self.sources

    @property
    def compared_after_operation(self) -> bool:
        """Whether the last comparison is newer than the end of the last operation."""
        if self.operation is None or not self.operation.finished_at:
            return True
        return parse_time(self.reconciled_at) >= parse_time(self.operation.finished_at)

    @classmethod
    def from_api(cls, raw: dict[str, Any]) -> Application:
        """Read an Application object."""
        metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
        sync, health = status.get("sync") or {}, status.get("health") or {}
        state = status.get("operationState")
        history = status.get("history") or []
        return cls(
            name=metadata["name"],
            namespace=metadata.get("namespace", ""),
            project=spec.get("project", ""),
            sources=_sources(spec),
            compared_sources=_sources(sync.get("comparedTo") or {}),
            revisions=_revisions(sync),
            sync_status=sync.get("status", "Unknown"),
            health=health.get("status", "Unknown"),
            health_message=health.get("message", ""),
            operation_requested=bool(raw.get("operation")),
            operation=_operation(state) if state else None,
            conditions=tuple(Condition(c["type"], c.get("message", "")) for c in status.get("conditions") or []),
            reconciled_at=status.get("reconciledAt") or "",
            refresh_requested=REFRESH_ANNOTATION in (metadata.get("annotations") or {}),
            resources=tuple(_resource(item) for item in status.get("resources") or []),
            images=tuple((status.get("summary") or {}).get("images") or []),
            history_id=_id_of(history[-1]) if history else -1,
            history=tuple(map(_deployment, history)),
            auto_sync=_is_automated(spec),
            owner=_owner(metadata),
            is_deleting=bool(metadata.get("deletionTimestamp")),
            raw=raw,
        )


def parse_time(text: str) -> datetime:
    """Return an RFC 3339 time; the beginning of time for an empty text."""
    return datetime.fromisoformat(text or "0001-01-01T00:00:00+00:00")


def _sources(holder: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    single = holder.get("source")
    return tuple(holder.get("sources") or ([single] if single else []))


def _revisions(holder: dict[str, Any]) -> tuple[str, ...]:
    single = holder.get("revision")
    return tuple(holder.get("revisions") or ([single] if single else []))


def _is_automated(spec: dict[str, Any]) -> bool:
    # An empty mapping asks for it too (SyncPolicy.IsAutomatedSyncEnabled).
    automated = (spec.get("syncPolicy") or {}).get("automated")
    return automated is not None and automated.get("enabled") is not False


def _owner(metadata: dict[str, Any]) -> str:
    owners = (item for item in metadata.get("ownerReferences") or [] if item.get("kind") == "ApplicationSet")
    return next((str(item["name"]) for item in owners), "")


def _id_of(entry: dict[str, Any]) -> int:
    # The REST interface sends 64-bit numbers as texts, and leaves zero out.
    return int(entry.get("id") or 0)


def _deployment(entry: dict[str, Any]) -> Deployment:
    return Deployment(_id_of(entry), _revisions(entry), _sources(entry), entry.get("deployedAt") or "", entry)


def _operation(state: dict[str, Any]) -> Operation:
    result = state.get("syncResult") or {}
    operation = state.get("operation") or {}
    info = {item.get("name"): item.get("value", "") for item in operation.get("info") or []}
    sync = operation.get("sync") or {}
    return Operation(
        phase=state.get("phase", ""),
        message=state.get("message", ""),
        started_at=state.get("startedAt") or "",
        finished_at=state.get("finishedAt") or "",
        retry_count=int(state.get("retryCount") or 0),
        sources=_sources(result) or _sources(sync),
        run=info.get(RUN_INFO, ""),
        resources=tuple(_resource(item) for item in result.get("resources") or []),
        requested=_revisions(sync),
    )


def _resource(raw: dict[str, Any]) -> Resource:
    health = raw.get("health")
    return Resource(
        group=raw.get("group", ""),
        kind=raw.get("kind", ""),
        namespace=raw.get("namespace", ""),
        name=raw.get("name", ""),
        status=raw.get("status", ""),
        health=health.get("status", "") if isinstance(health, dict) else "",
        message=raw.get("message", "") or (health.get("message", "") if isinstance(health, dict) else ""),
    )
