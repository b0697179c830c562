# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of DocumentDB through the module, against moto; what was made is read with boto3."""

from __future__ import annotations

import json

import pytest

from miniapp_infra.cloud.aws.tasks import docdb_cluster_restore
from miniapp_infra.errors import MiniappInfraError


@pytest.fixture(scope="module")
def docdb(boto):
    return boto("docdb")


@pytest.fixture
def source(docdb, name):
    docdb.create_db_cluster(
        DBClusterIdentifier=name, Engine="docdb", MasterUsername="admin", MasterUserPassword="not-a-real-one"
    )
    yield name
    for cluster in (name, f"{name}-new"):
        for instance in _instances(docdb, cluster):
            docdb.delete_db_instance(DBInstanceIdentifier=instance)
        if _cluster(docdb, cluster):
            docdb.modify_db_cluster(DBClusterIdentifier=cluster, DeletionProtection=False)
            docdb.delete_db_cluster(DBClusterIdentifier=cluster, SkipFinalSnapshot=True)


@pytest.fixture
def restore(module_process, access, source):
    given = {
        **access,
        "source": source,
        "target": f"{source}-new",
        "confirm_target": f"{source}-new",
        "use_latest_restorable_time": True,
        "subnet_group": "default",
        "vpc_security_group_ids": ["sg-1", "sg-2"],
        "instances": [{"instance_class": "db.r6g.large", "count": 2}],
        "tags": {"env": "test"},
        "wait_interval": 0.05,
        "wait_timeout": 60,
    }

    def run(*, check=False, **changes):
        merged = {key: value for key, value in {**given, **changes}.items() if value is not None}
        return module_process("docdb_cluster_restore", merged, check=check, diff=True)

    run.given = given
    return run


def _refused(restore, **changes):
    unset = dict.fromkeys(("restore_to_time", "kms_key_id", "port"))
    defaults = {"restore_type": "full-copy", "deletion_protection": True, "wait": True}
    with pytest.raises(MiniappInfraError) as caught:
        docdb_cluster_restore({**unset, **defaults, **restore.given, **changes}, check_mode=False, diff_mode=False)
    return caught.value


def _cluster(docdb, name):
    found = [item for item in docdb.describe_db_clusters()["DBClusters"] if item["DBClusterIdentifier"] == name]
    return found[0] if found else None


def _instances(docdb, cluster):
    found = docdb.describe_db_instances()["DBInstances"]
    return sorted(item["DBInstanceIdentifier"] for item in found if item.get("DBClusterIdentifier") == cluster)


def test_the_cycle_of_a_restore(docdb, source, restore):
    target = f"{source}-new"
    would = restore(check=True)
    assert (would["changed"], would["cluster"]) == (True, None)
    assert _cluster(docdb, target) is None
    done = restore()
    assert done["changed"], done
    assert done["diff"] == would["diff"]
    made = _cluster(docdb, target)
    assert made["DeletionProtection"]
    assert [group["VpcSecurityGroupId"] for group in made["VpcSecurityGroups"]] == ["sg-1", "sg-2"]
    tags = {
        tag["Key"]: tag["Value"] for tag in docdb.list_tags_for_resource(ResourceName=made["DBClusterArn"])["TagList"]
    }
    assert tags == {"env": "test", "miniapp-infra/restored-from": source, "miniapp-infra/restored-to": "latest"}
    assert _instances(docdb, target) == [f"{target}-1", f"{target}-2"]
    assert done["cluster"]["endpoint"] == made["Endpoint"]
    assert [item["status"] for item in done["cluster"]["instances"]] == ["available", "available"]
    again = restore()
    assert (again["changed"], again["cluster"]) == (False, done["cluster"])
    # As after a run that was killed before it added the second instance.
    docdb.delete_db_instance(DBInstanceIdentifier=f"{target}-2")
    assert restore(check=True)["changed"]
    assert _instances(docdb, target) == [f"{target}-1"]
    assert restore()["changed"]
    assert _instances(docdb, target) == [f"{target}-1", f"{target}-2"]
    other = _refused(restore, use_latest_restorable_time=None, restore_to_time="2026-11-24T10:15:00Z")
    assert f"already, restored from {source} to latest" in other.message


def test_a_cluster_of_the_same_name_is_not_taken_over(docdb, source, restore):
    docdb.create_db_cluster(
        DBClusterIdentifier=f"{source}-new", Engine="docdb", MasterUsername="admin", MasterUserPassword="not-a-real-one"
    )
    assert "already, not restored by us" in _refused(restore).message
    assert _instances(docdb, f"{source}-new") == []


@pytest.mark.parametrize(
    ("changes", "message", "code"),
    [
        ({"confirm_target": "prod"}, "confirm_target: must be the name of the target", "refused_by_policy"),
        (
            {"use_latest_restorable_time": None, "restore_to_time": "2020-01-01T00:00:00Z"},
            "restore_to_time: must lie between",
            "invalid_input",
        ),
        ({"source": "none"}, "there is no cluster none", "not_found"),
    ],
)
def test_wrong_requests_make_nothing(docdb, restore, changes, message, code):
    error = _refused(restore, **changes)
    assert message in error.message
    assert error.code == code
    assert _cluster(docdb, restore.given["target"]) is None


def test_a_restore_without_waiting_says_what_is_left(docdb, source, restore):
    started = restore(wait=False)
    assert started["changed"]
    if not _instances(docdb, f"{source}-new"):
        assert "another run of this task adds its instances" in " ".join(started["warnings"])
    restore()
    assert _instances(docdb, f"{source}-new") == [f"{source}-new-1", f"{source}-new-2"]


def test_no_secret_is_shown(restore, access):
    assert access["secret_key"] not in json.dumps(restore(check=True, source="none"))
