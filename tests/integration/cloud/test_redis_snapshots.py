# SPDX-License-Identifier: GPL-3.0-or-later
"""Replication groups and their snapshots through the modules, against moto; what was made is read with boto3."""

from __future__ import annotations

import pytest

from miniapp_infra.cloud.aws.tasks import elasticache_replication_group_info, redis_snapshot
from miniapp_infra.errors import ErrorCode, MiniappInfraError

DEFAULTS = {"state": "present", "kms_key_id": None, "tags": {}, "wait": True, "wait_interval": 0.05, "wait_timeout": 60}


@pytest.fixture(scope="module")
def elasticache(boto):
    return boto("elasticache")


@pytest.fixture
def group(elasticache, name):
    elasticache.create_replication_group(
        ReplicationGroupId=name,
        ReplicationGroupDescription="Sessions",
        Engine="redis",
        NumCacheClusters=2,
        AutomaticFailoverEnabled=True,
        TransitEncryptionEnabled=True,
        SnapshotRetentionLimit=7,
    )
    yield name
    elasticache.delete_replication_group(ReplicationGroupId=name)


def _snapshots(elasticache, group):
    found = elasticache.describe_snapshots(ReplicationGroupId=group)["Snapshots"]
    return {item["SnapshotName"]: item["SnapshotStatus"] for item in found}


def test_the_cycle_of_a_snapshot(elasticache, access, group, module_process):
    wanted = {**access, "name": f"{group}-before", "replication_group_id": group, "wait_interval": 0.05}

    def run(*, check=False, **changes):
        return module_process("redis_snapshot", {**wanted, **changes}, check=check, diff=True)

    def look(*, check=False, **changes):
        return redis_snapshot({**DEFAULTS, **wanted, **changes}, check_mode=check, diff_mode=True)

    would = look(check=True)
    assert (would["changed"], _snapshots(elasticache, group)) == (True, {})
    done = run()
    assert (done["changed"], done["diff"]) == (True, would["diff"])
    assert _snapshots(elasticache, group) == {f"{group}-before": "available"}
    assert done["snapshot"]["replication_group_id"] == group
    assert not run()["changed"]
    assert look(check=True, state="absent")["changed"]
    assert len(_snapshots(elasticache, group)) == 1
    assert run(state="absent")["changed"]
    assert _snapshots(elasticache, group) == {}
    assert not look(state="absent")["changed"]


def _refused(access, *, check=False, **changes):
    params = {**DEFAULTS, **access, **changes}
    with pytest.raises(MiniappInfraError) as caught:
        redis_snapshot(params, check_mode=check, diff_mode=False)
    return caught.value


def test_one_of_another_group_is_not_taken_for_ours(elasticache, access, group):
    elasticache.create_replication_group(ReplicationGroupId=f"{group}-b", ReplicationGroupDescription="Other")
    elasticache.create_snapshot(SnapshotName=f"{group}-s", ReplicationGroupId=f"{group}-b")
    error = _refused(access, name=f"{group}-s", replication_group_id=group)
    assert f"there is one of {group}-b with this name" in error.message
    assert error.code is ErrorCode.CONFLICT
    elasticache.delete_snapshot(SnapshotName=f"{group}-s")
    elasticache.delete_replication_group(ReplicationGroupId=f"{group}-b")


@pytest.mark.parametrize("check", [True, False], ids=["check", "run"])
def test_a_group_that_does_not_exist(access, name, check):
    error = _refused(access, check=check, name=name, replication_group_id=name)
    assert f"there is no replication group {name}" in error.message


def _info(access, **changes):
    params = {**access, "replication_group_id": None, "include_snapshots": False, **changes}
    return elasticache_replication_group_info(params, check_mode=False, diff_mode=False)["replication_groups"]


def test_groups_are_described(elasticache, access, group, module_process):
    elasticache.create_snapshot(SnapshotName=f"{group}-s", ReplicationGroupId=group)
    given = {**access, "replication_group_id": group, "include_snapshots": True}
    (found,) = module_process("elasticache_replication_group_info", given)["replication_groups"]
    (described,) = elasticache.describe_replication_groups(ReplicationGroupId=group)["ReplicationGroups"]
    assert (found["id"], found["status"], found["shards"]) == (group, "available", 1)
    assert found["members"] == sorted(described["MemberClusters"])
    assert found["primary_endpoint"]["port"] == 6379
    assert (found["automatic_failover"], found["transit_encryption"], found["at_rest_encryption"]) == (
        True,
        True,
        False,
    )
    assert found["snapshot_retention_days"] == 7
    assert [snapshot["name"] for snapshot in found["snapshots"]] == [f"{group}-s"]
    elasticache.delete_snapshot(SnapshotName=f"{group}-s")
    none = _info(access, replication_group_id=f"{group}-none")
    assert none == []
    everything = _info(access)
    assert group in {item["id"] for item in everything}
