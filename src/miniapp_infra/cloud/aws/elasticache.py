# SPDX-License-Identifier: GPL-3.0-or-later
"""Replication groups of ElastiCache, which Terraform makes, and their snapshots, which are made here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miniapp_infra.cloud.aws.docdb import as_tags
from miniapp_infra.cloud.aws.session import AwsError, aws_errors
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.instants import as_text
from miniapp_infra.waiting import Goal

if TYPE_CHECKING:
    from collections.abc import Mapping

AVAILABLE = "available"
DELETING = "deleting"
_SNAPSHOT_LASTS = frozenset({AVAILABLE, "creating", "copying", "exporting", "restoring"})


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a replication group."""

    name: str
    status: str
    source: str
    replication_group: str
    engine: str
    engine_version: str
    arn: str
    created: str

    @classmethod
    def from_api(cls, raw: Mapping[str, Any]) -> Snapshot:
        made = [node["SnapshotCreateTime"] for node in raw.get("NodeSnapshots") or () if node.get("SnapshotCreateTime")]
        return cls(
            name=raw["SnapshotName"],
            status=raw.get("SnapshotStatus") or "unknown",
            source=raw.get("SnapshotSource") or "",
            replication_group=raw.get("ReplicationGroupId") or "",
            engine=raw.get("Engine") or "",
            engine_version=raw.get("EngineVersion") or "",
            arn=raw.get("ARN") or "",
            created=as_text(max(made)) if made else "",
        )

    def as_result(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "status": self.status,
            "source": self.source,
            "replication_group_id": self.replication_group,
            "engine": self.engine,
            "engine_version": self.engine_version,
            "arn": self.arn,
            "created": self.created,
        }


def list_groups(elasticache: Any, name: str | None) -> list[dict[str, Any]]:
    """Return the replication groups of the region as AWS describes them, or the one of this name; none is no error.

    Raises:
        AwsError: AWS refused.
    """
    query = {"ReplicationGroupId": name} if name else {}
    try:
        with aws_errors(f"read replication group {name}" if name else "list replication groups"):
            pages = elasticache.get_paginator("describe_replication_groups").paginate(**query)
            return [raw for page in pages for raw in page["ReplicationGroups"]]
    except AwsError as error:
        if error.code is ErrorCode.NOT_FOUND:
            return []
        raise


def list_snapshots(elasticache: Any, group: str) -> list[Snapshot]:
    """Return the snapshots of a replication group, in the order of their names.

    Raises:
        AwsError: AWS refused.
    """
    with aws_errors(f"list the snapshots of replication group {group}"):
        pages = elasticache.get_paginator("describe_snapshots").paginate(ReplicationGroupId=group)
        found = [Snapshot.from_api(raw) for page in pages for raw in page["Snapshots"]]
    return sorted(found, key=lambda snapshot: snapshot.name)


def find_snapshot(elasticache: Any, name: str) -> Snapshot | None:
    """Return a snapshot, None when there is none of this name.

    Raises:
        AwsError: AWS refused for another reason, such as missing rights.
    """
    try:
        with aws_errors(f"read snapshot {name}"):
            found = elasticache.describe_snapshots(SnapshotName=name)["Snapshots"]
    except AwsError as error:
        if error.code is ErrorCode.NOT_FOUND:
            return None
        raise
    return Snapshot.from_api(found[0]) if found else None


def create_snapshot(elasticache: Any, name: str, group: str, kms_key: str | None, tags: Mapping[str, str]) -> None:
    """Start a snapshot of a replication group, unless an earlier request whose answer was lost did.

    Raises:
        AwsError: AWS refused.
    """
    encryption = {"KmsKeyId": kms_key} if kms_key else {}
    try:
        with aws_errors(f"create snapshot {name} of replication group {group}"):
            elasticache.create_snapshot(SnapshotName=name, ReplicationGroupId=group, Tags=as_tags(tags), **encryption)
    except AwsError as error:
        if error.code is not ErrorCode.CONFLICT or "AlreadyExists" not in error.name:
            raise


def delete_snapshot(elasticache: Any, name: str) -> None:
    """Delete a snapshot; that it is gone already is no error.

    Raises:
        AwsError: AWS refused.
    """
    try:
        with aws_errors(f"delete snapshot {name}"):
            elasticache.delete_snapshot(SnapshotName=name)
    except AwsError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise


def check_group(groups: list[dict[str, Any]], name: str) -> None:
    """Refuse to take a snapshot of a replication group that cannot give one now.

    Raises:
        MiniappInfraError: it is missing (not_found), or busy (conflict).
    """
    if not groups:
        raise MiniappInfraError(
            f"Failed to create a snapshot: there is no replication group {name}", code=ErrorCode.NOT_FOUND
        )
    status = groups[0].get("Status")
    if status != AVAILABLE:
        raise MiniappInfraError(
            f"Failed to create a snapshot: replication group {name} is {status}, not {AVAILABLE}",
            code=ErrorCode.CONFLICT,
            retryable=True,
        )


def check_snapshot(found: Snapshot, group: str) -> None:
    """Refuse to take a snapshot for the wanted one that is not.

    Raises:
        MiniappInfraError: conflict, when it is of another replication group, failed or is being deleted.
    """
    if found.replication_group != group:
        raise MiniappInfraError(
            f"Failed to create snapshot {found.name}: there is one of {found.replication_group or 'a single cluster'} "
            "with this name",
            code=ErrorCode.CONFLICT,
            hint="Names of snapshots are unique in a region; choose another one.",
        )
    if found.status not in _SNAPSHOT_LASTS:
        raise MiniappInfraError(
            f"Failed to create snapshot {found.name}: the one that is there is {found.status}",
            code=ErrorCode.CONFLICT,
            hint="Delete it first (state=absent), or choose another name.",
        )


def present_goal(name: str) -> Goal[Snapshot | None]:
    """Return what a new snapshot is waited for."""
    return Goal(
        f"snapshot {name} to be available",
        is_met=lambda found: found is not None and found.status == AVAILABLE,
        failure=lambda found: (
            f"its status is {found.status}" if found is not None and found.status not in _SNAPSHOT_LASTS else ""
        ),
        describe=lambda found: "not to be seen yet" if found is None else found.status,
    )


def absent_goal(name: str) -> Goal[Snapshot | None]:
    """Return what a deleted snapshot is waited for."""
    return Goal(
        f"snapshot {name} to be gone",
        is_met=lambda found: found is None,
        describe=lambda found: "gone" if found is None else found.status,
    )


def group_as_result(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a replication group with the names that our modules use."""
    nodes = raw.get("NodeGroups") or []
    first = nodes[0] if nodes else {}
    return {
        "id": raw["ReplicationGroupId"],
        "arn": raw.get("ARN") or "",
        "description": raw.get("Description") or "",
        "status": raw.get("Status") or "unknown",
        "engine": raw.get("Engine") or "",
        "cluster_mode": bool(raw.get("ClusterEnabled")),
        "node_type": raw.get("CacheNodeType") or "",
        "shards": len(nodes),
        "members": sorted(raw.get("MemberClusters") or ()),
        "primary_endpoint": _endpoint(first.get("PrimaryEndpoint")),
        "reader_endpoint": _endpoint(first.get("ReaderEndpoint")),
        "configuration_endpoint": _endpoint(raw.get("ConfigurationEndpoint")),
        "automatic_failover": raw.get("AutomaticFailover") == "enabled",
        "multi_az": raw.get("MultiAZ") == "enabled",
        "transit_encryption": bool(raw.get("TransitEncryptionEnabled")),
        "transit_encryption_mode": raw.get("TransitEncryptionMode") or "",
        "at_rest_encryption": bool(raw.get("AtRestEncryptionEnabled")),
        "auth_token_enabled": bool(raw.get("AuthTokenEnabled")),
        "snapshot_retention_days": raw.get("SnapshotRetentionLimit") or 0,
        "snapshot_window": raw.get("SnapshotWindow") or "",
    }


def _endpoint(raw: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {"address": raw["Address"], "port": raw.get("Port")} if raw and raw.get("Address") else None
