# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores a DocumentDB cluster to a point in time, which always makes a new cluster.

A restored cluster has no instances, so they are added here. Who made the new cluster, from what and to which time is
kept in its tags: that is how a second run knows its own work. Terraform adopts the cluster afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miniapp_infra.cloud.aws.session import AwsError, aws_errors
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.instants import as_text
from miniapp_infra.waiting import Goal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

ENGINE = "docdb"
SOURCE_TAG = "miniapp-infra/restored-from"
TIME_TAG = "miniapp-infra/restored-to"
LATEST = "latest"
"""Value of ``TIME_TAG`` when the newest data was asked for."""
AVAILABLE = "available"
# Amazon DocumentDB Developer Guide, "Monitoring an Amazon DocumentDB cluster's status" and the same for instances.
_NEVER_AVAILABLE = frozenset(
    {
        "deleting",
        "failed",
        "inaccessible-encryption-credentials",
        "incompatible-network",
        "incompatible-parameters",
        "incompatible-restore",
        "insufficient-capacity",
        "storage-full",
    }
)


@dataclass(frozen=True)
class Instance:
    """An instance of a cluster."""

    name: str
    instance_class: str
    status: str

    @classmethod
    def from_api(cls, raw: Mapping[str, Any]) -> Instance:
        return cls(raw["DBInstanceIdentifier"], raw["DBInstanceClass"], raw.get("DBInstanceStatus") or "unknown")

    def as_result(self) -> dict[str, Any]:
        return {"id": self.name, "instance_class": self.instance_class, "status": self.status}


@dataclass(frozen=True)
class Cluster:
    """A DocumentDB cluster as AWS describes it.

    Attributes:
        earliest: first time that it can be restored to; None when backups are off.
        latest: last such time.
        progress: how far it was restored, such as ``40``; empty when AWS does not say.
    """

    name: str
    arn: str
    status: str
    engine: str
    engine_version: str
    endpoint: str
    reader_endpoint: str
    port: int | None
    earliest: datetime | None
    latest: datetime | None
    progress: str

    @classmethod
    def from_api(cls, raw: Mapping[str, Any]) -> Cluster:
        return cls(
            name=raw["DBClusterIdentifier"],
            arn=raw.get("DBClusterArn") or "",
            status=raw.get("Status") or "unknown",
            engine=raw.get("Engine") or "",
            engine_version=raw.get("EngineVersion") or "",
            endpoint=raw.get("Endpoint") or "",
            reader_endpoint=raw.get("ReaderEndpoint") or "",
            port=raw.get("Port"),
            earliest=raw.get("EarliestRestorableTime"),
            latest=raw.get("LatestRestorableTime"),
            progress=str(raw.get("PercentProgress") or ""),
        )

    def as_result(self) -> dict[str, Any]:
        return {
            "id": self.name,
            "arn": self.arn,
            "status": self.status,
            "engine_version": self.engine_version,
            "endpoint": self.endpoint,
            "reader_endpoint": self.reader_endpoint,
            "port": self.port,
        }


@dataclass(frozen=True)
class Restore:
    """What is asked for.

    Args:
        source: cluster that the data comes from.
        target: cluster to be made.
        to: point in time; the newest one when None.
        copy_on_write: make a clone that shares storage, of the newest data alone.
        settings: further parameters of the API call, such as ``DBSubnetGroupName``.
        instance_classes: one for each instance.
        tags: in addition to our own.
    """

    source: str
    target: str
    to: datetime | None
    copy_on_write: bool
    settings: Mapping[str, Any]
    instance_classes: tuple[str, ...]
    tags: Mapping[str, str]

    @property
    def instances(self) -> dict[str, str]:
        """Names and classes of the instances."""
        return {f"{self.target}-{number}": size for number, size in enumerate(self.instance_classes, start=1)}

    @property
    def origin(self) -> dict[str, str]:
        """The tags that tell what was restored."""
        return {SOURCE_TAG: self.source, TIME_TAG: LATEST if self.to is None else as_text(self.to)}


def find_cluster(docdb: Any, name: str) -> Cluster | None:
    """Return a cluster, None when there is none of this name.

    Raises:
        AwsError: AWS refused for another reason, such as missing rights.
    """
    try:
        with aws_errors(f"read DocumentDB cluster {name}"):
            found = docdb.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
    except AwsError as error:
        if error.code is ErrorCode.NOT_FOUND:
            return None
        raise
    return Cluster.from_api(found[0]) if found else None


def list_instances(docdb: Any, cluster: str) -> tuple[Instance, ...]:
    """Return the instances of a cluster, in the order of their names.

    Raises:
        AwsError: AWS refused.
    """
    with aws_errors(f"list the instances of DocumentDB cluster {cluster}"):
        pages = docdb.get_paginator("describe_db_instances").paginate(
            Filters=[{"Name": "db-cluster-id", "Values": [cluster]}]
        )
        found = [Instance.from_api(raw) for page in pages for raw in page["DBInstances"]]
    return tuple(sorted(found, key=lambda instance: instance.name))


def tags_of(docdb: Any, cluster: Cluster) -> dict[str, str]:
    """Return the tags of a cluster.

    Raises:
        AwsError: AWS refused.
    """
    with aws_errors(f"read the tags of DocumentDB cluster {cluster.name}"):
        found = docdb.list_tags_for_resource(ResourceName=cluster.arn).get("TagList", [])
    return {tag["Key"]: tag.get("Value") or "" for tag in found}


def start(docdb: Any, wanted: Restore) -> bool:
    """Ask AWS to restore; return whether it did, which it did not when the cluster is there by now.

    Raises:
        AwsError: AWS refused.
    """
    when = {"UseLatestRestorableTime": True} if wanted.to is None else {"RestoreToTime": wanted.to}
    kind = "copy-on-write" if wanted.copy_on_write else "full-copy"
    try:
        with aws_errors(f"restore DocumentDB cluster {wanted.source} to {wanted.target}"):
            docdb.restore_db_cluster_to_point_in_time(
                DBClusterIdentifier=wanted.target,
                SourceDBClusterIdentifier=wanted.source,
                RestoreType=kind,
                Tags=as_tags({**wanted.tags, **wanted.origin}),
                **when,
                **wanted.settings,
            )
    except AwsError as error:
        # The answer to an earlier request was lost, and botocore asked again; the caller looks at the tags.
        if error.code is ErrorCode.CONFLICT and "AlreadyExists" in error.name:
            return False
        raise
    return True


def add_instance(docdb: Any, cluster: Cluster, name: str, instance_class: str, tags: Mapping[str, str]) -> None:
    """Add an instance to a cluster, unless an earlier request whose answer was lost did.

    Raises:
        AwsError: AWS refused.
    """
    try:
        with aws_errors(f"add instance {name} to DocumentDB cluster {cluster.name}"):
            docdb.create_db_instance(
                DBInstanceIdentifier=name,
                DBInstanceClass=instance_class,
                Engine=cluster.engine,
                DBClusterIdentifier=cluster.name,
                Tags=as_tags(tags),
            )
    except AwsError as error:
        if error.code is not ErrorCode.CONFLICT or "AlreadyExists" not in error.name:
            raise


def check_source(source: Cluster | None, wanted: Restore) -> None:
    """Refuse what cannot be restored, before anything is made.

    Raises:
        MiniappInfraError: the source is missing, is no DocumentDB cluster, has no backups, or does not reach back to
            that time.
    """
    failure = f"Failed to restore DocumentDB cluster {wanted.source} to {wanted.target}"
    if source is None:
        raise MiniappInfraError(f"{failure}: there is no cluster {wanted.source}", code=ErrorCode.NOT_FOUND)
    if source.engine != ENGINE:
        raise MiniappInfraError(
            f"source: {wanted.source} is a cluster of {source.engine}, not of DocumentDB", code=ErrorCode.INVALID_INPUT
        )
    if source.earliest is None or source.latest is None:
        raise MiniappInfraError(f"{failure}: {wanted.source} has no automatic backup yet", code=ErrorCode.CONFLICT)
    if wanted.to is not None and not source.earliest <= wanted.to <= source.latest:
        raise MiniappInfraError(
            f"restore_to_time: must lie between {as_text(source.earliest)} and {as_text(source.latest)}, to which "
            f"{wanted.source} can be restored; got {as_text(wanted.to)}",
            code=ErrorCode.INVALID_INPUT,
        )


def check_origin(tags: Mapping[str, str], wanted: Restore) -> None:
    """Refuse to take a cluster for our own that is not.

    Raises:
        MiniappInfraError: conflict, when its tags do not say what we would have restored.
    """
    found = {key: tags.get(key, "") for key in wanted.origin}
    if found != wanted.origin:
        said = f"restored from {found[SOURCE_TAG]} to {found[TIME_TAG]}" if found[SOURCE_TAG] else "not restored by us"
        raise MiniappInfraError(
            f"Failed to restore DocumentDB cluster {wanted.source} to {wanted.target}: there is a cluster "
            f"{wanted.target} already, {said}",
            code=ErrorCode.CONFLICT,
            hint="Choose another name for the target; a restore never writes to a cluster that exists.",
        )


def cluster_goal(name: str) -> Goal[Cluster | None]:
    """Return what a restored cluster is waited for."""

    def describe(cluster: Cluster | None) -> str:
        if cluster is None:
            return "not to be seen yet"
        return f"{cluster.status} ({cluster.progress} %)" if cluster.progress else cluster.status

    return Goal(
        f"DocumentDB cluster {name} to be available",
        is_met=lambda cluster: cluster is not None and cluster.status == AVAILABLE,
        failure=lambda cluster: (
            f"its status is {cluster.status}" if cluster is not None and cluster.status in _NEVER_AVAILABLE else ""
        ),
        describe=describe,
    )


def instances_goal(cluster: str, names: Iterable[str]) -> Goal[tuple[Instance, ...]]:
    """Return what the instances of a cluster are waited for."""
    wanted = frozenset(names)

    def failure(found: tuple[Instance, ...]) -> str:
        return ", ".join(f"{item.name} is {item.status}" for item in found if item.status in _NEVER_AVAILABLE)

    def describe(found: tuple[Instance, ...]) -> str:
        return ", ".join(f"{item.name} {item.status}" for item in found) or "no instance to be seen yet"

    return Goal(
        f"the instances of DocumentDB cluster {cluster} to be available",
        is_met=lambda found: wanted <= {item.name for item in found if item.status == AVAILABLE},
        failure=failure,
        describe=describe,
    )


def as_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as the API takes them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
