# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore is, and what has to hold before one may start: a restore wipes its target."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from miniapp_infra.atlas.models import IDLE, Phase
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.instants import as_text, parse_instant
from miniapp_infra.waiting import Goal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miniapp_infra.atlas.models import Cluster, RestoreJob, Snapshot

POINT_IN_TIME = "pointInTime"
AUTOMATED = "automated"
LATEST = "latest"
_EARLIEST_SECONDS = 1199145600  # minimum of pointInTimeUTCSeconds and oplogTs in MongoDB's OpenAPI description: 2008
_COMPLETED = "completed"


@dataclass(frozen=True)
class Restore:
    """What is restored to where.

    Args:
        source: project and cluster that the data comes from.
        target: project and cluster that is overwritten.
        seconds: point in time, in seconds since 1970.
        oplog: point in time as an operation of the oplog: seconds and number.
        snapshot: a snapshot; of the three exactly one is given.
    """

    source: tuple[str, str]
    target: tuple[str, str]
    seconds: int | None = None
    oplog: tuple[int, int] | None = None
    snapshot: str = ""

    @property
    def at(self) -> int | None:
        """The point in time in seconds; None for a snapshot."""
        return self.oplog[0] if self.oplog else self.seconds

    @property
    def point(self) -> str:
        """What is restored, for people."""
        if self.oplog:
            return f"oplog {self.oplog[0]}:{self.oplog[1]}"
        if self.seconds is not None:
            return as_text(datetime.fromtimestamp(self.seconds, UTC))
        return f"snapshot {self.snapshot}"

    @property
    def title(self) -> str:
        """Completes "Failed to ..."."""
        return f"restore cluster {'/'.join(self.source)} to {'/'.join(self.target)}"

    def body(self) -> dict[str, Any]:
        """Return the request for Atlas."""
        what: dict[str, Any] = {"deliveryType": AUTOMATED, "snapshotId": self.snapshot}
        if self.oplog:
            what = {"deliveryType": POINT_IN_TIME, "oplogTs": self.oplog[0], "oplogInc": self.oplog[1]}
        elif self.seconds is not None:
            what = {"deliveryType": POINT_IN_TIME, "pointInTimeUTCSeconds": self.seconds}
        return {**what, "targetGroupId": self.target[0], "targetClusterName": self.target[1]}

    def identity(self) -> dict[str, Any]:
        """Return what makes two restores the same, as the ledger keeps it."""
        return {"source": "/".join(self.source), **self.body()}

    def is_done_by(self, job: RestoreJob) -> bool:
        """Tell whether a job does the same: same kind, same point, same target."""
        same_target = (job.target_project, job.target_cluster) == self.target
        if not same_target or job.delivery_type != self.body()["deliveryType"]:
            return False
        if self.snapshot:
            return job.snapshot == self.snapshot
        return job.oplog == self.oplog if self.oplog else (job.oplog is None and job.seconds == self.seconds)


@dataclass(frozen=True)
class Progress:
    """How far a restore got.

    Attributes:
        job: as read last.
        target: the cluster after the job finished; None before.
    """

    job: RestoreJob
    target: Cluster | None


def restore_of(params: Mapping[str, Any]) -> Restore:
    """Return what a module asks for, after everything was checked that needs no request.

    Raises:
        MiniappInfraError: an option is wrong (invalid_input); the target was not confirmed, or is the source
            (refused_by_policy).
    """
    source = (params["source_project_id"], params["source_cluster_name"])
    target = (params["target_project_id"] or source[0], params["target_cluster_name"])
    if params["confirm_target"] != target[1]:
        raise MiniappInfraError(
            f"confirm_target: must be the name of the cluster whose data is overwritten, {target[1]}; "
            f"got {params['confirm_target']!r}",
            code=ErrorCode.REFUSED_BY_POLICY,
        )
    if source == target and not params["allow_overwrite_source"]:
        raise MiniappInfraError(
            f"target_cluster_name: is the source, {target[1]}, whose present data would be lost",
            code=ErrorCode.REFUSED_BY_POLICY,
            hint="Restore to another cluster and compare, or set allow_overwrite_source.",
        )
    oplog = (params["oplog_ts"], params["oplog_inc"]) if params["oplog_ts"] is not None else None
    if oplog and (oplog[0] < _EARLIEST_SECONDS or oplog[1] < 1):
        raise _invalid(f"oplog_ts: must be at least {_EARLIEST_SECONDS} and oplog_inc at least 1; got {oplog}")
    seconds = None
    if params["point_in_time"] is not None:
        instant = parse_instant(params["point_in_time"], "point_in_time")
        if instant.microsecond:
            raise _invalid(f"point_in_time: must be a whole second; got {params['point_in_time']!r}")
        seconds = int(instant.timestamp())
    return Restore(source, target, seconds, oplog, params["snapshot_id"] or "")


def newest(snapshots: Sequence[Snapshot]) -> str:
    """Return the newest completed snapshot; they come newest first.

    Raises:
        MiniappInfraError: not_found, when there is none.
    """
    for snapshot in snapshots:
        if snapshot.status == _COMPLETED:
            return snapshot.id
    raise MiniappInfraError("snapshot_id: there is no completed snapshot", code=ErrorCode.NOT_FOUND)


def window_of(schedule: Mapping[str, Any], now: datetime, lag: float) -> tuple[datetime, datetime] | None:
    """Return the first and the last time that a cluster can be restored to; None when it keeps no window.

    Args:
        schedule: as Atlas describes it.
        now: the present time.
        lag: seconds that the copy of the oplog is behind.
    """
    days = schedule.get("restoreWindowDays")
    return (now - timedelta(days=days), now - timedelta(seconds=lag)) if days else None


def check_source(restore: Restore, source: Cluster, window: tuple[datetime, datetime] | None) -> None:
    """Refuse what the source cannot give.

    Raises:
        MiniappInfraError: backups are off (conflict), or it does not reach back to that time (invalid_input).
    """
    if not source.backup_enabled:
        raise _refused(restore, f"backups are not enabled on {source.name}", "Enable them where Terraform declares it.")
    if restore.at is None:
        return
    if not source.pit_enabled or window is None:
        raise _refused(
            restore,
            f"continuous backup is not enabled on {source.name}, so that it has no points in time",
            "Set pit_enabled where Terraform declares the cluster, or restore a snapshot.",
        )
    when = datetime.fromtimestamp(restore.at, UTC)
    if not window[0] <= when <= window[1]:
        option = "oplog_ts" if restore.oplog else "point_in_time"
        raise _invalid(
            f"{option}: must lie between {as_text(window[0].replace(microsecond=0))} and "
            f"{as_text(window[1].replace(microsecond=0))}, to which {source.name} can be restored; got {as_text(when)}"
        )


def check_target(restore: Restore, source: Cluster, target: Cluster, jobs: Sequence[RestoreJob]) -> None:
    """Refuse to overwrite a target that is busy or cannot take the data.

    Raises:
        MiniappInfraError: conflict; it names the state, the version or the job that is in the way.
    """
    for job in jobs:
        if job.phase is Phase.IN_PROGRESS and (job.target_project, job.target_cluster) == restore.target:
            raise _refused(restore, f"restore job {job.id} is overwriting {target.name} at present", retryable=True)
    if target.paused:
        raise _refused(restore, f"{target.name} is paused", "Resume it first.")
    if target.state != IDLE:
        raise _refused(restore, f"{target.name} is {target.state}, not {IDLE}", retryable=True)
    if source.major and target.major and target.major < source.major:
        raise _refused(
            restore,
            f"{target.name} runs MongoDB {target.version}, older than {source.version} of {source.name}",
            "Upgrade the target, or restore to a cluster of the same or a newer version.",
        )


def existing(
    restore: Restore, jobs: Sequence[RestoreJob], now: datetime, reuse_within: float | None
) -> RestoreJob | None:
    """Return the job that does the same already: one in progress, else one that finished lately.

    Args:
        restore: what is wanted.
        jobs: all jobs of the source.
        now: the present time.
        reuse_within: seconds that a finished job counts; None for ever.
    """
    same = [job for job in jobs if restore.is_done_by(job)]
    for job in same:
        if job.phase is Phase.IN_PROGRESS:
            return job
    finished = sorted((job for job in same if job.phase is Phase.FINISHED), key=lambda job: job.finished)
    if not finished:
        return None
    last = finished[-1]
    age = (now - parse_instant(last.finished, "finishedAt")).total_seconds()
    return last if reuse_within is None or age <= reuse_within else None


def goal(restore: Restore) -> Goal[Progress]:
    """Return what a restore is waited for: the job has finished, and the target is idle again."""

    def describe(progress: Progress) -> str:
        if progress.target is not None:
            return f"job {progress.job.id} {progress.job.phase}, {progress.target.name} {progress.target.state}"
        return f"job {progress.job.id} {progress.job.phase}"

    return Goal(
        f"{restore.target[1]} to be restored to {restore.point}",
        is_met=lambda progress: progress.target is not None and progress.target.state == IDLE,
        failure=lambda progress: ended_badly(progress.job),
        describe=describe,
    )


def ended_badly(job: RestoreJob) -> str:
    """Return why a job will never finish; empty as long as it may, or when it did."""
    if job.phase in {Phase.IN_PROGRESS, Phase.FINISHED}:
        return ""
    return f"restore job {job.id} has ended as {job.phase}"


def _refused(restore: Restore, reason: str, hint: str = "", *, retryable: bool = False) -> MiniappInfraError:
    return MiniappInfraError(
        f"Failed to {restore.title}: {reason}", code=ErrorCode.CONFLICT, retryable=retryable, hint=hint
    )


def _invalid(message: str) -> MiniappInfraError:
    return MiniappInfraError(message, code=ErrorCode.INVALID_INPUT)
