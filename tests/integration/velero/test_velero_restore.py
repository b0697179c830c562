# SPDX-License-Identifier: GPL-3.0-or-later
"""``velero_restore``: its cycle, its guards, and that a restore which restored nothing is no success."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from scripted_velero import ScriptedVelero, completed, status

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.live

CREATED = {"v1/ConfigMap": ["shop-drill/a(created)", "shop-drill/b(created)"], "v1/Namespace": ["shop-drill(created)"]}
SKIPPED = {"v1/ConfigMap": ["shop-drill/a(skipped)"], "v1/Namespace": ["shop-drill(created)"]}


@pytest.fixture
def backup(velero: ScriptedVelero) -> str:
    """A good backup of the namespace shop, which does not exist here."""
    velero.make(
        "Backup", "backups", "good", {"includedNamespaces": ["shop"], "storageLocation": "default"}, **completed()
    )
    return "good"


@pytest.fixture
def drill(velero: ScriptedVelero, backup: str) -> dict[str, Any]:
    """Options of a restore that goes well."""
    velero.files.put("RestoreResourceList", "r", CREATED)
    return {
        "name": "r",
        "backup_name": backup,
        "namespace_mapping": {"shop": "shop-drill"},
        "confirm_target": ["shop-drill"],
    }


def failure_of(call: Callable[[], Any]) -> tuple[MiniappInfraError, dict[str, Any]]:
    with pytest.raises(MiniappInfraError) as caught:
        call()
    return caught.value, caught.value.result() if hasattr(caught.value, "result") else {}


def test_the_cycle(cycle: Any, velero: ScriptedVelero, kubectl: Callable[..., Any], drill: dict[str, Any]) -> None:
    def live() -> list[dict[str, Any]]:
        return list(kubectl("get", "restores.velero.io", "-n", velero.namespace, "-o", "json")["items"])

    told, done, again, checked, other, unconfirmed = cycle(
        "velero_restore",
        {"wait_timeout": 120, **drill},
        {"check": True},
        {},
        {},
        {"check": True},
        {"included_resources": ["secrets"]},
        {"confirm_target": None},
    )
    assert (told["changed"], told["diff"]["before"]) == (True, "")
    assert (done["changed"], done["restore"]["phase"]) == (True, "Completed")
    assert done["restored_items"] == {"created": 2}
    assert done["restored_objects"]["v1/Namespace"] == ["shop-drill(created)"]
    assert done["restore"]["duration_seconds"] == 7.0
    assert (again["changed"], checked["changed"], again["restored_items"]) == (False, False, {"created": 2})
    assert (other["failed"], other["error"]["code"]) == (True, "conflict")
    assert "it exists and was started with other options: includedResources" in other["msg"]
    assert unconfirmed["failed"]
    assert "confirm_target" in unconfirmed["msg"]
    (found,) = live()
    assert found["spec"]["backupName"] == "good"
    assert found["spec"]["namespaceMapping"] == {"shop": "shop-drill"}
    gone = cycle("velero_restore", {**drill, "state": "absent"}, {"check": True}, {}, {})
    assert [item["changed"] for item in gone] == [True, True, False]
    assert live() == []


@pytest.mark.parametrize("confirmed", [None, [], ["shop"], ["shop-drill", "shop"], ["*"]])
def test_another_target_than_the_confirmed_one_is_refused(
    velero: ScriptedVelero, engine: Any, drill: dict[str, Any], confirmed: list[str] | None
) -> None:
    for check in (True, False):
        error, _ = failure_of(
            lambda check=check: engine("restore", **{**drill, "confirm_target": confirmed}, check=check)
        )
        assert "confirm_target: the restore writes to shop-drill, confirmed is" in error.message
        assert error.code is ErrorCode.INVALID_INPUT
    assert velero.items("restores") == []


def test_writing_over_the_source_is_refused_unless_asked_for(
    velero: ScriptedVelero, engine: Any, namespace_of_service: str
) -> None:
    source = namespace_of_service
    velero.make("Backup", "backups", "b", {"includedNamespaces": [source], "storageLocation": "default"}, **completed())
    args = {"backup_name": "b", "confirm_target": [source]}
    for check in (True, False):
        error, _ = failure_of(lambda check=check: engine("restore", name="r", check=check, **args))
        assert f"it would write into the source itself: {source}" in error.message
        assert error.code is ErrorCode.REFUSED_BY_POLICY
    error, _ = failure_of(lambda: engine("restore", name="r", existing_resource_policy="none", **args))
    assert error.code is ErrorCode.REFUSED_BY_POLICY
    assert velero.items("restores") == []
    for number, allowed in enumerate(({"allow_overwrite_source": True}, {"existing_resource_policy": "update"})):
        velero.files.put("RestoreResourceList", f"r{number}", {"v1/ConfigMap": [f"{source}/a(updated)"]})
        done = engine("restore", name=f"r{number}", **args, **allowed)
        assert done["restored_items"] == {"updated": 1}


def test_a_namespace_that_was_lost_is_brought_back(velero: ScriptedVelero, engine: Any, backup: str) -> None:
    velero.files.put("RestoreResourceList", "r", {"v1/ConfigMap": ["shop/a(created)"]})
    assert engine("restore", name="r", backup_name=backup, confirm_target=["shop"])["changed"]


def test_a_backup_of_everything_is_over_its_source(velero: ScriptedVelero, engine: Any) -> None:
    velero.make("Backup", "backups", "b", {"storageLocation": "default"}, **completed())
    args = {"name": "r", "backup_name": "b"}
    error, _ = failure_of(lambda: engine("restore", confirm_target=["shop"], **args))
    assert "the restore writes to *, confirmed is shop" in error.message
    error, _ = failure_of(lambda: engine("restore", confirm_target=["*"], **args))
    assert "all namespaces of the cluster" in error.message
    velero.files.put("RestoreResourceList", "r", CREATED)
    narrow = {"included_namespaces": ["shop"], "namespace_mapping": {"shop": "shop-drill"}}
    assert engine("restore", confirm_target=["shop-drill"], **args, **narrow)["changed"]


def test_a_slip_in_the_mapping_is_found(velero: ScriptedVelero, engine: Any, drill: dict[str, Any]) -> None:
    error, _ = failure_of(lambda: engine("restore", **{**drill, "namespace_mapping": {"shpo": "shop-drill"}}))
    assert error.message.startswith("namespace_mapping: shpo is not restored, only shop")
    assert velero.items("restores") == []


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (completed(phase="PartiallyFailed", errors=1), "good is no good backup: phase PartiallyFailed, 1 error"),
        (completed(failureReason="lost"), "good is no good backup: phase Completed: lost"),
        (status("Failed"), "good is no good backup: phase Failed"),
        (status("InProgress"), "good cannot be restored yet: phase InProgress"),
    ],
)
def test_only_a_good_backup_is_restored(
    velero: ScriptedVelero, engine: Any, drill: dict[str, Any], state: Any, words: str
) -> None:
    velero.patch("backups", "good", {"status": {"failureReason": None, **state["status"]}})
    error, _ = failure_of(lambda: engine("restore", **drill))
    assert error.message.startswith(f"backup_name: {words}")
    assert velero.items("restores") == []


def test_a_partial_backup_is_restored_when_accepted(velero: ScriptedVelero, engine: Any, drill: dict[str, Any]) -> None:
    velero.patch("backups", "good", status("PartiallyFailed", errors=1))
    assert engine("restore", accept_partial=True, **drill)["changed"]


def test_the_backup_and_its_location_must_be_there(velero: ScriptedVelero, engine: Any, drill: dict[str, Any]) -> None:
    error, _ = failure_of(lambda: engine("restore", **{**drill, "backup_name": "none"}))
    assert error.message.startswith("backup_name: there is no Backup")
    velero.script("backupstoragelocations", "default")
    velero.patch("backupstoragelocations", "default", status("Unavailable", message="gone"))
    error, _ = failure_of(lambda: engine("restore", **drill))
    assert (error.code, "gone" in error.message) == (ErrorCode.UNAVAILABLE, True)
    assert velero.items("restores") == []


def test_completed_and_nothing_restored_is_a_failure(
    velero: ScriptedVelero, engine: Any, drill: dict[str, Any]
) -> None:
    velero.files.put("RestoreResourceList", "r", SKIPPED)
    for _ in range(2):  # the second run tells the same about the same restore
        error, result = failure_of(lambda: engine("restore", **drill))
        assert "phase Completed, but nothing was restored: 1 skipped" in error.message
        assert result["restored_items"] == {"skipped": 1}
    assert len(velero.items("restores")) == 1
    assert not engine("restore", accept_empty=True, **drill)["changed"]


def test_nothing_restored_shows_without_the_list_too(
    velero: ScriptedVelero, engine: Any, drill: dict[str, Any]
) -> None:
    velero.files.content.clear()
    velero.script("restores", "r", completed("restores", progress={}))
    error, _ = failure_of(lambda: engine("restore", **drill))
    assert "but nothing was restored: it found no items" in error.message


def test_without_the_list_a_warning_says_so(velero: ScriptedVelero, engine: Any, drill: dict[str, Any]) -> None:
    velero.files.content.clear()
    done = engine("restore", **drill)
    assert done["changed"]
    assert "restored_items" not in done
    assert "RestoreResourceList of r could not be read" in done["warnings"][0]


def test_warnings_count_when_asked(velero: ScriptedVelero, engine: Any, drill: dict[str, Any]) -> None:
    velero.script("restores", "r", completed("restores", warnings=1))
    text = 'could not restore, ConfigMap "a" already exists'
    velero.files.put("RestoreResults", "r", {"warnings": {"namespaces": {"shop-drill": [text]}}, "errors": {}})
    done = engine("restore", **drill)
    assert done["results"]["warnings"]["namespaces"] == {"shop-drill": [text]}
    error, _ = failure_of(lambda: engine("restore", accept_warnings=False, **drill))
    assert "1 warning, which accept_warnings does not accept" in error.message


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (
            completed("restores", phase="PartiallyFailed", errors=1),
            "phase PartiallyFailed, 1 error, 0 warnings: shop: no",
        ),
        (status("Failed", failureReason="error downloading backup"), "phase Failed: error downloading backup"),
        (status("FailedValidation", validationErrors=["no such backup"]), "it is not valid: no such backup"),
    ],
)
def test_a_restore_that_fails(
    velero: ScriptedVelero, engine: Any, drill: dict[str, Any], state: Any, words: str
) -> None:
    velero.script("restores", "r", state)
    velero.files.put("RestoreResults", "r", {"errors": {"namespaces": {"shop": ["no"]}}})
    error, _ = failure_of(lambda: engine("restore", **drill))
    assert words in error.message
    assert "take another name or idempotency_key" in error.hint


def test_a_restore_that_does_not_move(velero: ScriptedVelero, engine: Any, drill: dict[str, Any]) -> None:
    spec = {"backupName": "good", "namespaceMapping": {"shop": "shop-drill"}}
    velero.make("Restore", "restores", "r", spec, **status("WaitingForPluginOperations"))
    error, _ = failure_of(lambda: engine("restore", stall_timeout=0.5, **drill))
    assert "nothing has moved for 0.5 s: phase WaitingForPluginOperations" in error.message
    running, _ = failure_of(lambda: engine("restore", **{**drill, "state": "absent"}))
    assert running.code is ErrorCode.CONFLICT


def test_expected_objects_are_looked_for(velero: ScriptedVelero, engine: Any, drill: dict[str, Any]) -> None:
    there = {"api_version": "v1", "kind": "Namespace", "namespace": None, "name": velero.namespace}
    away = {"api_version": "v1", "kind": "ConfigMap", "namespace": "shop-drill", "name": "a"}
    error, _ = failure_of(lambda: engine("restore", expect_resources=[there, away], **drill))
    assert "expected objects do not exist: ConfigMap shop-drill/a" in error.message
    assert not engine("restore", expect_resources=[there], **drill)["changed"]


def test_rules_are_kept_beside_the_restore_while_it_runs(
    velero: ScriptedVelero, engine: Any, drill: dict[str, Any]
) -> None:
    rules = [{"conditions": {"groupResource": "configmaps"}, "mergePatches": [{"patchData": "{}"}]}]
    seen: list[Any] = []

    def look(item: Any) -> None:
        name = item["spec"]["resourceModifier"]["name"]
        seen.append(velero.raw.get(f"/api/v1/namespaces/{velero.namespace}/configmaps/{name}")["data"])

    velero.script("restores", "r", look, completed("restores"))
    assert engine("restore", resource_modifier={"rules": rules}, **drill)["changed"]
    (data,) = seen
    assert list(data) == ["rules.yaml"]  # Velero takes exactly one
    assert yaml.safe_load(data["rules.yaml"]) == {"version": "v1", "resourceModifierRules": rules}
    code, _ = velero.raw.send("GET", f"/api/v1/namespaces/{velero.namespace}/configmaps/r-modifier")
    assert code == 404


def test_the_same_key_starts_one_restore_only(velero: ScriptedVelero, engine: Any, drill: dict[str, Any]) -> None:
    del drill["name"]
    results: list[dict[str, Any]] = []

    def restore() -> None:
        results.append(engine("restore", idempotency_key="drill-q4", **drill))

    threads = [threading.Thread(target=restore) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result["changed"] for result in results) == [False, False, True]
    assert not engine("restore", idempotency_key="drill-q4", name="other", **drill)["changed"]
    assert len(velero.items("restores")) == 1
    error, _ = failure_of(
        lambda: engine("restore", idempotency_key="drill-q4", **{**drill, "included_resources": ["x"]})
    )
    assert error.code is ErrorCode.CONFLICT
    assert engine("restore", idempotency_key="drill-q5", **drill)["changed"]
    assert len(velero.items("restores")) == 2


def test_a_schedule_stands_for_its_newest_good_backup(
    velero: ScriptedVelero, engine: Any, drill: dict[str, Any]
) -> None:
    label = {"labels": {"velero.io/schedule-name": "nightly"}}
    spec = {"includedNamespaces": ["shop"], "storageLocation": "default"}
    del drill["backup_name"]
    error, _ = failure_of(lambda: engine("restore", schedule_name="nightly", **drill))
    assert error.message == "schedule_name: none of the 0 backups of nightly was successful"
    for name, hour, phase in (("old", "01", "Completed"), ("new", "02", "Completed"), ("bad", "03", "Failed")):
        state = {"status": {"phase": phase, "startTimestamp": f"2026-11-24T{hour}:00:00Z"}}
        velero.make("Backup", "backups", name, spec, metadata=label, **state)
    assert engine("restore", schedule_name="nightly", **drill)["restore"]["backup_name"] == "new"
    newer = {"status": {"phase": "Completed", "startTimestamp": "2026-11-24T04:00:00Z"}}
    velero.make("Backup", "backups", "newer", spec, metadata=label, **newer)
    again = engine("restore", schedule_name="nightly", **drill)
    assert (again["changed"], again["restore"]["backup_name"]) == (False, "new")
