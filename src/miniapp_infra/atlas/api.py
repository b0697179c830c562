# SPDX-License-Identifier: GPL-3.0-or-later
"""One function for each call of the Atlas Administration API that is used here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.atlas.client import Version, path_of
from miniapp_infra.atlas.models import Cluster, RestoreJob, Snapshot
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miniapp_infra.atlas.client import Atlas


def list_clusters(atlas: Atlas, project: str) -> list[Cluster]:
    """Return the clusters of a project.

    Raises:
        MiniappInfraError: Atlas refused, or there is no such project.
    """
    found = atlas.all(
        path_of("groups", project, "clusters"), Version.CLUSTER, action=f"list the clusters of project {project}"
    )
    return [Cluster.from_api(raw, project) for raw in found]


def find_cluster(atlas: Atlas, project: str, name: str) -> Cluster | None:
    """Return a cluster, None when there is none of this name.

    Raises:
        MiniappInfraError: Atlas refused.
    """
    found = atlas.find(_cluster(project, name), Version.CLUSTER, action=f"read cluster {project}/{name}")
    return None if found is None else Cluster.from_api(found, project)


def get_cluster(atlas: Atlas, project: str, name: str) -> Cluster:
    """Return a cluster.

    Raises:
        MiniappInfraError: Atlas refused, or there is none of this name (not_found).
    """
    found = find_cluster(atlas, project, name)
    if found is None:
        raise MiniappInfraError(
            f"Failed to find cluster {project}/{name}: there is none of this name in the project",
            code=ErrorCode.NOT_FOUND,
        )
    return found


def list_snapshots(atlas: Atlas, project: str, cluster: str) -> list[Snapshot]:
    """Return the snapshots of a cluster, the newest first.

    Raises:
        MiniappInfraError: Atlas refused.
    """
    found = atlas.all(
        _cluster(project, cluster) + "/backup/snapshots",
        Version.SNAPSHOT,
        action=f"list the snapshots of cluster {project}/{cluster}",
    )
    return sorted((Snapshot.from_api(raw) for raw in found), key=lambda item: (item.created, item.id), reverse=True)


def get_schedule(atlas: Atlas, project: str, cluster: str) -> dict[str, Any]:
    """Return the backup schedule of a cluster as Atlas describes it.

    Raises:
        MiniappInfraError: Atlas refused.
    """
    found: dict[str, Any] = atlas.get(
        _cluster(project, cluster) + "/backup/schedule",
        Version.SCHEDULE,
        action=f"read the backup schedule of cluster {project}/{cluster}",
    )
    return found


def update_schedule(atlas: Atlas, project: str, cluster: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """Change the backup schedule of a cluster, and return the new one.

    Raises:
        MiniappInfraError: Atlas refused, for example because a compliance policy forbids the change.
    """
    found: dict[str, Any] = atlas.send(
        "PATCH",
        _cluster(project, cluster) + "/backup/schedule",
        Version.SCHEDULE,
        action=f"change the backup schedule of cluster {project}/{cluster}",
        body=change,
    )
    return found


def list_restore_jobs(atlas: Atlas, project: str, cluster: str) -> list[RestoreJob]:
    """Return the restore jobs whose data comes from a cluster.

    Raises:
        MiniappInfraError: Atlas refused.
    """
    found = atlas.all(
        _restore_jobs(project, cluster),
        Version.RESTORE_JOB,
        action=f"list the restore jobs of cluster {project}/{cluster}",
    )
    return [RestoreJob.from_api(raw) for raw in found]


def get_restore_job(atlas: Atlas, project: str, cluster: str, job: str) -> RestoreJob:
    """Return a restore job.

    Raises:
        MiniappInfraError: Atlas refused, or there is no such job.
    """
    path = _restore_jobs(project, cluster) + path_of(job)
    return RestoreJob.from_api(atlas.get(path, Version.RESTORE_JOB, action=f"read restore job {job}"))


def create_restore_job(atlas: Atlas, project: str, cluster: str, body: Mapping[str, Any]) -> RestoreJob:
    """Start a restore job.

    Raises:
        MiniappInfraError: Atlas refused; unavailable, when it is not known whether the job was started.
    """
    target = f"{body['targetGroupId']}/{body['targetClusterName']}"
    return RestoreJob.from_api(
        atlas.send(
            "POST",
            _restore_jobs(project, cluster),
            Version.RESTORE_JOB,
            action=f"restore cluster {project}/{cluster} to {target}",
            body=body,
        )
    )


def list_access(atlas: Atlas, project: str) -> list[dict[str, Any]]:
    """Return the entries of a project's access list as Atlas describes them.

    Raises:
        MiniappInfraError: Atlas refused, or there is no such project.
    """
    return atlas.all(_access_list(project), Version.ACCESS_LIST, action=f"read the access list of project {project}")


def add_access(atlas: Atlas, project: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Add entries to a project's access list, or change those that are there.

    Raises:
        MiniappInfraError: Atlas refused.
    """
    action = f"add to the access list of project {project}"
    atlas.send("POST", _access_list(project), Version.ACCESS_LIST, action=action, body=list(entries))


def remove_access(atlas: Atlas, project: str, entry: str) -> None:
    """Remove an entry from a project's access list; that it is gone already is no error.

    Raises:
        MiniappInfraError: Atlas refused.
    """
    try:
        atlas.send(
            "DELETE",
            _access_list(project) + path_of(entry),
            Version.ACCESS_LIST,
            action=f"remove {entry} from the access list of project {project}",
        )
    except MiniappInfraError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise


def access_status(atlas: Atlas, project: str, entry: str) -> str:
    """Return how far Atlas got with an entry: ACTIVE, PENDING or FAILED.

    Raises:
        MiniappInfraError: Atlas refused.
    """
    found = atlas.get(
        _access_list(project) + path_of(entry) + "/status",
        Version.ACCESS_LIST,
        action=f"read the state of {entry} in the access list of project {project}",
    )
    return str(found.get("STATUS") or "unknown")


def _cluster(project: str, name: str) -> str:
    return path_of("groups", project, "clusters", name)


def _restore_jobs(project: str, cluster: str) -> str:
    return _cluster(project, cluster) + "/backup/restoreJobs"


def _access_list(project: str) -> str:
    return path_of("groups", project, "accessList")
