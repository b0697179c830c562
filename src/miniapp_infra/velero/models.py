# SPDX-License-Identifier: GPL-3.0-or-later
"""What Velero reports, reduced to what decisions are made on.

Fields and phases are those of velero.io/v1 as of Velero 1.18 (``pkg/apis/velero/v1``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.objects import KubeObject, ObjectRef, lookup

if TYPE_CHECKING:
    from collections.abc import Mapping

API_VERSION = "velero.io/v1"
TERMINAL = frozenset({"Completed", "PartiallyFailed", "Failed", "FailedValidation"})
DELETING = "Deleting"
QUEUED = "Queued"
SCHEDULE_LABEL = "velero.io/schedule-name"
BACKUP_LABEL = "velero.io/backup-name"
BACKUP_UID_LABEL = "velero.io/backup-uid"
RESTORE_LABEL = "velero.io/restore-name"
KEY_LABEL = "miniapp.fuze/idempotency-key"
"""Label of what a run with an idempotency key has started: a hash of the key."""
REQUEST_ANNOTATION = "miniapp.fuze/request"
"""Annotation with a hash of the options, because Velero completes specifications and so they cannot be compared."""


def ref(kind: str, namespace: str, name: str) -> ObjectRef:
    """Return the identity of an object of Velero."""
    return ObjectRef(API_VERSION, kind, namespace, name)


@dataclass(frozen=True)
class Run:
    """A backup or a restore.

    Args:
        kind: ``Backup`` or ``Restore``.
        name: of the object.
        namespace: where the object itself lives.
        uid: of the object.
        phase: empty right after it was made.
        errors: number of errors that Velero counted.
        warnings: the same for warnings.
        failure_reason: why the whole run failed. Velero 1.18 can set it in phase ``Completed`` too (velero issue 7230).
        validation_errors: why it was not begun.
        items_total: objects that it is about, as far as known.
        items_done: objects that were treated.
        queue_position: place among the waiting backups, 0 when it does not wait.
        started_at: RFC 3339; empty when it has not begun.
        completed_at: RFC 3339; empty as long as it runs.
        expires_at: RFC 3339; when a backup may be deleted.
        labels: of the object.
        annotations: of the object.
        spec: as it is in the cluster, completed by Velero.
        raw: the whole object.
    """

    kind: str
    name: str
    namespace: str
    uid: str = ""
    phase: str = ""
    errors: int = 0
    warnings: int = 0
    failure_reason: str = ""
    validation_errors: tuple[str, ...] = ()
    items_total: int = 0
    items_done: int = 0
    queue_position: int = 0
    started_at: str = ""
    completed_at: str = ""
    expires_at: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    raw: KubeObject = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_api(cls, raw: KubeObject) -> Run:
        """Read a Backup or a Restore."""
        metadata, status = raw["metadata"], raw.get("status") or {}
        progress = status.get("progress") or {}
        return cls(
            kind=raw["kind"],
            name=metadata["name"],
            namespace=metadata.get("namespace", ""),
            uid=metadata.get("uid", ""),
            phase=status.get("phase") or "",
            errors=int(status.get("errors") or 0),
            warnings=int(status.get("warnings") or 0),
            failure_reason=status.get("failureReason") or "",
            validation_errors=tuple(status.get("validationErrors") or ()),
            items_total=int(progress.get("totalItems") or 0),
            items_done=int(progress.get("itemsBackedUp") or progress.get("itemsRestored") or 0),
            queue_position=int(status.get("queuePosition") or 0),
            started_at=status.get("startTimestamp") or "",
            completed_at=status.get("completionTimestamp") or "",
            expires_at=status.get("expiration") or "",
            labels=metadata.get("labels") or {},
            annotations=metadata.get("annotations") or {},
            spec=raw.get("spec") or {},
            raw=raw,
        )

    @property
    def ref(self) -> ObjectRef:
        return ref(self.kind, self.namespace, self.name)

    @property
    def is_over(self) -> bool:
        return self.phase in TERMINAL

    @property
    def schedule(self) -> str:
        return self.labels.get(SCHEDULE_LABEL, "")

    def failure(self, *, accept_partial: bool = False) -> str:
        """Return why a run that is over is no success; empty when it is one.

        Success is ``Completed`` without errors and without a reason of failure. What is partial may be accepted; what
        failed as a whole may not.
        """
        if self.phase == DELETING:
            return "it is being deleted"
        if self.phase == "FailedValidation":
            return "it is not valid: " + ("; ".join(self.validation_errors) or "Velero does not say why")
        if self.phase == "Failed" or self.failure_reason:
            return f"phase {self.phase}: {self.failure_reason or 'Velero does not say why'}"
        if (self.phase == "PartiallyFailed" or self.errors) and not accept_partial:
            return f"phase {self.phase}, {count(self.errors, 'error')}, {count(self.warnings, 'warning')}"
        return ""

    def describe(self) -> str:
        """Return in one line how far it is, for messages."""
        parts = [f"phase {self.phase}" if self.phase else "Velero has not seen it yet"]
        if self.phase == QUEUED:
            parts.append(f"position {self.queue_position} in the queue")
        if self.items_total or self.items_done:
            parts.append(f"{self.items_done} of {self.items_total} items")
        if self.errors:
            parts.append(count(self.errors, "error"))
        if self.failure_reason:
            parts.append(self.failure_reason)
        return ", ".join([*parts, *self.validation_errors])

    @property
    def duration(self) -> float | None:
        """Seconds from its begin to its end; None as long as it has none."""
        if not self.started_at or not self.completed_at:
            return None
        return (parse_time(self.completed_at) - parse_time(self.started_at)).total_seconds()

    def age(self, now: datetime) -> float | None:
        """Return the seconds since a backup began: what was written since then is not in it."""
        return max(0.0, (now - parse_time(self.started_at)).total_seconds()) if self.started_at else None


@dataclass(frozen=True)
class StorageLocation:
    """A BackupStorageLocation.

    Args:
        name: of the object.
        phase: Available or Unavailable; empty until the first validation.
        message: why it is not available.
        access_mode: ReadWrite or ReadOnly.
        validated_at: RFC 3339 time of the last validation; empty when there was none.
        is_default: whether backups that name no location go there.
        spec: as it is in the cluster.
    """

    name: str
    phase: str = ""
    message: str = ""
    access_mode: str = "ReadWrite"
    validated_at: str = ""
    is_default: bool = False
    spec: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_api(cls, raw: KubeObject) -> StorageLocation:
        """Read a BackupStorageLocation."""
        spec, status = raw.get("spec") or {}, raw.get("status") or {}
        return cls(
            name=raw["metadata"]["name"],
            phase=status.get("phase") or "",
            message=status.get("message") or "",
            access_mode=spec.get("accessMode") or "ReadWrite",
            validated_at=status.get("lastValidationTime") or "",
            is_default=bool(spec.get("default")),
            spec=spec,
        )

    def describe(self) -> str:
        """Return its state in one line, for messages."""
        parts = [f"phase {self.phase}" if self.phase else "not validated yet", self.access_mode]
        return ", ".join([*parts, *filter(None, [self.message])])


def count(number: int, noun: str) -> str:
    """Return such as ``1 error`` or ``2 errors``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def parse_time(text: str) -> datetime:
    """Return an RFC 3339 time."""
    return datetime.fromisoformat(text)


def validation_errors(raw: KubeObject | None) -> tuple[str, ...]:
    """Return what Velero holds against a schedule."""
    return tuple(lookup(raw, "status", "validationErrors") or ())
