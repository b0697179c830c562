# SPDX-License-Identifier: GPL-3.0-or-later
"""When a snapshot is the wanted one, and when it can be taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from miniapp_infra.cloud.aws import elasticache
from miniapp_infra.cloud.aws.session import AwsError, client
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.waiting import Patience, wait_for

SNAPSHOT = elasticache.Snapshot.from_api(
    {
        "SnapshotName": "before",
        "SnapshotStatus": "available",
        "ReplicationGroupId": "prod",
        "NodeSnapshots": [
            {"SnapshotCreateTime": datetime(2026, 11, 24, 10, minute, tzinfo=UTC)} for minute in (14, 15)
        ],
    }
)


@pytest.fixture(scope="module")
def aws():
    return client({"access_key": "AKIAEXAMPLE", "secret_key": "secret", "region": "eu-central-1"}, "elasticache")


def test_a_snapshot_is_as_old_as_its_last_part():
    assert SNAPSHOT.created == "2026-11-24T10:15:00Z"


@pytest.mark.parametrize("status", ["available", "creating", "copying", "exporting", "restoring"])
def test_one_that_is_or_will_be_there_is_taken(status):
    elasticache.check_snapshot(replace(SNAPSHOT, status=status), "prod")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (replace(SNAPSHOT, replication_group="other"), "there is one of other with this name"),
        (replace(SNAPSHOT, replication_group=""), "there is one of a single cluster with this name"),
        (replace(SNAPSHOT, status="failed"), "the one that is there is failed"),
        (replace(SNAPSHOT, status="deleting"), "the one that is there is deleting"),
    ],
)
def test_one_that_is_not_is_refused(found, message):
    with pytest.raises(MiniappInfraError, match=message) as caught:
        elasticache.check_snapshot(found, "prod")
    assert caught.value.code is ErrorCode.CONFLICT


def test_a_group_gives_one_only_when_it_is_available():
    elasticache.check_group([{"Status": "available"}], "prod")
    with pytest.raises(MiniappInfraError, match="prod is modifying, not available"):
        elasticache.check_group([{"Status": "modifying"}], "prod")
    with pytest.raises(MiniappInfraError, match="there is no replication group prod"):
        elasticache.check_group([], "prod")


def test_lost_answers_are_no_errors(aws):
    with Stubber(aws) as stub:
        stub.add_client_error("create_snapshot", "SnapshotAlreadyExistsFault", "There is.", 400)
        elasticache.create_snapshot(aws, "before", "prod", None, {})
        stub.add_client_error("delete_snapshot", "SnapshotNotFoundFault", "There is none.", 404)
        elasticache.delete_snapshot(aws, "before")


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("describe_snapshots", lambda aws: elasticache.find_snapshot(aws, "before")),
        ("describe_replication_groups", lambda aws: elasticache.list_groups(aws, "prod")),
        ("delete_snapshot", lambda aws: elasticache.delete_snapshot(aws, "before")),
    ],
)
def test_missing_rights_are_not_absence(aws, operation, call):
    with Stubber(aws) as stub:
        stub.add_client_error(operation, "AccessDenied", "No.", 403)
        with pytest.raises(AwsError) as caught:
            call(aws)
    assert caught.value.code is ErrorCode.FORBIDDEN


def wait(goal, *states):
    remaining, now = list(states), [0.0]
    patience = Patience(60, 5, lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds))
    return wait_for(lambda: remaining.pop(0) if len(remaining) > 1 else remaining[0], goal, patience)


def test_a_snapshot_is_waited_for():
    assert wait(elasticache.present_goal("before"), None, replace(SNAPSHOT, status="creating"), SNAPSHOT).polls == 3
    assert wait(elasticache.absent_goal("before"), replace(SNAPSHOT, status="deleting"), None).last == "gone"


def test_one_that_fails_ends_the_wait():
    with pytest.raises(MiniappInfraError, match="its status is failed"):
        wait(elasticache.present_goal("before"), replace(SNAPSHOT, status="failed"))


def test_a_timeout_names_the_last_status():
    with pytest.raises(MiniappInfraError, match="to be available: creating"):
        wait(elasticache.present_goal("before"), replace(SNAPSHOT, status="creating"))
    with pytest.raises(MiniappInfraError, match="to be gone: deleting"):
        wait(elasticache.absent_goal("before"), replace(SNAPSHOT, status="deleting"))
