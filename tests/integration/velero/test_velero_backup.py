# SPDX-License-Identifier: GPL-3.0-or-later
"""``velero_backup``: its cycle, and every way in which a backup of Velero can end, wait or stop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from scripted_velero import SIGNATURE, ScriptedVelero, completed, paused, progress, status

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.custom import CustomObjects
from miniapp_infra.velero import waiters
from miniapp_infra.velero.models import ref
from miniapp_infra.velero.waiters import volume_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from live_apiserver import ApiServer


pytestmark = pytest.mark.live

NAMESPACES = {"included_namespaces": ["shop"]}


def test_the_cycle(cycle: Any, velero: ScriptedVelero, kubectl: Callable[..., Any]) -> None:
    options = {"name": "before-upgrade", "ttl": "24h", "wait_timeout": 120, **NAMESPACES}

    def live() -> list[dict[str, Any]]:
        return list(kubectl("get", "backups.velero.io", "-n", velero.namespace, "-o", "json")["items"])

    # That the second one changes something proves that the first one, in check mode, did not.
    told, done, again, checked, other = cycle(
        "velero_backup", options, {"check": True}, {}, {}, {"check": True}, {"included_namespaces": ["payhub"]}
    )
    assert (told["changed"], told["diff"]["before"]) == (True, "")
    assert "included" in told["diff"]["after"]
    assert (done["changed"], done["backup"]["phase"], done["backup"]["items_done"]) == (True, "Completed", 3)
    assert done["rpo_age"] > 0
    assert done["wait"]["last"] == "phase Completed, 3 of 3 items"
    assert (again["changed"], checked["changed"]) == (False, False)
    assert "diff" not in again
    assert (other["failed"], other["error"]["code"]) == (True, "conflict")
    assert "it exists and was started with other options: includedNamespaces" in other["msg"]
    (found,) = live()
    assert found["spec"]["includedNamespaces"] == ["shop"]
    assert found["spec"]["ttl"] == "24h"
    gone = cycle("velero_backup", {**options, "state": "absent"}, {"check": True}, {}, {})
    assert [item["changed"] for item in gone] == [True, True, False]
    assert live() == []


def test_the_queue_is_waited_through(velero: ScriptedVelero, engine: Any) -> None:
    velero.script(
        "backups",
        "b",
        status("New"),
        status("Queued", queuePosition=2),
        status("Queued", queuePosition=1),
        status("ReadyToStart"),
        status("InProgress", progress=progress("backups", 1, 3)),
        status("WaitingForPluginOperations"),
        status("Finalizing"),
        completed(),
    )
    done = engine("backup", name="b", **NAMESPACES)
    assert done["backup"]["phase"] == "Completed"
    assert velero.scripts["backups", "b"] == []


def test_one_that_runs_is_waited_for_and_not_started_again(velero: ScriptedVelero, engine: Any) -> None:
    velero.make("Backup", "backups", "b", {"includedNamespaces": ["shop"]}, **status("InProgress"))
    velero.script("backups", "b", status("InProgress", progress=progress("backups", 1, 3)), completed())
    done = engine("backup", name="b", **NAMESPACES)
    assert (done["changed"], done["backup"]["phase"]) == (False, "Completed")


def test_without_waiting_it_is_only_started(velero: ScriptedVelero, engine: Any) -> None:
    velero.script("backups", "b")
    done = engine("backup", name="b", wait=False, **NAMESPACES)
    assert (done["changed"], done["backup"]["phase"]) == (True, "")
    assert velero.find("backups", "b") is not None


def failure_of(call: Callable[[], Any]) -> tuple[MiniappInfraError, dict[str, Any]]:
    with pytest.raises(MiniappInfraError) as caught:
        call()
    return caught.value, caught.value.result() if hasattr(caught.value, "result") else {}


def test_a_partial_backup_fails_with_what_velero_says(velero: ScriptedVelero, engine: Any) -> None:
    velero.script("backups", "b", completed(phase="PartiallyFailed", errors=2, warnings=1))
    told = {
        "errors": {"namespaces": {"shop": ["resource: /pods name: /a error: hook failed"]}},
        "warnings": {"velero": ["slow"]},
    }
    velero.files.put("BackupResults", "b", told)
    velero.files.put("BackupLog", "b", "".join(f"line {number}\n" for number in range(80)).encode())
    error, result = failure_of(lambda: engine("backup", name="b", **NAMESPACES))
    assert "Failed to back up" in error.message
    assert (
        "phase PartiallyFailed, 2 errors, 1 warning: shop: resource: /pods name: /a error: hook failed" in error.message
    )
    assert result["results"]["warnings"]["velero"] == ["slow"]
    assert (len(result["log_tail"]), result["log_tail"][-1]) == (50, "line 79")
    assert result["backup"]["phase"] == "PartiallyFailed"
    assert velero.items("downloadrequests") == []
    accepted = engine("backup", name="b", accept_partial=True, fetch_log="never", **NAMESPACES)
    assert not accepted["changed"]
    assert accepted["log_tail"] == []
    assert "2 errors accepted by accept_partial" in accepted["warnings"][-1]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"failureReason": "error uploading"}, "phase Completed: error uploading"),
        ({"errors": 1}, "phase Completed, 1 error, 0 warnings"),
    ],
)
def test_completed_alone_is_no_success(velero: ScriptedVelero, engine: Any, fields: Any, reason: str) -> None:
    velero.script("backups", "b", completed(**fields))
    error, _ = failure_of(lambda: engine("backup", name="b", **NAMESPACES))
    assert reason in error.message
    in_check, _ = failure_of(lambda: engine("backup", name="b", check=True, **NAMESPACES))
    assert reason in in_check.message


def test_a_reason_of_failure_is_not_accepted_as_partial(velero: ScriptedVelero, engine: Any) -> None:
    velero.script("backups", "b", completed(failureReason="error uploading", errors=1))
    error, _ = failure_of(lambda: engine("backup", name="b", accept_partial=True, **NAMESPACES))
    assert "error uploading" in error.message


def test_what_is_not_valid_fails_at_once(velero: ScriptedVelero, engine: Any) -> None:
    velero.script("backups", "b", status("FailedValidation", validationErrors=["no such location", "bad selector"]))
    error, result = failure_of(lambda: engine("backup", name="b", **NAMESPACES))
    assert "it is not valid: no such location; bad selector" in error.message
    assert result["backup"]["validation_errors"] == ["no such location", "bad selector"]
    assert velero.files.requests == []  # it was never begun, so there is nothing to read


def test_a_restart_of_the_server_is_a_failure(velero: ScriptedVelero, engine: Any) -> None:
    reason = 'found a backup with status "InProgress" during the server starting, mark it as "Failed"'
    velero.script("backups", "b", status("InProgress"), status("Failed", failureReason=reason))
    error, _ = failure_of(lambda: engine("backup", name="b", **NAMESPACES))
    assert reason in error.message
    again, _ = failure_of(lambda: engine("backup", name="b", **NAMESPACES))
    assert reason in again.message
    assert len(velero.items("backups")) == 1


def test_a_failed_one_is_replaced_when_asked(velero: ScriptedVelero, engine: Any) -> None:
    velero.script("backups", "b", status("Failed", failureReason="no space"))
    failure_of(lambda: engine("backup", name="b", fetch_log="never", **NAMESPACES))
    first = velero.find("backups", "b")
    assert first is not None
    told = engine("backup", name="b", recreate=True, check=True, **NAMESPACES)
    assert told["changed"]
    assert velero.find("backups", "b")["metadata"]["uid"] == first["metadata"]["uid"]
    done = engine("backup", name="b", recreate=True, **NAMESPACES)
    assert (done["changed"], done["backup"]["phase"]) == (True, "Completed")
    assert velero.find("backups", "b")["metadata"]["uid"] != first["metadata"]["uid"]
    assert not engine("backup", name="b", recreate=True, **NAMESPACES)["changed"]


RUNNING = status("InProgress", progress=progress("backups", 3, 10))


def test_one_that_does_not_move_is_given_up(velero: ScriptedVelero, engine: Any) -> None:
    velero.make("Backup", "backups", "b", {"includedNamespaces": ["shop"]}, **RUNNING)
    error, result = failure_of(lambda: engine("backup", name="b", stall_timeout=0.5, **NAMESPACES))
    assert "nothing has moved for 0.5 s: phase InProgress, 3 of 10 items" in error.message
    assert (error.code, error.retryable) == (ErrorCode.TIMEOUT, True)
    assert result["backup"]["phase"] == "InProgress"


def test_the_progress_of_volumes_is_seen(velero: ScriptedVelero, velero_server: ApiServer) -> None:
    """A backup's own status stands still while the files of a volume are copied."""
    objects = CustomObjects.of({"kubeconfig": str(velero_server.kubeconfig)})
    backup = ref("Backup", velero.namespace, "b")
    assert volume_progress(objects, backup) == ""
    volume = {"node": "n", "pod": {}, "volume": "v", "backupStorageLocation": "default", "repoIdentifier": "r"}
    for name, owner in (("v", "b"), ("w", "other")):
        labels = {"labels": {"velero.io/backup-name": owner}}
        velero.make("PodVolumeBackup", "podvolumebackups", name, volume, metadata=labels)
    seen = [volume_progress(objects, backup)]
    for done in (1, 2):
        velero.patch("podvolumebackups", "v", status("InProgress", progress={"bytesDone": done, "totalBytes": 2}))
        seen.append(volume_progress(objects, backup))
    velero.patch("podvolumebackups", "w", status("InProgress"))
    assert volume_progress(objects, backup) == seen[-1]
    assert len(set(seen)) == 3


def test_a_timeout_names_the_last_state(velero: ScriptedVelero, engine: Any) -> None:
    velero.make("Backup", "backups", "b", {"includedNamespaces": ["shop"]}, **RUNNING)
    error, result = failure_of(lambda: engine("backup", name="b", wait_timeout=0.5, **NAMESPACES))
    assert "Timed out after 0.5 s waiting for the end of Backup" in error.message
    assert "phase InProgress, 3 of 10 items" in error.message
    assert (error.code, result["changed"]) == (ErrorCode.TIMEOUT, False)


def test_one_that_is_deleted_meanwhile_is_missed(
    velero: ScriptedVelero, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(item: Any) -> None:
        velero.raw.send("DELETE", velero.path("backups", item["metadata"]["name"]))

    monkeypatch.setattr(waiters, "SLICE", 0.2)
    velero.script("backups", "b", status("InProgress"), vanish)
    error, _ = failure_of(lambda: engine("backup", name="b", **NAMESPACES))
    assert (error.code, "it was deleted meanwhile" in error.message) == (ErrorCode.NOT_FOUND, True)


def test_a_location_that_cannot_take_it_is_found_before(velero: ScriptedVelero, engine: Any) -> None:
    for check in (True, False):
        error, _ = failure_of(
            lambda check=check: engine("backup", name="b", storage_location="x", check=check, **NAMESPACES)
        )
        assert error.message.startswith("storage_location: there is no BackupStorageLocation")
    location = {"provider": "aws", "objectStorage": {"bucket": "b"}}
    velero.script("backupstoragelocations", "read-only")
    velero.make(
        "BackupStorageLocation", "backupstoragelocations", "read-only", {**location, "accessMode": "ReadOnly"},
        **status("Available", lastValidationTime=velero.now()),
    )  # fmt: skip
    velero.script("backupstoragelocations", "away")
    velero.make(
        "BackupStorageLocation", "backupstoragelocations", "away", location,
        **status("Unavailable", lastValidationTime=velero.now(), message="no such bucket"),
    )  # fmt: skip
    error, _ = failure_of(lambda: engine("backup", name="b", storage_location="read-only", **NAMESPACES))
    assert "read-only is read-only" in error.message
    error, _ = failure_of(lambda: engine("backup", name="b", storage_location="away", **NAMESPACES))
    assert "phase Unavailable, ReadWrite, no such bucket" in error.message
    assert (error.code, error.retryable) == (ErrorCode.UNAVAILABLE, True)
    assert velero.items("backups") == []


def test_the_same_key_takes_one_backup_only(velero: ScriptedVelero, engine: Any) -> None:
    velero.make(
        "Schedule", "schedules", "nightly",
        {"schedule": "@daily", "template": {"includedNamespaces": ["shop"], "ttl": "1h"}},
        metadata={"labels": {"team": "shop"}},
    )  # fmt: skip
    results: list[dict[str, Any]] = []

    def take() -> None:
        results.append(engine("backup", from_schedule="nightly", idempotency_key="run-7"))

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result["changed"] for result in results) == [False, False, True]
    (made,) = velero.items("backups")
    assert made["spec"]["ttl"] == "1h"
    assert made["metadata"]["labels"]["velero.io/schedule-name"] == "nightly"
    assert made["metadata"]["labels"]["team"] == "shop"
    assert "run-7" not in str(made["metadata"])
    assert engine("backup", from_schedule="nightly", idempotency_key="run-8")["changed"]
    assert len(velero.items("backups")) == 2
    error, _ = failure_of(
        lambda: engine("backup", name=made["metadata"]["name"], from_schedule="nightly", idempotency_key="x")
    )
    assert error.code is ErrorCode.CONFLICT
    error, _ = failure_of(lambda: engine("backup", name="b", from_schedule="weekly"))
    assert error.message.startswith("from_schedule: there is no Schedule")


def test_deleting_asks_velero_and_never_deletes_the_object(velero: ScriptedVelero, engine: Any) -> None:
    engine("backup", name="b", **NAMESPACES)
    with paused(velero):
        assert engine("backup", name="b", state="absent", wait=False)["changed"]
        assert engine("backup", name="b", state="absent", wait=False)["changed"]
        (request,) = velero.items("deletebackuprequests")
        backup = velero.find("backups", "b")
        assert backup is not None
        assert "deletionTimestamp" not in backup["metadata"]
        assert request["spec"] == {"backupName": "b"}
        assert request["metadata"]["labels"] == {
            "velero.io/backup-name": "b",
            "velero.io/backup-uid": backup["metadata"]["uid"],
        }
        error, _ = failure_of(lambda: engine("backup", name="b", state="absent", wait_timeout=0.5))
        assert "its DeleteBackupRequest is New, the backup is in phase Completed" in error.message
    assert engine("backup", name="b", state="absent")["changed"]
    assert velero.find("backups", "b") is None


def test_errors_of_a_deletion_are_reported(velero: ScriptedVelero, engine: Any) -> None:
    engine("backup", name="b", **NAMESPACES)
    velero.deletion_errors = ["error deleting snapshot snap-1", "access denied"]
    error, _ = failure_of(lambda: engine("backup", name="b", state="absent"))
    assert error.message.endswith("error deleting snapshot snap-1; access denied")
    assert velero.find("backups", "b") is not None
    velero.deletion_errors = []
    assert engine("backup", name="b", state="absent")["changed"]


def test_a_store_that_cannot_be_read_is_a_warning_without_its_signature(velero: ScriptedVelero, engine: Any) -> None:
    velero.script("backups", "b", completed(warnings=1))
    done = engine("backup", name="b", fetch_log="always", **NAMESPACES)
    assert done["backup"]["phase"] == "Completed"
    assert len(done["warnings"]) == 2
    assert "BackupResults of b could not be read" in done["warnings"][0]
    assert SIGNATURE not in str(done)
    assert all(SIGNATURE in request for request in velero.files.requests)


def test_bad_input_names_its_option_and_starts_nothing(velero: ScriptedVelero, engine: Any) -> None:
    for wrong, words in (
        ({"ttl": "30 days"}, "ttl: must be a duration"),
        ({"name": "Not_valid"}, "name: must be at most"),
        ({"excluded_namespaces": ["shop"]}, "excluded_namespaces: shop is in included_namespaces as well"),
        (
            {"included_resources": ["pods"], "excluded_namespace_scoped_resources": ["secrets"]},
            "excluded_namespace_scoped_resources: cannot be combined with included_resources",
        ),
    ):
        error, _ = failure_of(lambda wrong=wrong: engine("backup", **{"name": "b", **NAMESPACES, **wrong}))
        assert error.message.startswith(words)
        assert error.code is ErrorCode.INVALID_INPUT
    assert velero.items("backups") == []
