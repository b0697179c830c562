# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a restore: finds out whether it was started already, starts it once, and waits for it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from miniapp_infra.atlas import api
from miniapp_infra.atlas.ledger import Entry
from miniapp_infra.atlas.models import Phase
from miniapp_infra.atlas.restore import (
    LATEST,
    Progress,
    check_source,
    check_target,
    ended_badly,
    existing,
    goal,
    newest,
    window_of,
)
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from miniapp_infra.atlas.client import Atlas
    from miniapp_infra.atlas.ledger import Ledger
    from miniapp_infra.atlas.models import RestoreJob
    from miniapp_infra.atlas.restore import Restore
    from miniapp_infra.waiting import Patience, Waited


@dataclass(frozen=True)
class Settings:
    """How a restore is run.

    Args:
        lag: seconds that Atlas's copy of the oplog is behind.
        reuse_within: seconds that a finished job of the same kind counts as this one.
        ledger: of the idempotency key; None without one.
        now: the clock, in UTC.
    """

    lag: float
    reuse_within: float
    ledger: Ledger | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True)
class Started:
    """The job of a restore.

    Attributes:
        restore: with the snapshot that ``latest`` meant.
        job: None in check mode, when one would be started.
        is_new: whether it was started now, or would be in check mode.
    """

    restore: Restore
    job: RestoreJob | None
    is_new: bool


def begin(atlas: Atlas, restore: Restore, settings: Settings, *, check_mode: bool) -> Started:
    """Return the job that does a restore, a new one when there is none yet.

    Everything that can be wrong is found before a job is started. In check mode none is.

    Raises:
        MiniappInfraError: the restore is refused, or its job has failed.
    """
    ledger = settings.ledger
    if restore.snapshot == LATEST:
        # What was the latest one when the key was used first stays meant.
        entry = ledger.read() if ledger else None
        earlier = entry.restore.get("snapshotId") if entry else None
        latest = earlier or newest(api.list_snapshots(atlas, *restore.source))
        restore = replace(restore, snapshot=latest)
    with nullcontext() if ledger is None or check_mode else ledger.held():
        source = api.get_cluster(atlas, *restore.source)
        target = api.get_cluster(atlas, *restore.target)
        jobs = api.list_restore_jobs(atlas, *restore.source)
        job = _known(atlas, restore, settings, jobs)
        if job is not None:
            if reason := ended_badly(job):
                raise MiniappInfraError(
                    f"Failed to {restore.title}: {reason}",
                    hint="Look for the cause in the activity feed of the project; another idempotency_key starts anew.",
                )
            if ledger is not None and not check_mode:
                ledger.write(Entry(restore.identity(), job=job.id))
            return Started(restore, job, is_new=False)
        window = None
        if restore.at is not None and source.pit_enabled:
            window = window_of(api.get_schedule(atlas, *restore.source), settings.now(), settings.lag)
        check_source(restore, source, window)
        check_target(restore, source, target, jobs)
        if check_mode:
            return Started(restore, None, is_new=True)
        return Started(restore, _start(atlas, restore, ledger, jobs), is_new=True)


def follow(atlas: Atlas, restore: Restore, job: RestoreJob, patience: Patience) -> Waited[Progress]:
    """Wait until a job has finished and the target is idle again.

    Raises:
        MiniappInfraError: the job failed, was cancelled or expired (upstream); or the time is up (timeout).
    """

    def look() -> Progress:
        now = api.get_restore_job(atlas, *restore.source, job.id)
        finished = now.phase is Phase.FINISHED
        return Progress(now, api.get_cluster(atlas, *restore.target) if finished else None)

    return wait_for(look, goal(restore), patience)


def _known(atlas: Atlas, restore: Restore, settings: Settings, jobs: Sequence[RestoreJob]) -> RestoreJob | None:
    """Return the job that was started for this restore before; also a failed one when the key says so."""
    entry = settings.ledger.read() if settings.ledger else None
    if entry is None:
        # With a key it must not happen twice, however long ago the first time was, or on which machine.
        within = None if settings.ledger else settings.reuse_within
        return existing(restore, jobs, settings.now(), within)
    if entry.restore != restore.identity():
        raise MiniappInfraError(
            f"idempotency_key: was used for another restore: {dict(entry.restore)}", code=ErrorCode.CONFLICT
        )
    if entry.job:
        return api.get_restore_job(atlas, *restore.source, entry.job)
    return _not_in(entry.known, restore, jobs)


def _start(atlas: Atlas, restore: Restore, ledger: Ledger | None, jobs: Sequence[RestoreJob]) -> RestoreJob:
    known = tuple(job.id for job in jobs if restore.is_done_by(job))
    if ledger is not None:
        ledger.write(Entry(restore.identity(), known))
    try:
        job = api.create_restore_job(atlas, *restore.source, restore.body())
    except MiniappInfraError as error:
        if error.code is not ErrorCode.UNAVAILABLE:
            raise
        # Whether Atlas got the request is not known: only the answer may have been lost.
        lost = _not_in(known, restore, api.list_restore_jobs(atlas, *restore.source))
        if lost is None:
            raise
        job = lost
    if ledger is not None:
        ledger.write(Entry(restore.identity(), known, job.id))
    return job


def _not_in(known: Sequence[str], restore: Restore, jobs: Sequence[RestoreJob]) -> RestoreJob | None:
    new = [job for job in jobs if restore.is_done_by(job) and job.id not in known]
    return new[-1] if new else None
