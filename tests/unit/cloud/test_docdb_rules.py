# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore of DocumentDB needs. Refusals of AWS that moto cannot give are stubbed with botocore."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import ANY, Stubber

from miniapp_infra.cloud.aws import docdb
from miniapp_infra.cloud.aws.session import AwsError, client
from miniapp_infra.cloud.aws.tasks import restore_of
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.waiting import Patience, wait_for

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PARAMS = {
    "source": "prod",
    "target": "prod-restored",
    "confirm_target": "prod-restored",
    "restore_to_time": "2026-11-24T10:15:00Z",
    "use_latest_restorable_time": None,
    "restore_type": "full-copy",
    "instances": [{"instance_class": "db.r6g.large", "count": 2}, {"instance_class": "db.t4g.medium", "count": 1}],
    "subnet_group": "prod",
    "vpc_security_group_ids": ["sg-1"],
    "kms_key_id": None,
    "port": None,
    "deletion_protection": True,
    "tags": {"env": "prod"},
}
LATEST = {"restore_to_time": None, "use_latest_restorable_time": True}
SOURCE = docdb.Cluster.from_api(
    {
        "DBClusterIdentifier": "prod",
        "Status": "available",
        "Engine": "docdb",
        "EarliestRestorableTime": NOW - timedelta(days=7),
        "LatestRestorableTime": NOW - timedelta(minutes=5),
    }
)


@pytest.fixture(scope="module")
def aws():
    return client({"access_key": "AKIAEXAMPLE", "secret_key": "secret", "region": "eu-central-1"}, "docdb")


def test_instances_are_numbered():
    assert restore_of(PARAMS).instances == {
        "prod-restored-1": "db.r6g.large",
        "prod-restored-2": "db.r6g.large",
        "prod-restored-3": "db.t4g.medium",
    }


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"confirm_target": "prod"}, ErrorCode.REFUSED_BY_POLICY, "confirm_target: must be the name of the target"),
        ({"target": "PROD", "confirm_target": "PROD"}, ErrorCode.REFUSED_BY_POLICY, "target: must differ from source"),
        ({"target": "1st", "confirm_target": "1st"}, ErrorCode.INVALID_INPUT, "target: must begin with a letter"),
        ({"target": "a--b", "confirm_target": "a--b"}, ErrorCode.INVALID_INPUT, "target: must begin with a letter"),
        ({"target": "a-", "confirm_target": "a-"}, ErrorCode.INVALID_INPUT, "target: must begin with a letter"),
        ({"target": "a" * 61, "confirm_target": "a" * 61}, ErrorCode.INVALID_INPUT, "at most 60"),
        (
            {"restore_to_time": "2026-11-24 10:15"},
            ErrorCode.INVALID_INPUT,
            "restore_to_time: must end with a time zone",
        ),
        ({"restore_to_time": None}, ErrorCode.INVALID_INPUT, "use_latest_restorable_time: must be true"),
        ({"restore_type": "copy-on-write"}, ErrorCode.INVALID_INPUT, "a copy-on-write restore takes the newest data"),
        ({"instances": []}, ErrorCode.INVALID_INPUT, "instances: must be 1 to 16"),
        (
            {"instances": [{"instance_class": "db.r6g.large", "count": 17}]},
            ErrorCode.INVALID_INPUT,
            "instances: must be 1 to 16 in all; got 17",
        ),
        (
            {"instances": [{"instance_class": "db.r6g.large", "count": 0}]},
            ErrorCode.INVALID_INPUT,
            "count must be at least 1",
        ),
        ({"vpc_security_group_ids": []}, ErrorCode.INVALID_INPUT, "vpc_security_group_ids: must name at least one"),
    ],
)
def test_what_is_refused_without_a_request(changes, code, message):
    with pytest.raises(MiniappInfraError, match=message) as caught:
        restore_of({**PARAMS, **changes})
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "there is no cluster prod"),
        (replace(SOURCE, engine="neptune"), "source: prod is a cluster of neptune, not of DocumentDB"),
        (replace(SOURCE, earliest=None), "prod has no automatic backup yet"),
        (replace(SOURCE, earliest=NOW - timedelta(hours=1)), "restore_to_time: must lie between"),
        (replace(SOURCE, latest=NOW - timedelta(hours=2)), "restore_to_time: must lie between"),
    ],
)
def test_what_the_source_cannot_give(source, message):
    with pytest.raises(MiniappInfraError, match=message):
        docdb.check_source(source, restore_of(PARAMS))


def test_the_newest_data_has_no_bounds():
    docdb.check_source(SOURCE, restore_of({**PARAMS, **LATEST}))


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({}, "not restored by us"),
        ({docdb.SOURCE_TAG: "other", docdb.TIME_TAG: "2026-11-24T10:15:00Z"}, "restored from other"),
        ({docdb.SOURCE_TAG: "prod", docdb.TIME_TAG: "latest"}, "restored from prod to latest"),
    ],
)
def test_a_cluster_of_somebody_else_is_not_taken_over(tags, said):
    with pytest.raises(MiniappInfraError, match=said) as caught:
        docdb.check_origin(tags, restore_of(PARAMS))
    assert caught.value.code is ErrorCode.CONFLICT


def test_the_request_is_what_aws_wants(aws):
    expected = {
        "DBClusterIdentifier": "prod-restored",
        "SourceDBClusterIdentifier": "prod",
        "RestoreType": "full-copy",
        "RestoreToTime": datetime(2026, 11, 24, 10, 15, tzinfo=UTC),
        "DBSubnetGroupName": "prod",
        "VpcSecurityGroupIds": ["sg-1"],
        "DeletionProtection": True,
        "Tags": [
            {"Key": "env", "Value": "prod"},
            {"Key": "miniapp-infra/restored-from", "Value": "prod"},
            {"Key": "miniapp-infra/restored-to", "Value": "2026-11-24T10:15:00Z"},
        ],
    }
    with Stubber(aws) as stub:
        stub.add_response("restore_db_cluster_to_point_in_time", {}, expected)
        assert docdb.start(aws, restore_of(PARAMS))
        stub.assert_no_pending_responses()


def test_the_newest_data_as_a_clone(aws):
    clone = restore_of({**PARAMS, **LATEST, "restore_type": "copy-on-write", "port": 27018, "kms_key_id": "key"})
    expected = dict.fromkeys(("DBSubnetGroupName", "VpcSecurityGroupIds", "DeletionProtection", "Tags"), ANY) | {
        "DBClusterIdentifier": "prod-restored",
        "SourceDBClusterIdentifier": "prod",
        "RestoreType": "copy-on-write",
        "UseLatestRestorableTime": True,
        "Port": 27018,
        "KmsKeyId": "key",
    }
    with Stubber(aws) as stub:
        stub.add_response("restore_db_cluster_to_point_in_time", {}, expected)
        assert docdb.start(aws, clone)


def test_a_cluster_that_a_lost_request_made_is_no_error(aws):
    with Stubber(aws) as stub:
        stub.add_client_error("restore_db_cluster_to_point_in_time", "DBClusterAlreadyExistsFault", "There is.", 400)
        assert not docdb.start(aws, restore_of(PARAMS))
        stub.add_client_error("create_db_instance", "DBInstanceAlreadyExists", "There is.", 400)
        docdb.add_instance(aws, SOURCE, "prod-1", "db.r6g.large", {})


def test_other_refusals_are_errors(aws):
    with Stubber(aws) as stub:
        stub.add_client_error("restore_db_cluster_to_point_in_time", "InvalidDBClusterStateFault", "Busy.", 400)
        with pytest.raises(AwsError, match="InvalidDBClusterStateFault"):
            docdb.start(aws, restore_of(PARAMS))
        stub.add_client_error("create_db_instance", "InsufficientDBInstanceCapacity", "None left.", 400)
        with pytest.raises(AwsError, match="InsufficientDBInstanceCapacity"):
            docdb.add_instance(aws, SOURCE, "prod-1", "db.r6g.large", {})
        stub.add_client_error("describe_db_clusters", "AccessDenied", "No.", 403)
        with pytest.raises(AwsError, match="AccessDenied"):
            docdb.find_cluster(aws, "prod")


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def wait(goal, *states):
    clock, remaining = Clock(), list(states)
    return wait_for(
        lambda: remaining.pop(0) if len(remaining) > 1 else remaining[0], goal, Patience(60, 5, clock, clock.sleep)
    )


def test_a_restore_is_followed_until_it_is_available():
    creating = replace(SOURCE, status="creating", progress="40")
    waited = wait(docdb.cluster_goal("prod"), None, creating, SOURCE)
    assert (waited.polls, waited.last) == (3, "available")


def test_a_timeout_tells_how_far_it_got():
    with pytest.raises(MiniappInfraError, match=r"to be available: creating \(40 %\)$") as caught:
        wait(docdb.cluster_goal("prod"), replace(SOURCE, status="creating", progress="40"))
    assert caught.value.code is ErrorCode.TIMEOUT


@pytest.mark.parametrize(
    "status", ["failed", "incompatible-restore", "inaccessible-encryption-credentials", "deleting"]
)
def test_what_will_never_be_available_fails_at_once(status):
    with pytest.raises(MiniappInfraError, match=f"its status is {status}"):
        wait(docdb.cluster_goal("prod"), replace(SOURCE, status=status))
    with pytest.raises(MiniappInfraError, match=f"prod-1 is {status}"):
        wait(docdb.instances_goal("prod", ["prod-1"]), (docdb.Instance("prod-1", "db.r6g.large", status),))


def test_all_instances_are_waited_for():
    one, two = (docdb.Instance(f"prod-{number}", "db.r6g.large", "available") for number in (1, 2))
    starting = replace(two, status="creating")
    waited = wait(docdb.instances_goal("prod", ["prod-1", "prod-2"]), (), (one,), (one, starting), (one, two))
    assert waited.polls == 4
