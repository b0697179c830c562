# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores: started once, followed to their end, refused before anything is changed.

What was started is read from the stand-in itself. Most cases call the engine as the module does, in this process; the
cycle runs the module.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from miniapp_infra.atlas.models import RestoreJob
from miniapp_infra.atlas.tasks import restore_job
from miniapp_infra.errors import ErrorCode, MiniappInfraError

from .emulator import PROJECT

AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
SECONDS = int(AT.timestamp())
DEFAULTS = {
    "source_project_id": PROJECT,
    "source_cluster_name": "prod",
    "target_project_id": None,
    "target_cluster_name": "drill",
    "confirm_target": "drill",
    "allow_overwrite_source": False,
    "point_in_time": AT.isoformat(),
    "oplog_ts": None,
    "oplog_inc": None,
    "snapshot_id": None,
    "lag": 60.0,
    "reuse_within": 86400.0,
    "idempotency_key": None,
    "wait": True,
    "wait_interval": 0.01,
    "wait_timeout": 60.0,
    "retries": 0,
}


_RESTORE = """
import json, sys
from miniapp_infra.atlas.tasks import restore_job
restore_job(json.loads(sys.argv[1]), check_mode=False, diff_mode=False)
"""


@pytest.fixture
def run(atlas, tmp_path):
    """Restores with the API key."""

    def call(*, check=False, **changes):
        params = {**DEFAULTS, **atlas.key, "ledger_directory": str(tmp_path / "ledger"), **changes}
        return restore_job(params, check_mode=check, diff_mode=True)

    return call


def refused(run, **changes):
    with pytest.raises(MiniappInfraError) as caught:
        run(**changes)
    return caught.value


def test_the_cycle_of_a_restore(atlas, module_process, tmp_path):
    given = {
        **{name: value for name, value in DEFAULTS.items() if value is not None},
        **atlas.account,
        "ledger_directory": str(tmp_path),
    }
    would = module_process("mongodb_atlas_restore_job", given, check=True, diff=True)
    assert (would["changed"], would["job"]) == (True, None)
    assert atlas.databases.started == []
    done = module_process("mongodb_atlas_restore_job", given, diff=True)
    assert done["diff"] == would["diff"]
    assert atlas.databases.started == [("prod", "drill")]
    (job,) = atlas.world.jobs["prod"]
    assert (job["pointInTimeUTCSeconds"], job["targetClusterName"]) == (SECONDS, "drill")
    assert (done["job"]["id"], done["job"]["phase"]) == (job["id"], "finished")
    assert done["restored_to"] == AT.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert done["target"]["state"] == "IDLE"
    assert not module_process("mongodb_atlas_restore_job", given, check=True)["changed"]
    again = module_process("mongodb_atlas_restore_job", given)
    assert (again["changed"], again["job"]["id"]) == (False, job["id"])
    later = {**given, "point_in_time": (AT + timedelta(seconds=1)).isoformat()}
    assert module_process("mongodb_atlas_restore_job", later)["changed"]
    assert len(atlas.databases.started) == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"confirm_target": "prod"}, ErrorCode.REFUSED_BY_POLICY),
        ({"target_cluster_name": "prod", "confirm_target": "prod"}, ErrorCode.REFUSED_BY_POLICY),
        ({"point_in_time": (AT - timedelta(days=8)).isoformat()}, ErrorCode.INVALID_INPUT),
        ({"point_in_time": (AT + timedelta(hours=2)).isoformat()}, ErrorCode.INVALID_INPUT),
        ({"lag": 7200.0}, ErrorCode.INVALID_INPUT),
        ({"source_cluster_name": "none"}, ErrorCode.NOT_FOUND),
        ({"target_cluster_name": "none", "confirm_target": "none"}, ErrorCode.NOT_FOUND),
        ({"source_cluster_name": "../prod"}, ErrorCode.INVALID_INPUT),
        ({"source_project_id": "prod"}, ErrorCode.INVALID_INPUT),
        ({"point_in_time": None, "snapshot_id": "latest"}, ErrorCode.NOT_FOUND),
    ],
)
@pytest.mark.parametrize("check", [True, False], ids=["check", "run"])
def test_wrong_requests_start_nothing(atlas, run, changes, code, check):
    assert refused(run, check=check, **changes).code is code
    assert atlas.changes == []


@pytest.mark.parametrize(
    ("cluster", "changes", "reason"),
    [
        ("prod", {"pitEnabled": False}, "continuous backup is not enabled on prod"),
        ("prod", {"backupEnabled": False}, "backups are not enabled on prod"),
        ("drill", {"stateName": "REPAIRING"}, "drill is REPAIRING, not IDLE"),
        ("drill", {"paused": True}, "drill is paused"),
        (
            "drill",
            {"mongoDBVersion": "6.0.9", "mongoDBMajorVersion": "6.0"},
            "drill runs MongoDB 6.0.9, older than 7.0",
        ),
    ],
)
def test_clusters_that_do_not_fit_start_nothing(atlas, run, cluster, changes, reason):
    atlas.world.clusters[cluster] |= changes
    error = refused(run)
    assert reason in error.message
    assert error.code is ErrorCode.CONFLICT
    assert atlas.changes == []


def test_the_source_is_overwritten_only_when_asked_for(atlas, run):
    done = run(target_cluster_name="prod", confirm_target="prod", allow_overwrite_source=True)
    assert done["changed"]
    assert atlas.databases.started == [("prod", "prod")]


def test_a_target_that_another_restore_overwrites(atlas, run):
    run(wait=False)
    error = refused(run, point_in_time=(AT + timedelta(seconds=1)).isoformat())
    assert "is overwriting drill at present" in error.message
    assert len(atlas.databases.started) == 1


def test_an_operation_of_the_oplog(atlas, run):
    assert run(point_in_time=None, oplog_ts=SECONDS, oplog_inc=3)["restored_to"] == f"oplog {SECONDS}:3"
    assert not run(point_in_time=None, oplog_ts=SECONDS, oplog_inc=3)["changed"]
    (job,) = atlas.world.jobs["prod"]
    assert (job["oplogTs"], job["oplogInc"]) == (SECONDS, 3)


def test_the_newest_snapshot(atlas, run):
    for hours in (2, 1):
        atlas.world.add_snapshot("prod", AT - timedelta(hours=hours))
    newest = atlas.world.snapshots["prod"][1]["id"]
    done = run(point_in_time=None, snapshot_id="latest")
    assert done["restored_to"] == f"snapshot {newest}"
    assert (done["job"]["delivery_type"], atlas.world.jobs["prod"][0]["snapshotId"]) == ("automated", newest)
    assert not run(point_in_time=None, snapshot_id=newest)["changed"]


class TestOnce:
    """The same restore is not started twice."""

    def test_a_run_that_was_interrupted_is_continued(self, atlas, run):
        atlas.databases.looks = 1000
        started = run(wait=False)
        assert (started["changed"], started["job"]["phase"]) == (True, "in_progress")
        atlas.databases.looks = 3
        attached = run()
        # The target has got its data during this run, so what depends on it has to be told.
        assert attached["changed"]
        assert (attached["job"]["id"], attached["job"]["phase"]) == (started["job"]["id"], "finished")
        assert len(atlas.databases.started) == 1

    def test_without_waiting_an_attached_run_changes_nothing(self, atlas, run):
        atlas.databases.looks = 1000
        run(wait=False)
        assert not run(wait=False)["changed"]
        assert not run(check=True)["changed"]
        assert len(atlas.databases.started) == 1

    @pytest.mark.parametrize("key", [None, "incident-1"])
    def test_a_lost_answer_is_found_in_the_list(self, atlas, run, key):
        atlas.context.faults.lost = 1
        done = run(idempotency_key=key)
        assert (done["changed"], done["job"]["phase"]) == (True, "finished")
        assert len(atlas.databases.started) == 1

    def test_a_finished_one_counts_for_a_while(self, atlas, run):
        old = (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
        atlas.finished_job(pointInTimeUTCSeconds=SECONDS, finishedAt=old)
        assert not run(reuse_within=3 * 3600.0)["changed"]
        assert run(reuse_within=3600.0)["changed"]
        assert run(reuse_within=0.0)["changed"]
        assert len(atlas.databases.started) == 2

    def test_one_that_failed_is_tried_again(self, atlas, run):
        atlas.finished_job(pointInTimeUTCSeconds=SECONDS, failed=True)
        assert run()["changed"]


class TestKey:
    """Under one idempotency key a restore is started at most once."""

    def test_however_long_ago_it_was(self, atlas, run):
        first = run(idempotency_key="incident-1")
        again = run(idempotency_key="incident-1", reuse_within=0.0)
        assert (first["changed"], again["changed"]) == (True, False)
        assert again["job"]["id"] == first["job"]["id"]
        assert len(atlas.databases.started) == 1

    def test_on_a_machine_that_does_not_know_it(self, atlas, run, tmp_path):
        run(idempotency_key="incident-1")
        elsewhere = str(tmp_path / "elsewhere")
        assert not run(idempotency_key="incident-1", reuse_within=0.0, ledger_directory=elsewhere)["changed"]
        assert len(atlas.databases.started) == 1

    def test_also_when_it_failed(self, atlas, run):
        atlas.databases.outcome = "failed"
        assert "has ended as failed" in refused(run, idempotency_key="incident-1").message
        atlas.databases.outcome = "finished"
        error = refused(run, idempotency_key="incident-1")
        assert "has ended as failed" in error.message
        assert "another idempotency_key starts anew" in error.hint
        assert len(atlas.databases.started) == 1
        assert run(idempotency_key="incident-1-again")["changed"]

    def test_for_one_restore_alone(self, atlas, run):
        run(idempotency_key="incident-1")
        error = refused(run, idempotency_key="incident-1", point_in_time=(AT + timedelta(seconds=1)).isoformat())
        assert error.message.startswith("idempotency_key: was used for another restore")
        assert error.code is ErrorCode.CONFLICT
        assert len(atlas.databases.started) == 1

    def test_a_run_that_was_killed_before_the_answer(self, atlas, run, monkeypatch):
        """The request got through, the process ended before it knew."""
        atlas.finished_job(pointInTimeUTCSeconds=SECONDS, failed=True)

        def killed(*_args):
            raise KeyboardInterrupt

        monkeypatch.setattr("miniapp_infra.atlas.models.RestoreJob.from_api", _until_started(atlas, killed))
        with pytest.raises(KeyboardInterrupt):
            run(idempotency_key="incident-1")
        monkeypatch.undo()
        assert len(atlas.databases.started) == 1
        done = run(idempotency_key="incident-1", reuse_within=0.0)
        assert done["job"]["id"] == atlas.world.jobs["prod"][1]["id"]
        assert len(atlas.databases.started) == 1

    def test_a_run_that_was_killed_while_it_waited(self, atlas, run, tmp_path):
        atlas.databases.looks = 100000
        given = {**DEFAULTS, **atlas.key, "ledger_directory": str(tmp_path / "ledger"), "idempotency_key": "incident-1"}
        process = subprocess.Popen([sys.executable, "-c", _RESTORE, json.dumps(given)])
        end = time.monotonic() + 60
        while not atlas.databases.started:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
        process.kill()
        process.wait(60)
        atlas.databases.looks = 0
        done = run(idempotency_key="incident-1")
        assert done["job"]["id"] == atlas.world.jobs["prod"][0]["id"]
        assert len(atlas.databases.started) == 1

    def test_a_request_that_was_refused_may_be_repeated(self, atlas, run):
        """Nothing was started, so that the key is still free."""
        atlas.context.faults.limited = 1
        atlas.context.faults.retry_after = 0
        refused(run, idempotency_key="incident-1")
        assert run(idempotency_key="incident-1")["changed"]

    def test_the_newest_snapshot_stays_the_one_of_the_first_run(self, atlas, run):
        atlas.world.add_snapshot("prod", AT - timedelta(hours=2))
        given = {"point_in_time": None, "snapshot_id": "latest", "idempotency_key": "drill-1"}
        first = run(**given)
        atlas.world.add_snapshot("prod", AT - timedelta(hours=1))
        assert run(**given)["restored_to"] == first["restored_to"]
        assert len(atlas.databases.started) == 1

    def test_two_runs_at_the_same_time(self, atlas, run):
        atlas.databases.looks = 20
        results, threads = [], []
        for _ in range(4):
            threads.append(threading.Thread(target=lambda: results.append(run(idempotency_key="incident-1"))))
            threads[-1].start()
        for thread in threads:
            thread.join(120)
        assert len({result["job"]["id"] for result in results}) == 1
        assert len(results) == 4
        assert len(atlas.databases.started) == 1


@pytest.mark.parametrize("outcome", ["failed", "cancelled", "expired"])
def test_a_job_that_ends_badly_fails_at_once(atlas, run, outcome):
    atlas.databases.outcome = outcome
    error = refused(run)
    assert error.message.endswith(f"restore job {atlas.world.jobs['prod'][0]['id']} has ended as {outcome}")
    assert error.code is ErrorCode.UPSTREAM
    assert not error.retryable


def test_a_timeout_tells_how_far_it_got(atlas, run):
    atlas.databases.looks = 100000
    error = refused(run, wait_timeout=0.2)
    job = atlas.world.jobs["prod"][0]["id"]
    assert error.message == (
        f"Timed out after 0.2 s waiting for drill to be restored to {AT:%Y-%m-%dT%H:%M:%SZ}: job {job} in_progress"
    )
    assert (error.code, error.retryable) == (ErrorCode.TIMEOUT, True)


def test_the_target_must_be_idle_again(atlas, run):
    atlas.databases.state_after = "REPAIRING"
    error = refused(run, wait_timeout=0.2)
    assert error.message.endswith(f"job {atlas.world.jobs['prod'][0]['id']} finished, drill REPAIRING")
    atlas.world.clusters["drill"]["stateName"] = "IDLE"
    assert run()["target"]["state"] == "IDLE"
    assert len(atlas.databases.started) == 1


@pytest.mark.parametrize("way", ["account", "key"])
def test_requests_over_the_limit_are_sent_again_when_atlas_says(atlas, run, way):
    given = {**dict.fromkeys(("client_id", "client_secret", "public_key", "private_key")), **getattr(atlas, way)}
    atlas.context.faults.limited = 2
    assert run(**given, retries=3)["changed"]
    assert atlas.context.faults.limited == 0
    assert len(atlas.databases.started) == 1


def test_a_limit_that_does_not_end_is_told(atlas, run):
    atlas.context.faults.limited = 1000
    atlas.context.faults.retry_after = 0
    error = refused(run)
    assert "Atlas answered 429: Too many requests." in error.message
    assert (error.code, error.retryable) == (ErrorCode.UNAVAILABLE, True)


@pytest.mark.parametrize("way", ["account", "key"])
def test_a_session_that_ends_during_the_wait_is_renewed(atlas, run, way):
    given = {**dict.fromkeys(("client_id", "client_secret", "public_key", "private_key")), **getattr(atlas, way)}
    looked_at = atlas.databases.looked_at

    def end_session(job):
        atlas.context.gate.revoke()
        looked_at(job)

    atlas.databases.looked_at = end_session
    assert run(**given)["job"]["phase"] == "finished"


def test_no_secret_is_in_an_error(atlas, run):
    atlas.context.gate.revoke()
    error = refused(run, private_key="not-the-right-key", source_cluster_name="none")
    assert error.code is ErrorCode.FORBIDDEN
    assert "not-the-right-key" not in json.dumps([error.message, error.as_dict(), repr(error.__cause__)])


def _until_started(atlas, killed):
    original = RestoreJob.from_api

    def read(raw):
        return killed() if atlas.databases.started else original(raw)

    return read
