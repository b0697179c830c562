# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore needs, and when two are the same: the rules alone, without a server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from miniapp_infra.atlas.models import Cluster, Phase, RestoreJob, Snapshot, phase_of
from miniapp_infra.atlas.restore import (
    Restore,
    check_source,
    check_target,
    existing,
    newest,
    restore_of,
    window_of,
)
from miniapp_infra.errors import ErrorCode, MiniappInfraError

PROJECT = "32b6e34b3d91647abb20e7b8"
OTHER_PROJECT = "6296fb4c7c7aa997cf94e9a8"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
AT = int(datetime(2026, 11, 24, 10, 15, tzinfo=UTC).timestamp())
RESTORE = Restore((PROJECT, "prod"), (PROJECT, "drill"), seconds=AT)
WINDOW = (NOW - timedelta(days=7), NOW - timedelta(seconds=60))
SOURCE = Cluster(PROJECT, "prod", "IDLE", "8.0.4", False, True, True, "")  # noqa: FBT003 - as the API has them
TARGET = replace(SOURCE, name="drill")
JOB = RestoreJob("1" * 24, "pointInTime", PROJECT, "drill", AT, None, "", Phase.IN_PROGRESS, "")
PARAMS = {
    "source_project_id": PROJECT,
    "source_cluster_name": "prod",
    "target_project_id": None,
    "target_cluster_name": "drill",
    "confirm_target": "drill",
    "allow_overwrite_source": False,
    "point_in_time": "2026-11-24T10:15:00Z",
    "oplog_ts": None,
    "oplog_inc": None,
    "snapshot_id": None,
}


def finished(minutes_ago, job=JOB):
    when = NOW - timedelta(minutes=minutes_ago)
    return replace(job, id="2" * 24, phase=Phase.FINISHED, finished=when.strftime("%Y-%m-%dT%H:%M:%SZ"))


def test_a_request_names_point_and_target():
    assert restore_of(PARAMS) == RESTORE
    assert RESTORE.body() == {
        "deliveryType": "pointInTime",
        "pointInTimeUTCSeconds": AT,
        "targetGroupId": PROJECT,
        "targetClusterName": "drill",
    }
    assert RESTORE.point == "2026-11-24T10:15:00Z"


def test_a_time_in_another_zone_is_the_same_second():
    assert restore_of({**PARAMS, "point_in_time": "2026-11-24T12:15:00+02:00"}) == RESTORE


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"confirm_target": "drlil"}, ErrorCode.REFUSED_BY_POLICY, "confirm_target: must be the name"),
        ({"confirm_target": ""}, ErrorCode.REFUSED_BY_POLICY, "confirm_target: must be the name"),
        ({"confirm_target": "Drill"}, ErrorCode.REFUSED_BY_POLICY, "confirm_target: must be the name"),
        (
            {"target_cluster_name": "prod", "confirm_target": "prod"},
            ErrorCode.REFUSED_BY_POLICY,
            "target_cluster_name: is the source",
        ),
        (
            {"target_cluster_name": "prod", "confirm_target": "prod", "target_project_id": PROJECT},
            ErrorCode.REFUSED_BY_POLICY,
            "target_cluster_name: is the source",
        ),
        ({"point_in_time": "2026-11-24T10:15:00"}, ErrorCode.INVALID_INPUT, "point_in_time: must end with a time zone"),
        ({"point_in_time": "yesterday"}, ErrorCode.INVALID_INPUT, "point_in_time: must be a time"),
        ({"point_in_time": "2026-11-24T10:15:00.5Z"}, ErrorCode.INVALID_INPUT, "point_in_time: must be a whole second"),
        (
            {"point_in_time": None, "oplog_ts": 12, "oplog_inc": 1},
            ErrorCode.INVALID_INPUT,
            "oplog_ts: must be at least",
        ),
    ],
)
def test_what_is_refused_without_a_request(changes, code, message):
    with pytest.raises(MiniappInfraError, match=message) as caught:
        restore_of({**PARAMS, **changes})
    assert caught.value.code is code


def test_the_source_may_be_overwritten_when_asked_for():
    same = {"target_cluster_name": "prod", "confirm_target": "prod", "allow_overwrite_source": True}
    assert restore_of({**PARAMS, **same}).target == (PROJECT, "prod")


def test_a_cluster_of_the_same_name_in_another_project_is_not_the_source():
    other = {"target_project_id": OTHER_PROJECT, "target_cluster_name": "prod", "confirm_target": "prod"}
    assert restore_of({**PARAMS, **other}).target == (OTHER_PROJECT, "prod")


@pytest.mark.parametrize(
    ("restore", "source", "window", "message"),
    [
        (RESTORE, replace(SOURCE, backup_enabled=False), WINDOW, "backups are not enabled on prod"),
        (RESTORE, replace(SOURCE, pit_enabled=False), WINDOW, "continuous backup is not enabled on prod"),
        (RESTORE, SOURCE, None, "continuous backup is not enabled on prod"),
        (replace(RESTORE, seconds=int(WINDOW[0].timestamp()) - 1), SOURCE, WINDOW, "point_in_time: must lie between"),
        (replace(RESTORE, seconds=int(WINDOW[1].timestamp()) + 1), SOURCE, WINDOW, "point_in_time: must lie between"),
        (
            replace(RESTORE, seconds=None, oplog=(int(NOW.timestamp()), 1)),
            SOURCE,
            WINDOW,
            "oplog_ts: must lie between 2026-11-17T12:00:00Z and 2026-11-24T11:59:00Z",
        ),
    ],
)
def test_what_the_source_cannot_give(restore, source, window, message):
    with pytest.raises(MiniappInfraError, match=message):
        check_source(restore, source, window)


@pytest.mark.parametrize("edge", WINDOW)
def test_both_ends_of_the_window_can_be_restored(edge):
    check_source(replace(RESTORE, seconds=int(edge.timestamp())), SOURCE, WINDOW)


def test_a_snapshot_needs_no_continuous_backup():
    check_source(
        replace(RESTORE, seconds=None, snapshot="5" * 24), replace(SOURCE, pit_enabled=False), window_of({}, NOW, 60)
    )


@pytest.mark.parametrize(
    ("target", "jobs", "message", "retryable"),
    [
        (replace(TARGET, state="UPDATING"), [], "drill is UPDATING, not IDLE", True),
        (replace(TARGET, state="REPAIRING"), [], "drill is REPAIRING, not IDLE", True),
        (replace(TARGET, paused=True), [], "drill is paused", False),
        (replace(TARGET, version="7.0.12"), [], "MongoDB 7.0.12, older than 8.0.4", False),
        (TARGET, [replace(JOB, seconds=AT + 1)], f"restore job {JOB.id} is overwriting drill", True),
    ],
)
def test_a_target_that_is_busy_or_too_old(target, jobs, message, retryable):
    with pytest.raises(MiniappInfraError, match=message) as caught:
        check_target(RESTORE, SOURCE, target, jobs)
    assert caught.value.code is ErrorCode.CONFLICT
    assert caught.value.retryable is retryable


def test_a_newer_target_and_finished_jobs_are_no_hindrance():
    check_target(RESTORE, SOURCE, replace(TARGET, version="8.2.1"), [finished(1), replace(JOB, target_cluster="other")])


@pytest.mark.parametrize(
    ("job", "same"),
    [
        (JOB, True),
        (replace(JOB, seconds=AT + 1), False),
        (replace(JOB, target_cluster="other"), False),
        (replace(JOB, target_project=OTHER_PROJECT), False),
        (replace(JOB, delivery_type="automated", snapshot="5" * 24, seconds=None), False),
        (replace(JOB, delivery_type="download"), False),
        (replace(JOB, oplog=(AT, 1)), False),
    ],
)
def test_when_a_job_does_the_same(job, same):
    assert RESTORE.is_done_by(job) is same


def test_jobs_for_operations_and_for_snapshots_are_told_apart():
    oplog = replace(RESTORE, seconds=None, oplog=(AT, 3))
    assert oplog.is_done_by(replace(JOB, seconds=None, oplog=(AT, 3)))
    assert not oplog.is_done_by(replace(JOB, seconds=None, oplog=(AT, 4)))
    assert not oplog.is_done_by(JOB)
    snapshot = replace(RESTORE, seconds=None, snapshot="5" * 24)
    assert snapshot.is_done_by(replace(JOB, delivery_type="automated", seconds=None, snapshot="5" * 24))
    assert not snapshot.is_done_by(replace(JOB, delivery_type="automated", seconds=None, snapshot="6" * 24))


def test_one_in_progress_goes_before_one_that_finished():
    assert existing(RESTORE, [finished(1), JOB], NOW, 86400) == JOB


def test_a_finished_one_counts_for_a_while():
    assert existing(RESTORE, [finished(59)], NOW, 3600) == finished(59)
    assert existing(RESTORE, [finished(61)], NOW, 3600) is None
    assert existing(RESTORE, [finished(61)], NOW, None) == finished(61)
    assert existing(RESTORE, [finished(1)], NOW, 0) is None


def test_one_that_failed_does_not_count():
    assert existing(RESTORE, [replace(finished(1), phase=Phase.FAILED)], NOW, None) is None


@pytest.mark.parametrize(
    ("raw", "phase"),
    [
        ({}, Phase.IN_PROGRESS),
        ({"failed": False, "cancelled": False, "expired": False}, Phase.IN_PROGRESS),
        ({"finishedAt": "2026-11-24T10:20:00Z"}, Phase.FINISHED),
        ({"failed": True, "finishedAt": "2026-11-24T10:20:00Z"}, Phase.FAILED),
        ({"cancelled": True}, Phase.CANCELLED),
        ({"expired": True, "finishedAt": "2026-11-24T10:20:00Z"}, Phase.EXPIRED),
    ],
)
def test_flags_become_a_phase(raw, phase):
    assert phase_of(raw) is phase


def test_the_newest_completed_snapshot():
    going_on = Snapshot("1" * 24, "2026-11-24T11:00:00Z", "", "inProgress", "onDemand", "8.0.4")
    done = replace(going_on, id="2" * 24, created="2026-11-24T06:00:00Z", status="completed")
    assert newest([going_on, done]) == done.id
    with pytest.raises(MiniappInfraError, match="no completed snapshot"):
        newest([going_on])


def test_the_window_ends_before_now():
    assert window_of({"restoreWindowDays": 2}, NOW, 60) == (NOW - timedelta(days=2), NOW - timedelta(seconds=60))
    assert window_of({}, NOW, 60) is None
