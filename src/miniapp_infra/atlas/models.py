# SPDX-License-Identifier: GPL-3.0-or-later
"""What Atlas says, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

IDLE = "IDLE"
"""State of a cluster on which nothing is going on."""


class Phase(StrEnum):
    """Where a restore job stands. Atlas has flags instead; these are their meaning."""

    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"
    FINISHED = "finished"
    IN_PROGRESS = "in_progress"


@dataclass(frozen=True)
class Cluster:
    """A cluster.

    Attributes:
        version: of MongoDB, such as ``8.0.4``.
        state: IDLE, CREATING, UPDATING, DELETING or REPAIRING.
    """

    project: str
    name: str
    state: str
    version: str
    paused: bool
    backup_enabled: bool
    pit_enabled: bool
    connection: str

    @classmethod
    def from_api(cls, raw: Mapping[str, Any], project: str) -> Cluster:
        return cls(
            project=raw.get("groupId") or project,
            name=raw["name"],
            state=raw.get("stateName") or "unknown",
            version=raw.get("mongoDBVersion") or raw.get("mongoDBMajorVersion") or "",
            paused=bool(raw.get("paused")),
            backup_enabled=bool(raw.get("backupEnabled")),
            pit_enabled=bool(raw.get("pitEnabled")),
            connection=(raw.get("connectionStrings") or {}).get("standardSrv")
            or (raw.get("connectionStrings") or {}).get("standard")
            or "",
        )

    @property
    def major(self) -> tuple[int, ...]:
        """Major and minor number of MongoDB, such as ``(8, 0)``; empty when Atlas does not say."""
        numbers = self.version.split(".")[:2]
        return tuple(int(number) for number in numbers) if all(number.isdigit() for number in numbers) else ()

    def as_result(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "project_id": self.project,
            "state": self.state,
            "mongodb_version": self.version,
            "paused": self.paused,
            "backup_enabled": self.backup_enabled,
            "pit_enabled": self.pit_enabled,
            "connection_string": self.connection,
        }


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a cluster."""

    id: str
    created: str
    expires: str
    status: str
    kind: str
    version: str

    @classmethod
    def from_api(cls, raw: Mapping[str, Any]) -> Snapshot:
        return cls(
            id=raw["id"],
            created=raw.get("createdAt") or "",
            expires=raw.get("expiresAt") or "",
            status=raw.get("status") or "unknown",
            kind=raw.get("snapshotType") or "",
            version=raw.get("mongodVersion") or "",
        )

    def as_result(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "created": self.created,
            "expires": self.expires,
            "status": self.status,
            "type": self.kind,
            "mongodb_version": self.version,
        }


@dataclass(frozen=True)
class RestoreJob:
    """A restore job.

    Attributes:
        seconds: point in time, in seconds since 1970; None for another kind of restore.
        oplog: point in time as an operation of the oplog: seconds and number; None for another kind.
    """

    id: str
    delivery_type: str
    target_project: str
    target_cluster: str
    seconds: int | None
    oplog: tuple[int, int] | None
    snapshot: str
    phase: Phase
    finished: str

    @classmethod
    def from_api(cls, raw: Mapping[str, Any]) -> RestoreJob:
        oplog = raw.get("oplogTs")
        return cls(
            id=raw.get("id") or "",
            delivery_type=raw["deliveryType"],
            target_project=raw.get("targetGroupId") or "",
            target_cluster=raw.get("targetClusterName") or "",
            seconds=raw.get("pointInTimeUTCSeconds") or None,
            oplog=(oplog, raw.get("oplogInc") or 1) if oplog else None,
            snapshot=raw.get("snapshotId") or "",
            phase=phase_of(raw),
            finished=raw.get("finishedAt") or "",
        )

    def as_result(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "phase": self.phase.value,
            "delivery_type": self.delivery_type,
            "target_project_id": self.target_project,
            "target_cluster_name": self.target_cluster,
            "finished": self.finished,
        }


def phase_of(raw: Mapping[str, Any]) -> Phase:
    """Return the phase behind the flags of a restore job; a failure counts more than a time of finishing."""
    for flag in (Phase.FAILED, Phase.CANCELLED, Phase.EXPIRED):
        if raw.get(flag.value):
            return flag
    return Phase.FINISHED if raw.get("finishedAt") else Phase.IN_PROGRESS
