# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules for access lists, backup schedules and clusters, each through its whole cycle.

What they did is read from the stand-in itself, not through the modules.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from miniapp_infra.atlas.tasks import access, backup_schedule, cluster_info
from miniapp_infra.errors import MiniappInfraError

from .emulator import PROJECT

DAILY = {"frequency_type": "daily", "frequency_interval": 1, "retention_unit": "days", "retention_value": 30}
HOURLY = {"frequency_type": "hourly", "frequency_interval": 6, "retention_unit": "days", "retention_value": 7}


# What the argument specifications add; for calls of the engine itself, which are quick.
WAITS = {"wait": True, "wait_interval": 0.01, "wait_timeout": 60}
ACCESS = {"purge": False, "state": "present", **WAITS}
SCHEDULE = {"reference_time": None, "restore_window_days": None, "policy_items": None, "update_snapshots": False}


def test_the_cycle_of_an_access_list(atlas, module_process):
    there = {"cidrBlock": "192.0.2.0/24", "comment": "by hand", "groupId": PROJECT, "links": []}
    atlas.world.access["192.0.2.0/24"] = there
    entries = [{"ip_address": "203.0.113.17", "comment": "gateway"}, {"cidr_block": "10.0.0.0/8"}]
    wanted = {**atlas.key, "project_id": PROJECT, "entries": entries}

    def run(*, check=False, **changes):
        return module_process("mongodb_atlas_access_list", {**wanted, **changes}, check=check, diff=True)

    def look(*, check=False, **changes):
        return access({**ACCESS, **wanted, **changes}, check_mode=check, diff_mode=True)

    would = look(check=True)
    assert would["changed"]
    assert would["added"] == ["203.0.113.17/32", "10.0.0.0/8"]
    assert list(atlas.world.access) == ["192.0.2.0/24"]
    assert not atlas.changes
    done = run()
    assert (done["changed"], done["diff"]) == (True, would["diff"])
    assert atlas.world.access["203.0.113.17/32"]["comment"] == "gateway"
    assert sorted(atlas.world.access) == ["10.0.0.0/8", "192.0.2.0/24", "203.0.113.17/32"]
    assert done["wait"]["last"] == "203.0.113.17/32 ACTIVE, 10.0.0.0/8 ACTIVE"
    assert not run()["changed"]
    purged = look(purge=True)
    assert (purged["added"], purged["removed"]) == ([], ["192.0.2.0/24"])
    assert sorted(atlas.world.access) == ["10.0.0.0/8", "203.0.113.17/32"]
    assert run(state="absent")["removed"] == ["203.0.113.17/32", "10.0.0.0/8"]
    assert atlas.world.access == {}
    assert not look(state="absent")["changed"]


def test_what_is_needed_is_active_before_others_go(atlas):
    atlas.world.access["192.0.2.0/24"] = {"cidrBlock": "192.0.2.0/24", "comment": "", "groupId": PROJECT}
    entries = [{"cidr_block": "10.0.0.0/8"}]
    given = {**atlas.account, "project_id": PROJECT, "entries": entries, "purge": True}
    assert access({**ACCESS, **given}, check_mode=False, diff_mode=False)["changed"]
    order = [(item.method, item.path.rpartition("/")[2]) for item in atlas.exchanges]
    assert order[-3:] == [("POST", "accessList"), ("GET", "status"), ("DELETE", "192.0.2.0%2F24")]


def test_the_cycle_of_a_backup_schedule(atlas, module_process):
    schedule = atlas.world.schedules["prod"]
    ids = {item["frequencyType"]: item["id"] for item in schedule["policies"][0]["policyItems"]}
    wanted = {
        **atlas.account,
        "project_id": PROJECT,
        "cluster_name": "prod",
        "reference_time": "03:30",
        "restore_window_days": 14,
        "policy_items": [DAILY, HOURLY],
    }

    def run(*, check=False, **changes):
        return module_process("mongodb_atlas_backup_schedule", {**wanted, **changes}, check=check, diff=True)

    def look(*, check=False, **changes):
        return backup_schedule({**SCHEDULE, **wanted, **changes}, check_mode=check, diff_mode=True)

    would = look(check=True)
    assert would["changed"]
    assert schedule["restoreWindowDays"] == 7
    assert not atlas.changes
    done = run()
    assert done["diff"] == would["diff"]
    assert done["diff"]["before"]["reference_time"] == "18:11"
    assert (schedule["referenceHourOfDay"], schedule["referenceMinuteOfHour"]) == (3, 30)
    assert schedule["restoreWindowDays"] == 14
    after = {item["frequencyType"]: item for item in schedule["policies"][0]["policyItems"]}
    assert {kind: item["id"] for kind, item in after.items()} == ids
    assert after["daily"]["retentionValue"] == 30
    assert not run()["changed"]
    assert not look(check=True, policy_items=[HOURLY, DAILY])["changed"]
    assert run(policy_items=[HOURLY])["schedule"]["policy_items"] == [HOURLY]
    assert [item["frequencyType"] for item in schedule["policies"][0]["policyItems"]] == ["hourly"]
    assert atlas.changes == [("PATCH", "schedule"), ("PATCH", "schedule")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pitEnabled": False}, "restore_window_days: needs continuous backup"),
        ({"backupEnabled": False}, "backups are not enabled on it"),
    ],
)
def test_a_schedule_needs_what_terraform_declares(atlas, changes, message):
    atlas.world.clusters["prod"] |= changes
    given = {**atlas.account, "project_id": PROJECT, "cluster_name": "prod", "restore_window_days": 14}
    with pytest.raises(MiniappInfraError, match=message):
        backup_schedule({**SCHEDULE, **given}, check_mode=False, diff_mode=False)
    assert not atlas.changes


def test_clusters_are_described(atlas, module_process):
    for number in range(3):
        atlas.world.add_snapshot("prod", datetime(2026, 11, 1 + number, tzinfo=UTC))
    atlas.world.clusters["drill"]["pitEnabled"] = False
    given = {**atlas.key, "project_id": PROJECT, "include_snapshots": True}
    found = {item["name"]: item for item in module_process("mongodb_atlas_cluster_info", given)["clusters"]}
    assert set(found) == {"prod", "drill"}
    assert found["prod"]["state"] == "IDLE"
    assert found["prod"]["restore_window"]["days"] == 7
    assert found["drill"]["restore_window"] is None
    assert [item["created"] for item in found["prod"]["snapshots"]] == [
        "2026-11-03T00:00:00Z",
        "2026-11-02T00:00:00Z",
        "2026-11-01T00:00:00Z",
    ]
    params = {**atlas.key, "project_id": PROJECT, "cluster_name": "none", "include_snapshots": False, "lag": 60.0}
    none = cluster_info(params, check_mode=False, diff_mode=False)
    assert none["clusters"] == []


@pytest.mark.parametrize("account", ["account", "key"])
def test_an_account_without_rights_is_not_an_absent_cluster(atlas, module_process, account):
    secrets = {"client_secret": "wrong-secret-1", "private_key": "wrong-secret-2"}
    given = {**getattr(atlas, account), "project_id": PROJECT, "cluster_name": "none"}
    given |= {name: value for name, value in secrets.items() if name in given}
    failed = module_process("mongodb_atlas_cluster_info", given)
    assert failed["failed"]
    assert failed["error"]["code"] == "forbidden"
    assert "answered 401" in failed["msg"]
    assert "wrong-secret" not in json.dumps(failed)


def test_credentials_are_needed(atlas, module_process):
    given = {"url": atlas.server.url, "project_id": PROJECT}
    failed = module_process("mongodb_atlas_cluster_info", given)
    assert failed["msg"] == "one of the following is required: client_id, public_key"


def test_no_secret_is_shown(atlas, module_process):
    given = {**atlas.account, "project_id": PROJECT, "entries": [{"ip_address": "10.0.0.1"}]}
    given |= {"public_key": atlas.credentials.public_key, "private_key": atlas.credentials.private_key}
    text = json.dumps(module_process("mongodb_atlas_access_list", given, diff=True))
    for secret in (atlas.credentials.client_secret, atlas.credentials.private_key):
        assert secret not in text
