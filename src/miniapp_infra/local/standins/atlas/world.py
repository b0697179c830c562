# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is: clusters, their schedules, snapshots and restore jobs, and the access list of the one project.

Everything is kept as the API shows it, in one file, so that a restart goes on where it ended. A restore that a restart
interrupted has failed, as nobody works on it any more.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from miniapp_infra.local.node.files import SECRET, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Object = dict[str, Any]
IDLE = "IDLE"
UPDATING = "UPDATING"
_DAY = 86400


class Databases(Protocol):
    """The databases behind the clusters."""

    def restore(self, source: str, target: str, job: Object, end: Callable[[bool], None]) -> None:
        """Start to replace the data of ``target`` by that of ``source``; call ``end`` with whether it went well."""

    def looked_at(self, job: Object) -> None:
        """Learn that somebody asked how far a job got."""


class World:
    """The project.

    Args:
        project: its ID, 24 hexadecimal digits.
        databases: behind the clusters.
        file: in which everything is kept; None to forget it with the process.
    """

    def __init__(self, project: str, databases: Databases, file: Path | None = None) -> None:
        self.project = project
        self.databases = databases
        self.lock = threading.RLock()
        self._file = file
        self.clusters: dict[str, Object] = {}
        self.schedules: dict[str, Object] = {}
        self.snapshots: dict[str, list[Object]] = {}
        self.jobs: dict[str, list[Object]] = {}
        self.access: dict[str, Object] = {}
        if file is not None and file.is_file():
            self._load(file)

    def add_cluster(self, name: str, connection: str, version: str = "7.0.42", **changes: Any) -> None:
        """Add a cluster with a usual schedule, as Terraform would; leave one that is there, but for its address."""
        with self.lock:
            if name in self.clusters:
                self.clusters[name]["connectionStrings"] = {"standard": connection}
                return
            self.clusters[name] = {
                "backupEnabled": True,
                "clusterType": "REPLICASET",
                "connectionStrings": {"standard": connection},
                "createDate": now_text(),
                "groupId": self.project,
                "id": new_id(),
                "mongoDBMajorVersion": ".".join(version.split(".")[:2]),
                "mongoDBVersion": version,
                "name": name,
                "paused": False,
                "pitEnabled": True,
                "stateName": IDLE,
                **changes,
            }
            self.schedules[name] = {
                "autoExportEnabled": False,
                "clusterId": self.clusters[name]["id"],
                "clusterName": name,
                "copySettings": [],
                "policies": [{"id": new_id(), "policyItems": [_item("hourly", 6, 7), _item("daily", 1, 7)]}],
                "referenceHourOfDay": 18,
                "referenceMinuteOfHour": 11,
                "restoreWindowDays": 7,
            }
            self.snapshots[name] = []
            self.jobs[name] = []
            self.save()

    def add_snapshot(self, cluster: str, created: datetime, *, ident: str | None = None) -> Object:
        """Add a completed snapshot."""
        with self.lock:
            found = {
                "cloudProvider": "AWS",
                "createdAt": text_of(created),
                "description": "",
                "expiresAt": text_of(datetime.fromtimestamp(created.timestamp() + 7 * _DAY, UTC)),
                "frequencyType": "daily",
                "id": ident or new_id(),
                "mongodVersion": self.clusters[cluster]["mongoDBVersion"],
                "policyItems": [],
                "replicaSetName": f"atlas-{cluster.lower()}-shard-0",
                "snapshotType": "scheduled",
                "status": "completed",
                "storageSizeBytes": 0,
                "type": "replicaSet",
            }
            self.snapshots[cluster].append(found)
            self.save()
            return found

    def start_restore(self, source: str, body: Object) -> Object:
        """Start a restore that was checked before, and return its job."""
        target = body["targetClusterName"]
        with self.lock:
            job = {
                **body,
                "cancelled": False,
                "expired": False,
                "failed": False,
                "id": new_id(),
                "timestamp": now_text(),
            }
            self.jobs[source].append(job)
            self.clusters[target]["stateName"] = UPDATING
            self.save()
        self.databases.restore(source, target, job, lambda well: self.end_restore(job, well=well))
        return job

    def end_restore(self, job: Object, *, well: bool) -> None:
        """Note how a restore ended."""
        with self.lock:
            job["finishedAt"] = now_text()
            job["failed"] = not well
            self.clusters[job["targetClusterName"]]["stateName"] = IDLE
            self.save()

    def save(self) -> None:
        """Write everything to the file."""
        if self._file is not None:
            parts = {name: getattr(self, name) for name in _PARTS}
            write(self._file, json.dumps(parts, indent=1, sort_keys=True), SECRET)

    def _load(self, file: Path) -> None:
        for name, part in json.loads(file.read_text(encoding="utf-8")).items():
            setattr(self, name, part)
        for job in (job for jobs in self.jobs.values() for job in jobs):
            if not job.get("finishedAt") and not job["cancelled"] and not job["expired"]:
                job |= {"failed": True, "finishedAt": now_text()}
        for cluster in self.clusters.values():
            cluster["stateName"] = IDLE
        self.save()


_PARTS = ("clusters", "schedules", "snapshots", "jobs", "access")


def new_id() -> str:
    """Return an ID as MongoDB makes them: seconds, then anything."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


def now_text() -> str:
    return text_of(datetime.now(UTC))


def text_of(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _item(kind: str, interval: int, days: int) -> Object:
    return {
        "frequencyInterval": interval,
        "frequencyType": kind,
        "id": new_id(),
        "retentionUnit": "days",
        "retentionValue": days,
    }
