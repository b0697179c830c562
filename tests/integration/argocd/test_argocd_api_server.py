# SPDX-License-Identifier: GPL-3.0-or-later
"""The mode ``api`` against the real API server of Argo CD; the outcome is read with kubectl."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from argo_server import ArgoServerProcess

from live_apiserver import BIN
from miniapp_infra.argocd import repositories
from promises import without_live

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripted_controller import ScriptedController

    from conftest import Argo, Kubectl, RunModule  # type: ignore[attr-defined]
    from live_apiserver import ApiServer

pytestmark = pytest.mark.live

FIRST, SECOND = "a" * 40, "b" * 40
SOURCE = {"repoURL": "https://git.example.com/platform.git", "targetRevision": FIRST, "path": "x"}
TARGET = {"server": "https://kubernetes.default.svc", "namespace": "payhub"}


@pytest.fixture(scope="module")
def namespace(empty_api_server: ApiServer, argo_kubeconfig: Path) -> str:
    """One for the whole file, because the server belongs to it."""
    del argo_kubeconfig
    name = f"argocd-{uuid.uuid4().hex[:8]}"
    status, body = empty_api_server.raw().send("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert status == 201, body
    return name


@pytest.fixture(scope="module")
def server(
    empty_api_server: ApiServer, argo_kubeconfig: Path, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ArgoServerProcess]:
    if not (BIN / "argocd").is_file():
        without_live(f"argocd is not there: {BIN / 'argocd'} (make up builds it)")
    log = tmp_path_factory.mktemp("argocd-server") / "log"
    with ArgoServerProcess(argo_kubeconfig, empty_api_server.raw(), namespace, log) as server:
        yield server


@pytest.fixture
def api(module_here: RunModule, server: ArgoServerProcess, namespace: str) -> Argo:
    def run(module: str, /, *, check: bool = False, fails: bool = False, **args: Any) -> dict[str, Any]:
        connection = {"mode": "api", "api_url": server.url, "api_token": server.token, "namespace": namespace}
        result = module_here(module, {**connection, **args}, check=check, diff=True)
        assert server.token not in json.dumps(result)
        assert bool(result.get("failed")) is fails, result.get("msg", result)
        return result

    return run


def declare(api: Argo, name: str, **args: Any) -> dict[str, Any]:
    given = {"project": "payments", "source": SOURCE, "destination": TARGET, "validate": False, "wait_interval": 0.1}
    return api("argocd_application", **{**given, "name": name, **args})


def test_the_cycle_of_declared_objects(
    api: Argo, controller: ScriptedController, kubectl: Kubectl, namespace: str
) -> None:
    del controller
    window = {"kind": "deny", "schedule": "* * * * *", "duration": "24h", "applications": ["frozen*"]}
    project = {"name": "payments", "source_repos": ["*"], "destinations": [TARGET], "sync_windows": [window]}
    assert api("argocd_project", check=True, **project)["changed"]
    assert api("argocd_project", **project)["changed"]
    assert not api("argocd_project", **project)["changed"]
    live = kubectl("get", "appproject/payments", "-n", namespace, "-o", "json")["spec"]
    assert live["syncWindows"] == [{**window, "timeZone": "UTC"}]

    assert declare(api, "cycle", check=True)["changed"]
    made = declare(api, "cycle", sync_policy={"syncOptions": ["ServerSideApply=true"]}, labels={"ours": "1"})
    assert made["application"]["sync"]["status"] == "OutOfSync"
    patch = {"metadata": {"labels": {"theirs": "1"}}, "spec": {"ignoreDifferences": [{"kind": "Deployment"}]}}
    kubectl("patch", "application/cycle", "-n", namespace, "--type=merge", "-p", json.dumps(patch))
    assert not declare(api, "cycle", labels={"ours": "1"})["changed"]
    assert declare(api, "cycle", source={**SOURCE, "targetRevision": SECOND})["changed"]
    found = kubectl("get", "application/cycle", "-n", namespace, "-o", "json")
    assert found["metadata"]["labels"] == {"ours": "1", "theirs": "1"}
    assert found["spec"]["ignoreDifferences"] == [{"kind": "Deployment"}]
    assert found["spec"]["syncPolicy"] == {"syncOptions": ["ServerSideApply=true"]}
    assert found["spec"]["source"]["targetRevision"] == SECOND
    refused = api("argocd_project", name="payments", state="absent", fails=True)
    assert "it has the applications cycle" in refused["msg"]
    assert declare(api, "cycle", state="absent", check=True)["changed"]
    assert declare(api, "cycle", state="absent", project="default")["changed"]
    assert not declare(api, "cycle", state="absent")["changed"]
    assert not kubectl("get", "applications", "-n", namespace, "-o", "json")["items"]


@pytest.mark.usefixtures("controller")
def test_the_cycle_of_a_set(api: Argo, kubectl: Kubectl, namespace: str) -> None:
    template = {"metadata": {"name": "{{ .name }}"}, "spec": {"project": "payments", "source": SOURCE}}
    template["spec"]["destination"] = TARGET

    def run(*names: str, **args: Any) -> dict[str, Any]:
        generators = [{"list": {"elements": [{"name": name} for name in names]}}]
        given = {"name": "set", "generators": generators, "application_template": template, "wait_interval": 0.1}
        return api("argocd_application_set", **{**given, **args})

    assert run("one", check=True)["changed"]
    assert run("one")["application_set"]["applications"] == ["one"]
    assert not run("one")["changed"]
    assert run("one", sync_policy={"preserveResourcesOnDeletion": True})["changed"]
    spec = kubectl("get", "applicationset/set", "-n", namespace, "-o", "json")["spec"]
    assert spec["syncPolicy"] == {"preserveResourcesOnDeletion": True}
    assert "ApplicationSet set makes it" in declare(api, "one", fails=True)["msg"]
    assert run(state="absent")["changed"]
    assert not run(state="absent")["changed"]
    kubectl("delete", "application/one", "-n", namespace)


def test_the_cycle_of_a_credential_template(
    api: Argo, server: ArgoServerProcess, kubectl: Kubectl, namespace: str
) -> None:
    """A repository itself cannot be declared here: the server tries it through the repo-server, which is not there."""
    password = f"canary-{uuid.uuid4().hex}"

    def run(**args: Any) -> dict[str, Any]:
        given = {"url": "https://git.example.com/", "credentials_template": True, "repo_username": "ci", **args}
        return api("argocd_repository", **{"repo_password": password, **given})

    def secrets() -> list[dict[str, Any]]:
        label = "argocd.argoproj.io/secret-type=repo-creds"
        found: list[dict[str, Any]] = kubectl("get", "secrets", "-n", namespace, "-l", label, "-o", "json")["items"]
        return found

    def listed(username: str | None) -> None:
        """Wait until the server shows what it has just written; it lists what its own watch has told it."""
        deadline = time.monotonic() + 60
        while (found := server.get("/api/v1/repocreds")[1].get("items") or []) or username:
            if [item.get("username") for item in found] == [username]:
                return
            assert time.monotonic() < deadline, found
            time.sleep(0.1)

    assert run(check=True)["changed"]
    assert not secrets()
    made = run()
    assert made["changed"]
    assert password not in json.dumps(made)
    assert base64.b64decode(secrets()[0]["data"]["password"]).decode() == password
    assert secrets()[0]["metadata"]["name"] == repositories.secret_name(
        {"url": "https://git.example.com/"}, templates=True
    )
    listed("ci")
    assert not run()["changed"]
    assert run(update_credentials=True)["changed"]
    assert run(repo_username="other")["changed"]
    listed("other")
    assert run(state="absent")["changed"]
    assert not secrets()
    listed(None)
    assert not run(state="absent")["changed"]


def test_an_application_that_is_missing(api: Argo, server: ArgoServerProcess) -> None:
    """The server itself answers 403 where the project is not named."""
    assert server.get("/api/v1/applications/missing")[0] == 403
    for args in ({}, {"project": "payments"}):
        assert api("argocd_application_sync", name="missing", fails=True, **args)["error"]["code"] == "not_found"
        assert api("argocd_application_info", name="missing", **args)["applications"] == []


def test_operations(api: Argo, controller: ScriptedController, kubectl: Kubectl, namespace: str) -> None:
    declare(api, "app")

    def sync(**args: Any) -> dict[str, Any]:
        given = {"refresh": "none", "wait_interval": 0.1, "wait_timeout": 60, **args}
        return api("argocd_application_sync", name="app", project="payments", **given)

    assert sync(check=True)["changed"]
    done = sync(refresh="normal", sync_options=["Replace=true"])
    assert (done["changed"], done["application"]["sync"]["status"]) == (True, "Synced")
    assert controller.began[0]["initiatedBy"] == {"username": "ci"}
    assert controller.began[0]["sync"]["syncOptions"] == ["Replace=true"]
    assert not sync()["changed"]
    assert sync(revision=SECOND)["changed"]
    assert not sync(revision=SECOND)["changed"]
    assert len(controller.began) == 2
    controller.outcomes["app"] = "hang"
    assert sync(force=True, wait=False, idempotency_key="run-1")["changed"]
    assert not sync(force=True, wait=False, idempotency_key="run-1")["changed"]
    assert sync(force=True, on_running="fail", fails=True)["error"]["code"] == "conflict"
    kubectl("wait", "application/app", "-n", namespace, "--for=jsonpath={.status.operationState.phase}=Running")
    assert sync(force=True, on_running="terminate", wait=False)["changed"]
    controller.outcomes["app"] = "succeed"

    def back(**args: Any) -> dict[str, Any]:
        given = {"revision": SECOND, "wait_interval": 0.1, "wait_timeout": 60, **args}
        return api("argocd_application_rollback", name="app", **given)

    automatic = json.dumps({"spec": {"syncPolicy": {"automated": {"prune": True}}}})
    kubectl("patch", "application/app", "-n", namespace, "--type=merge", "-p", automatic)
    assert sync(force=True)["application"]["operation"]["phase"] == "Succeeded"
    assert back(fails=True)["error"]["code"] == "conflict"
    assert back(suspend_auto_sync=True)["changed"]
    spec = kubectl("get", "application/app", "-n", namespace, "-o", "json")["spec"]
    assert spec["syncPolicy"]["automated"] == {"prune": True, "enabled": False}
    assert not back()["changed"]


def test_a_sync_window(api: Argo, controller: ScriptedController) -> None:
    declare(api, "frozen")
    for args in ({}, {"respect_sync_windows": False}):
        refused = api("argocd_application_sync", name="frozen", refresh="none", fails=True, **args)
        assert refused["error"]["code"] == "frozen"
        assert "blocked by sync window" in refused["msg"]
    assert not controller.began
    told = api("argocd_application_info", name="frozen", windows=True)["applications"][0]["windows"]
    assert (told["can_sync"], told["active"][0]["kind"]) == (False, "deny")


def test_a_token_that_is_not_valid(api: Argo) -> None:
    refused = api("argocd_application_info", api_token="x", fails=True)  # noqa: S106 - it is none
    assert refused["error"]["code"] == "forbidden"
