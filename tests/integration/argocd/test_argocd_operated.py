# SPDX-License-Identifier: GPL-3.0-or-later
"""Synchronisations and rollbacks against a real API server, with a controller that does what a test says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from scripted_controller import ScriptedController

    from conftest import Argo, Kubectl  # type: ignore[attr-defined]

pytestmark = pytest.mark.live

SOURCE = {"repoURL": "https://git.example.com/platform.git", "targetRevision": "v1.0.0", "path": "x"}
TARGET = {"server": "https://kubernetes.default.svc", "namespace": "payhub"}
BLOCKED = "Sync operation blocked by sync window"


@pytest.fixture
def payhub(argo: Argo, controller: ScriptedController) -> dict[str, Any]:
    """An application that Argo CD has compared, and that was never synchronised."""
    assert not controller.began
    result = argo("argocd_application", name="payhub", project="payments", source=SOURCE, destination=TARGET)
    assert result["application"]["sync"]["status"] == "OutOfSync"
    return result


def live(kubectl: Kubectl, namespace: str) -> dict[str, Any]:
    found: dict[str, Any] = kubectl("get", "application/payhub", "-n", namespace, "-o", "json")
    return found


def sync(argo: Argo, **args: Any) -> dict[str, Any]:
    return argo("argocd_application_sync", name="payhub", **{"refresh": "none", **args})


@pytest.mark.usefixtures("payhub")
def test_the_cycle_of_a_synchronisation(
    argo: Argo, controller: ScriptedController, kubectl: Kubectl, namespace: str
) -> None:
    def run(**args: Any) -> dict[str, Any]:
        return argo("argocd_application_sync", name="payhub", **args)

    assert run(check=True)["changed"]
    assert not controller.began
    done = run(prune=True)
    assert (done["changed"], done["application"]["operation"]["phase"]) == (True, "Succeeded")
    assert len(controller.began) == 1
    assert controller.began[0]["sync"]["prune"] is True
    found = live(kubectl, namespace)
    assert "operation" not in found
    assert found["status"]["operationState"]["operation"]["info"][0]["name"] == "miniapp-infra-run"
    assert not run()["changed"], "what is there already before the wait begins"
    assert not run(check=True)["changed"]
    assert run(force=True)["changed"]
    assert len(controller.began) == 2


@pytest.mark.usefixtures("payhub")
def test_an_operation_that_runs_is_waited_for_refused_or_ended(
    argo: Argo, controller: ScriptedController, kubectl: Kubectl, namespace: str
) -> None:
    controller.outcomes["payhub"] = "hang"
    assert sync(argo, wait=False)["changed"]
    refused = sync(argo, on_running="fail", fails=True)
    assert "another operation is in progress" in refused["msg"]
    assert refused["error"]["code"] == "conflict"
    late = sync(argo, on_running="wait", wait_timeout=1, fails=True)
    assert late["error"]["code"] == "timeout"
    assert "waiting for the objects" in late["msg"]
    assert len(controller.began) == 1, "nothing was started beside it"
    ended = sync(argo, on_running="terminate", wait=False)
    assert ended["changed"]
    kubectl("wait", "application/payhub", "-n", namespace, "--for=jsonpath={.status.operationState.phase}=Running")
    assert len(controller.began) == 2
    controller.outcomes["payhub"] = "succeed"
    assert sync(argo, on_running="wait")["application"]["sync"]["status"] == "Synced"


@pytest.mark.usefixtures("payhub")
def test_a_retry_that_is_pending_is_no_end(
    argo: Argo, controller: ScriptedController, kubectl: Kubectl, namespace: str
) -> None:
    """Argo CD shows it in phase Running with an end. Here it stays so until the test lets it go on."""
    controller.outcomes["payhub"] = "hang"
    sync(argo, wait=False)
    kubectl("wait", "application/payhub", "-n", namespace, "--for=jsonpath={.status.operationState.phase}=Running")
    pending = {"finishedAt": "2026-01-01T00:00:00Z", "retryCount": 1, "message": "one or more objects failed"}
    patch = json.dumps({"status": {"operationState": pending}})
    kubectl("patch", "application/payhub", "-n", namespace, "--type=merge", "-p", patch)
    refused = sync(argo, on_running="fail", fails=True)
    assert "waits to be tried again" in refused["msg"]
    late = sync(argo, wait_timeout=1, fails=True)
    assert late["error"]["code"] == "timeout"
    assert len(controller.began) == 1


@pytest.mark.usefixtures("payhub")
def test_a_retry_succeeds_in_the_end(argo: Argo, controller: ScriptedController) -> None:
    controller.outcomes["payhub"] = "retry"
    done = sync(argo)["application"]["operation"]
    assert (done["phase"], done["retry_count"]) == ("Succeeded", 1)


@pytest.mark.usefixtures("payhub")
def test_a_failure_is_told_with_its_reason(argo: Argo, controller: ScriptedController) -> None:
    controller.outcomes["payhub"] = "fail"
    failed = sync(argo, fails=True, wait_timeout=60)
    assert "denied by policy" in failed["msg"]
    assert failed["error"]["code"] == "upstream"


def window(argo: Argo, kind: str, **args: Any) -> None:
    given = {"kind": kind, "schedule": "* * * * *", "duration": "24h", "applications": ["pay*"], **args}
    argo("argocd_project", name="payments", source_repos=["*"], sync_windows=[given])


@pytest.mark.usefixtures("payhub")
def test_a_sync_window_is_reported_before_anything_is_started(
    argo: Argo, controller: ScriptedController, kubectl: Kubectl, namespace: str
) -> None:
    window(argo, "deny", description="year end")
    for check in (True, False):
        frozen = sync(argo, fails=True, check=check)
        assert frozen["error"]["code"] == "frozen"
        assert "deny * * * * * (UTC) for 24h: year end" in frozen["msg"]
    assert "operation" not in live(kubectl, namespace)
    told = argo("argocd_application_info", name="payhub", windows=True)["applications"][0]["windows"]
    assert (told["can_sync"], len(told["active"])) == (False, 1)
    window(argo, "deny", manual_sync=True)
    assert argo("argocd_application_info", name="payhub", windows=True)["applications"][0]["windows"]["can_sync"]
    assert sync(argo)["changed"]
    assert len(controller.began) == 1


@pytest.mark.usefixtures("payhub")
def test_an_operation_that_argo_cd_parks_is_ended_again(
    argo: Argo, controller: ScriptedController, kubectl: Kubectl, namespace: str
) -> None:
    window(argo, "deny")
    controller.outcomes["payhub"] = "blocked"
    frozen = sync(argo, respect_sync_windows=False, fails=True)
    assert frozen["error"]["code"] == "frozen"
    assert f"{BLOCKED}; the operation was terminated" in frozen["msg"]
    assert live(kubectl, namespace)["status"]["operationState"]["phase"] == "Terminating"
    controller.outcomes["payhub"] = "succeed"
    kubectl("wait", "application/payhub", "-n", namespace, "--for=jsonpath={.status.operationState.phase}=Failed")
    assert not live(kubectl, namespace)["status"].get("history"), "it was not carried out when the window let it pass"


@pytest.mark.usefixtures("payhub")
def test_the_same_key_starts_nothing_twice(argo: Argo, controller: ScriptedController) -> None:
    controller.outcomes["payhub"] = "hang"
    assert sync(argo, idempotency_key="run-1", wait=False)["changed"]
    assert not sync(argo, idempotency_key="run-1", wait=False, on_running="fail")["changed"]
    controller.outcomes["payhub"] = "succeed"
    assert not sync(argo, idempotency_key="run-1", on_running="fail", force=True)["changed"]
    assert not sync(argo, idempotency_key="run-1", force=True)["changed"]
    assert [item["info"][0]["value"] for item in controller.began] == ["run-1"]
    controller.outcomes["payhub"] = "fail"
    assert sync(argo, idempotency_key="run-2", force=True, fails=True)
    controller.outcomes["payhub"] = "succeed"
    assert "ended in phase Failed" in sync(argo, idempotency_key="run-2", force=True, fails=True)["msg"]
    assert len(controller.began) == 2


@pytest.mark.usefixtures("payhub")
def test_a_revision_and_the_way_back(
    argo: Argo, controller: ScriptedController, kubectl: Kubectl, namespace: str
) -> None:
    sync(argo)
    newer = sync(argo, revision="v2.0.0")
    assert (newer["changed"], newer["application"]["sync"]["status"]) == (True, "OutOfSync")
    assert not sync(argo, revision="v2.0.0")["changed"]
    assert [item["sync"]["revision"] for item in controller.began] == ["v1.0.0", "v2.0.0"]

    def back(**args: Any) -> dict[str, Any]:
        return argo("argocd_application_rollback", name="payhub", **{"history_id": 0, **args})

    assert back(check=True)["changed"]
    assert len(controller.began) == 2
    kubectl("patch", "application/payhub", "-n", namespace, "--type=merge", "-p", _automatic())
    refused = back(fails=True)
    assert refused["error"]["code"] == "conflict"
    assert "automatic synchronisation is on" in refused["msg"]
    assert "would go back to v1.0.0" in sync(argo, revision="v3.0.0", fails=True)["msg"]
    assert len(controller.began) == 2
    done = back(suspend_auto_sync=True)
    assert (done["changed"], done["auto_sync_suspended"], done["revisions"]) == (True, True, ["v1.0.0"])
    assert "switched off" in json.dumps(done["warnings"])
    found = live(kubectl, namespace)
    assert found["spec"]["syncPolicy"]["automated"] == {"prune": True, "enabled": False}
    assert found["status"]["history"][-1]["revision"] == "v1.0.0"
    assert controller.began[-1]["sync"]["syncStrategy"] == {"apply": {}}
    again = back()
    assert (again["changed"], again["auto_sync_suspended"]) == (False, False)
    assert not back(check=True)["changed"]
    assert "has no deployment with id 9" in back(history_id=9, fails=True)["msg"]
    info = argo("argocd_application_info", name="payhub")["applications"][0]
    assert [entry["revisions"] for entry in info["history"]] == [["v1.0.0"], ["v2.0.0"], ["v1.0.0"]]
    assert info["auto_sync"] is False


def _automatic() -> str:
    return json.dumps({"spec": {"syncPolicy": {"automated": {"prune": True}}}})


@pytest.mark.usefixtures("payhub")
def test_health_that_is_waited_for(argo: Argo, controller: ScriptedController) -> None:
    """A paused rollout is Suspended, and only counts where that is accepted."""
    controller.health["payhub"] = "Suspended"
    late = sync(argo, wait_timeout=2, fails=True)
    assert "health Suspended" in late["msg"]
    assert sync(argo, accept_health=["Healthy", "Suspended"])["application"]["health"]["status"] == "Suspended"


@pytest.mark.usefixtures("payhub")
def test_the_time_limit_can_end_the_operation(
    argo: Argo, controller: ScriptedController, kubectl: Kubectl, namespace: str
) -> None:
    controller.outcomes["payhub"] = "hang"
    late = sync(argo, wait_timeout=2, terminate_on_timeout=True, fails=True)
    assert late["error"]["code"] == "timeout"
    assert "the operation was terminated" in late["msg"]
    kubectl("wait", "application/payhub", "-n", namespace, "--for=jsonpath={.status.operationState.phase}=Failed")


def test_an_application_that_is_missing(argo: Argo) -> None:
    assert sync(argo, fails=True)["error"]["code"] == "not_found"
    assert argo("argocd_application_info", name="payhub")["applications"] == []
