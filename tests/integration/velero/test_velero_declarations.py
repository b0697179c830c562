# SPDX-License-Identifier: GPL-3.0-or-later
"""``velero_schedule``, ``velero_backup_storage_location`` and ``velero_backup_info``."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from scripted_velero import START, ScriptedVelero, completed, status

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import RunModule
    from live_apiserver import ApiServer

pytestmark = pytest.mark.live

NIGHTLY = {
    "name": "nightly",
    "schedule": "CRON_TZ=Europe/Zurich 0 2 * * *",
    "included_namespaces": ["shop"],
    "ttl": "24h",
}
PLACE = {
    "name": "archive",
    "provider": "aws",
    "bucket": "backups",
    "prefix": "a",
    "config": {"region": "r", "s3Url": "u"},
}


def failure_of(call: Callable[[], Any]) -> tuple[MiniappInfraError, dict[str, Any]]:
    with pytest.raises(MiniappInfraError) as caught:
        call()
    return caught.value, caught.value.result() if hasattr(caught.value, "result") else {}


def test_the_cycle_of_a_schedule(cycle: Any, velero: ScriptedVelero, kubectl: Callable[..., Any]) -> None:
    def live() -> dict[str, Any]:
        return dict(kubectl("get", "schedules.velero.io", "nightly", "-n", velero.namespace, "-o", "json"))

    options = {**NIGHTLY, "skip_immediately": True}
    told, made = cycle("velero_schedule", options, {"check": True}, {})
    assert (told["changed"], told["diff"]["before"]) == (True, "")
    assert (made["changed"], made["schedule"]["phase"]) == (True, "Enabled")
    kubectl(
        "wait", "schedules.velero.io/nightly", "-n", velero.namespace,
        "--for=jsonpath={.spec.skipImmediately}=false", "--timeout=60s",
    )  # fmt: skip
    assert live()["spec"]["template"] == {"includedNamespaces": ["shop"], "ttl": "24h"}
    # Velero has turned skipImmediately back; that is no difference, whatever is asked for.
    *same, changed, narrowed = cycle(
        "velero_schedule",
        options,
        {},
        {},
        {"check": True},
        {"skip_immediately": False},
        {"ttl": "48h", "paused": True},
        {"ttl": None},  # what is not declared any more goes
    )
    assert [item["changed"] for item in same] == [False, False, False, False]
    assert "ttl: 48h" in changed["diff"]["after"]
    assert (changed["schedule"]["paused"], narrowed["changed"]) == (True, True)
    assert live()["spec"]["template"] == {"includedNamespaces": ["shop"]}
    assert "paused" not in live()["spec"]
    assert live()["status"]["phase"] == "Enabled"  # nothing of the status was wiped
    gone = cycle("velero_schedule", {"name": "nightly", "state": "absent"}, {"check": True}, {}, {})
    assert [item["changed"] for item in gone] == [True, True, False]


def test_a_wrong_cron_expression_changes_nothing(velero: ScriptedVelero, engine: Any) -> None:
    for wrong in ("0 2 * *", "61 * * * *", "@often", "CRON_TZ=Europe/Atlantis 0 2 * * *", "0 2 * * 7"):
        error, _ = failure_of(lambda wrong=wrong: engine("schedule", **{**NIGHTLY, "schedule": wrong}))
        assert error.message.startswith("schedule: ")
        assert error.code is ErrorCode.INVALID_INPUT
    assert velero.items("schedules") == []


def test_what_velero_refuses_is_reported(velero: ScriptedVelero, engine: Any) -> None:
    velero.script("schedules", "nightly", status("FailedValidation", validationErrors=["invalid schedule: x"]))
    error, _ = failure_of(lambda: engine("schedule", **NIGHTLY))
    assert "invalid schedule: x" in error.message
    # After a change, what Velero said before it does not count.
    velero.script("schedules", "nightly", lambda _: None, lambda _: None, status("Enabled", validationErrors=None))
    done = engine("schedule", **{**NIGHTLY, "ttl": "1h"})
    assert done["schedule"]["phase"] == "Enabled"


def test_a_schedule_that_nobody_looks_at(velero: ScriptedVelero, engine: Any) -> None:
    velero.script("schedules", "nightly")
    error, _ = failure_of(lambda: engine("schedule", **NIGHTLY, wait_timeout=0.5))
    assert "Velero has not looked at it yet" in error.message
    assert error.code is ErrorCode.TIMEOUT
    paused = engine("schedule", **NIGHTLY, paused=True, wait_timeout=0.5)  # Velero does not look at those at all
    assert (paused["changed"], paused["schedule"]["paused"]) == (True, True)


def test_fields_of_another_manager_are_taken_when_asked(
    velero: ScriptedVelero, engine: Any, kubectl: Callable[..., Any]
) -> None:
    engine("schedule", **NIGHTLY)
    change = '{"spec":{"template":{"ttl":"1h"}}}'
    kubectl("patch", "schedules.velero.io/nightly", "-n", velero.namespace, "--type=merge", "--patch", change)
    error, _ = failure_of(lambda: engine("schedule", **NIGHTLY))
    assert error.code is ErrorCode.CONFLICT
    assert engine("schedule", **NIGHTLY, force_conflicts=True)["changed"]
    assert not engine("schedule", **NIGHTLY)["changed"]


def test_the_cycle_of_a_location(cycle: Any, velero: ScriptedVelero, kubectl: Callable[..., Any]) -> None:
    module = "velero_backup_storage_location"

    def live() -> dict[str, Any]:
        where = ("backupstoragelocations.velero.io", "archive", "-n", velero.namespace)
        return dict(kubectl("get", *where, "-o", "json")["spec"])

    common = {**PLACE, "wait_timeout": 120}
    told, made = cycle(module, {**common, "validation_frequency": "1m"}, {"check": True}, {})
    assert (told["changed"], made["changed"], made["storage_location"]["phase"]) == (True, True, "Available")
    assert live()["objectStorage"] == {"bucket": "backups", "prefix": "a"}
    velero.patch("backupstoragelocations", "archive", {"spec": {"validationFrequency": "1m0s"}})
    short = {"name": "archive", "wait_timeout": 120}
    *same, read_only = cycle(
        module, short, {**PLACE, "validation_frequency": "1m"}, {"check": True, **PLACE}, {"access_mode": "ReadOnly"}
    )
    assert [item["changed"] for item in same] == [False, False]
    assert (read_only["changed"], read_only["storage_location"]["access_mode"]) == (True, "ReadOnly")
    assert live()["config"] == PLACE["config"]  # what was not given stays
    narrowed, moved = cycle(module, short, {"access_mode": "ReadWrite", "config": {"region": "r"}}, {"prefix": "b"})
    assert (narrowed["changed"], live()["config"]) == (True, {"region": "r"})
    assert any("points to another place now" in warning for warning in moved["warnings"])
    gone = cycle(module, {"name": "archive", "state": "absent"}, {"check": True}, {}, {})
    assert [item["changed"] for item in gone] == [True, True, False]


def test_available_from_before_a_change_is_not_believed(velero: ScriptedVelero, engine: Any) -> None:
    before = engine("storage_location", **PLACE)["storage_location"]["validated_at"]
    nothing = [lambda _: None] * 8
    velero.script(
        "backupstoragelocations", "archive", *nothing, status("Available", lastValidationTime="2026-11-24T04:00:00Z")
    )
    after = engine("storage_location", name="archive", access_mode="ReadOnly")["storage_location"]
    assert (after["validated_at"], after["access_mode"]) == ("2026-11-24T04:00:00Z", "ReadOnly")
    assert before != after["validated_at"]
    velero.script("backupstoragelocations", "archive")
    error, _ = failure_of(lambda: engine("storage_location", name="archive", access_mode="ReadWrite", wait_timeout=0.5))
    assert "phase Available, ReadWrite, which is from before the change" in error.message
    assert not engine("storage_location", name="archive", access_mode="ReadWrite")["changed"]


def test_a_location_that_is_not_available(velero: ScriptedVelero, engine: Any) -> None:
    velero.script("backupstoragelocations", "archive")
    state = status("Unavailable", lastValidationTime=START, message="no such bucket")
    place = {"provider": "aws", "objectStorage": {"bucket": "backups"}}
    velero.make("BackupStorageLocation", "backupstoragelocations", "archive", place, **state)
    error, _ = failure_of(lambda: engine("storage_location", name="archive", wait_timeout=0.5))
    assert "phase Unavailable, ReadWrite, no such bucket" in error.message
    assert error.code is ErrorCode.TIMEOUT


def test_what_a_new_location_needs_is_named(velero: ScriptedVelero, engine: Any) -> None:
    error, _ = failure_of(lambda: engine("storage_location", name="archive", access_mode="ReadOnly"))
    assert error.message.startswith("provider: is needed")
    error, _ = failure_of(lambda: engine("storage_location", name="archive", provider="aws", prefix="x"))
    assert error.message.startswith("bucket: is needed")
    error, _ = failure_of(lambda: engine("storage_location", **PLACE, validation_frequency="often"))
    assert error.message.startswith("validation_frequency: must be a duration")
    error, _ = failure_of(lambda: engine("storage_location", **PLACE, storage_ca_cert="x"))
    assert error.message.startswith("storage_ca_cert: must be certificates")
    assert velero.find("backupstoragelocations", "archive") is None


def test_ages(run_module: RunModule, velero: ScriptedVelero, velero_server: ApiServer, engine: Any) -> None:
    now = dt.datetime.now(dt.UTC)

    def ago(**time: float) -> str:
        return (now - dt.timedelta(**time)).strftime("%Y-%m-%dT%H:%M:%SZ")

    for name, schedule, state in (
        ("nightly-1", "nightly", completed()["status"] | {"startTimestamp": ago(hours=20)}),
        ("nightly-2", "nightly", completed()["status"] | {"startTimestamp": ago(hours=2), "errors": 1}),
        ("nightly-3", "nightly", completed()["status"] | {"startTimestamp": ago(hours=1), "failureReason": "lost"}),
        ("hourly-1", "hourly", completed()["status"] | {"startTimestamp": ago(minutes=30)}),
        ("by-hand", "", completed()["status"] | {"startTimestamp": ago(days=2)}),
        ("running", "hourly", {"phase": "InProgress", "startTimestamp": ago(minutes=1)}),
    ):
        labels = {"labels": {"velero.io/schedule-name": schedule}} if schedule else {}
        velero.make("Backup", "backups", name, {}, metadata=labels, status=state)
    where = {"kubeconfig": str(velero_server.kubeconfig), "namespace": velero.namespace}
    found = run_module("velero_backup_info", where)
    assert [item["name"] for item in found["backups"]] == [
        "running", "hourly-1", "nightly-3", "nightly-2", "nightly-1", "by-hand",
    ]  # fmt: skip
    assert {name: item["name"] for name, item in found["latest_successful"].items()} == {
        "nightly": "nightly-1", "hourly": "hourly-1", "": "by-hand",
    }  # fmt: skip
    assert not found["changed"]
    assert "rpo_met" not in found
    met = engine("backup_info", schedule="nightly", max_age="1d", check=True)
    assert (met["rpo_met"], met["max_age_seconds"]) == (True, 86400)
    assert 20 * 3600 - 1 <= met["age_seconds"] < 86400
    error, result = failure_of(lambda: engine("backup_info", schedule="nightly", max_age="12h"))
    assert "of schedule nightly: nightly-1 began" in error.message
    assert "at most 43200 s are allowed" in error.message
    assert (result["rpo_met"], len(result["backups"])) == (False, 3)
    told = engine("backup_info", schedule="nightly", max_age="12h", fail_on_rpo=False)
    assert told["rpo_met"] is False
    partial = engine("backup_info", schedule="nightly", max_age="12h", accept_partial=True)
    assert partial["latest_successful"]["nightly"]["name"] == "nightly-2"
    error, result = failure_of(lambda: engine("backup_info", schedule="weekly", max_age="7d"))
    assert "there is no backup" in error.message
    assert (result["age_seconds"], result["rpo_met"]) == (None, False)
    assert engine("backup_info", name="by-hand")["backups"][0]["name"] == "by-hand"
    error, _ = failure_of(lambda: engine("backup_info", max_age="soon"))
    assert error.message.startswith("max_age: must be a duration")
