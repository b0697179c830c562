# SPDX-License-Identifier: GPL-3.0-or-later
"""Applications, application sets, projects and repositories through their modules; the outcome is read with kubectl."""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from scripted_controller import ScriptedController

    from conftest import Argo, Kubectl, RunModule  # type: ignore[attr-defined]

pytestmark = pytest.mark.live

SOURCE = {"repoURL": "https://git.example.com/platform.git", "targetRevision": "main", "path": "services/payhub"}
TARGET = {"server": "https://kubernetes.default.svc", "namespace": "payhub"}
APPLICATION = {"name": "payhub", "project": "payments", "source": SOURCE, "destination": TARGET}
FINALIZER = "resources-finalizer.argocd.argoproj.io"


@pytest.mark.usefixtures("controller")
def test_the_cycle_of_an_application(argo_both_ways: Argo, kubectl: Kubectl, namespace: str) -> None:
    def run(**args: Any) -> dict[str, Any]:
        return argo_both_ways("argocd_application", **{**APPLICATION, **args})

    def live() -> dict[str, Any]:
        found: dict[str, Any] = kubectl("get", "application/payhub", "-n", namespace, "-o", "json")
        return found

    assert run(check=True)["changed"]
    assert not kubectl("get", "applications", "-n", namespace, "-o", "json")["items"]
    made = run(sync_policy={"automated": {"prune": True}})
    assert made["changed"]
    assert "targetRevision: main" in made["diff"]["after"]
    assert made["application"]["sync"]["status"] == "OutOfSync", "it was compared"
    assert live()["spec"]["syncPolicy"] == {"automated": {"prune": True}}
    # Others add what is theirs.
    patch = {"metadata": {"labels": {"theirs": "1"}, "finalizers": ["theirs.example.com/x"]}}
    patch["spec"] = {"ignoreDifferences": [{"kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]}
    kubectl("patch", "application/payhub", "-n", namespace, "--type=merge", "-p", json.dumps(patch))
    assert not run(sync_policy={"automated": {"prune": True}})["changed"]
    assert not run(sync_policy={"automated": {"prune": True}}, check=True)["changed"]
    changed = run(source={**SOURCE, "targetRevision": "v2"}, labels={"ours": "2"})
    assert changed["changed"]
    found = live()
    assert found["spec"]["source"]["targetRevision"] == "v2"
    assert found["metadata"]["labels"] == {"theirs": "1", "ours": "2"}
    assert found["spec"]["ignoreDifferences"] == patch["spec"]["ignoreDifferences"]
    assert "syncPolicy" not in found["spec"], "what is declared no more is gone"
    kubectl("patch", "application/payhub", "-n", namespace, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    assert run(state="absent", check=True)["changed"]
    assert live()["metadata"].get("finalizers") is None
    assert run(state="absent")["changed"]
    assert not kubectl("get", "applications", "-n", namespace, "-o", "json")["items"]
    assert not run(state="absent")["changed"]


@pytest.mark.parametrize(
    ("cascade", "expected"),
    [("foreground", [FINALIZER]), ("background", [f"{FINALIZER}/background"]), ("orphan", [])],
)
def test_how_the_objects_of_an_application_go(
    argo: Argo, kubectl: Kubectl, namespace: str, cascade: str, expected: list[str]
) -> None:
    """Without a controller the finalizers stay, so that they can be seen."""
    argo("argocd_application", **APPLICATION, wait=False, finalizers=["theirs.example.com/x"])
    result = argo("argocd_application", name="payhub", state="absent", cascade=cascade, wait_timeout=1, fails=True)
    assert result["error"]["code"] == "timeout"
    assert "theirs.example.com/x" in result["msg"], "the time limit tells what is in the way"
    left = kubectl("get", "application/payhub", "-n", namespace, "-o", "json")["metadata"]
    assert left["finalizers"] == ["theirs.example.com/x", *expected]
    assert left["deletionTimestamp"]
    kubectl("patch", "application/payhub", "-n", namespace, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')


def test_sources_of_others_give_way(argo: Argo, kubectl: Kubectl, namespace: str) -> None:
    two = {**APPLICATION, "sources": [SOURCE, {**SOURCE, "ref": "values"}]}
    del two["source"]
    argo("argocd_application", **two, wait=False)
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=_manifest(namespace, two["sources"]))
    assert argo("argocd_application", **APPLICATION, wait=False)["changed"]
    spec = kubectl("get", "application/payhub", "-n", namespace, "-o", "json")["spec"]
    assert (spec["source"], spec["sources"]) == (SOURCE, [])
    assert not argo("argocd_application", **APPLICATION, wait=False)["changed"]


def _manifest(namespace: str, sources: Any) -> str:
    return json.dumps({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "payhub", "namespace": namespace},
        "spec": {"project": "payments", "destination": TARGET, "sources": sources},
    })  # fmt: skip


def test_what_the_server_does_not_know_is_refused_in_check_mode_as_well(argo: Argo) -> None:
    for check in (True, False):
        result = argo(
            "argocd_application", **{**APPLICATION, "source": {**SOURCE, "pth": "x"}}, check=check, fails=True
        )
        assert "pth" in result["msg"]
        assert result["error"]["code"] == "invalid_input"


def test_an_error_of_the_comparison_is_reported(argo: Argo, controller: ScriptedController) -> None:
    controller.error = "repository not accessible"
    result = argo("argocd_application", **APPLICATION, wait_timeout=4, fails=True)
    assert "ComparisonError: repository not accessible" in result["msg"]


def test_the_cycle_of_a_set(argo: Argo, controller: ScriptedController, kubectl: Kubectl, namespace: str) -> None:
    def run(*names: str, **args: Any) -> dict[str, Any]:
        elements = [{"name": name} for name in names]
        template = {
            "metadata": {"name": "{{ .name }}"},
            "spec": {"project": "payments", "source": SOURCE, "destination": TARGET},
        }
        generators = [{"list": {"elements": elements}}]
        given = {"name": "services", "generators": generators, "application_template": template, **args}
        return argo("argocd_application_set", **given)

    assert run("a", check=True)["changed"]
    assert not kubectl("get", "applicationsets", "-n", namespace, "-o", "json")["items"]
    assert run("a")["application_set"]["applications"] == ["a"]
    assert not run("a")["changed"]
    assert not run("a", check=True)["changed"]
    more = run("a", "b")
    assert (more["changed"], more["application_set"]["applications"]) == (True, ["a", "b"])
    names = [
        item["metadata"]["name"] for item in kubectl("get", "applications", "-n", namespace, "-o", "json")["items"]
    ]
    assert names == ["a", "b"]
    for args in ({"state": "absent"}, {"source": {**SOURCE, "path": "other"}, "destination": TARGET}):
        refused = argo("argocd_application", name="a", wait=False, fails=True, **args)
        assert "ApplicationSet services makes it" in refused["msg"]
        assert refused["error"]["code"] == "conflict"
    controller.error = "no such parameter"
    failed = run("a", "c", wait_timeout=4, fails=True)
    assert "no such parameter" in failed["msg"]
    controller.error = ""
    assert run("a", state="absent", check=True)["changed"]
    assert kubectl("get", "applicationset/services", "-n", namespace, "-o", "json")
    assert run("a", state="absent", cascade="orphan")["changed"]
    assert not kubectl("get", "applicationsets", "-n", namespace, "-o", "json")["items"]
    assert not run("a", state="absent")["changed"]


WINDOW = {"kind": "deny", "schedule": "0 22 * * fri", "duration": "58h", "applications": ["*"]}


def test_the_cycle_of_a_project(argo: Argo, kubectl: Kubectl, namespace: str) -> None:
    def run(**args: Any) -> dict[str, Any]:
        return argo("argocd_project", **{"name": "payments", "source_repos": ["*"], "destinations": [TARGET], **args})

    def spec() -> dict[str, Any]:
        found: dict[str, Any] = kubectl("get", "appproject/payments", "-n", namespace, "-o", "json")["spec"]
        return found

    assert run(check=True)["changed"]
    assert not kubectl("get", "appprojects", "-n", namespace, "-o", "json")["items"]
    assert run(sync_windows=[WINDOW])["changed"]
    assert not run(sync_windows=[WINDOW])["changed"]
    assert not run(sync_windows=[WINDOW], check=True)["changed"]
    assert spec()["syncWindows"] == [{**WINDOW, "timeZone": "UTC"}]
    assert run(sync_windows=[{**WINDOW, "time_zone": "Europe/Berlin"}])["changed"]
    assert spec()["syncWindows"][0]["timeZone"] == "Europe/Berlin"
    for broken, message in (
        ({"schedule": "0 22 * *"}, "sync_windows[0].schedule: must have five fields"),
        ({"duration": "two days"}, "sync_windows[0].duration: must be a duration"),
        ({"time_zone": "Berlin"}, "sync_windows[0].time_zone: must be a time zone"),
    ):
        refused = run(sync_windows=[{**WINDOW, **broken}], description="new", fails=True)
        assert message in refused["msg"]
        assert refused["error"]["code"] == "invalid_input"
    assert "description" not in spec(), "nothing was changed"
    kubectl("patch", "appproject/payments", "-n", namespace, "--type=merge", "-p", json.dumps(_with_token()))
    assert run(roles=[{"name": "ci", "policies": ["p, proj:payments:ci, applications, get, payments/*, allow"]}])[
        "changed"
    ]
    assert spec()["roles"][0]["jwtTokens"] == [{"iat": 1}]
    argo("argocd_application", **APPLICATION, wait=False)
    refused = run(state="absent", fails=True)
    assert "it has the applications payhub" in refused["msg"]
    assert spec()
    argo("argocd_application", name="payhub", state="absent", cascade="orphan", wait_timeout=60)
    assert run(state="absent", check=True)["changed"]
    assert spec()
    assert run(state="absent")["changed"]
    assert not kubectl("get", "appprojects", "-n", namespace, "-o", "json")["items"]
    assert not run(state="absent")["changed"]


def _with_token() -> dict[str, Any]:
    return {"spec": {"roles": [{"name": "ci", "jwtTokens": [{"iat": 1}]}]}}


def test_the_cycle_of_a_repository(argo: Argo, kubectl: Kubectl, namespace: str) -> None:
    password, url = f"canary-{uuid.uuid4().hex}", "https://git.example.com/platform.git"
    results: list[dict[str, Any]] = []

    def run(**args: Any) -> dict[str, Any]:
        given = {"url": url, "project": "payments", "repo_username": "argocd", "repo_password": password, **args}
        results.append(argo("argocd_repository", **given))
        return results[-1]

    def secrets() -> list[dict[str, Any]]:
        label = "argocd.argoproj.io/secret-type=repository"
        found: list[dict[str, Any]] = kubectl("get", "secrets", "-n", namespace, "-l", label, "-o", "json")["items"]
        return found

    assert run(check=True)["changed"]
    assert not secrets()
    made = run()
    assert made["repository"]["credentials"] == ["repo_password"]
    assert made["diff"]["after"]["changed_credentials"] == ["repo_password"]
    data = {key: base64.b64decode(value).decode() for key, value in secrets()[0]["data"].items()}
    expected = {"url": url, "type": "git", "project": "payments", "username": "argocd", "password": password}
    assert data == expected
    assert not run()["changed"]
    assert not run(check=True)["changed"]
    assert not run(url="https://GIT.example.com/platform")["changed"], "another spelling is the same repository"
    other = f"canary-{uuid.uuid4().hex}"
    changed = run(repo_password=other)
    assert changed["changed"]
    assert changed["diff"]["after"]["changed_credentials"] == ["repo_password"]
    assert base64.b64decode(secrets()[0]["data"]["password"]).decode() == other
    assert run(state="absent", check=True)["changed"]
    assert secrets()
    assert run(state="absent")["changed"]
    assert not secrets()
    assert not run(state="absent")["changed"]
    everything = json.dumps(results)
    for hidden in (password, other):
        assert hidden not in everything
        assert base64.b64encode(hidden.encode()).decode() not in everything


def test_a_repository_that_argo_cd_made_is_taken_over(argo: Argo, kubectl: Kubectl, namespace: str) -> None:
    """Under whatever name its Secret has; one of another project is another repository."""
    for name, project in (("theirs", ""), ("other", "other")):
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {"argocd.argoproj.io/secret-type": "repository"},
            },
            "stringData": {"url": "git@git.example.com:platform.git", "type": "git", "project": project},
        }
        kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    result = argo("argocd_repository", url="ssh://git@git.example.com/platform", enable_lfs=True)
    assert (result["changed"], result["repository"]["secret_name"]) == (True, "theirs")
    assert argo("argocd_repository", url="ssh://git@git.example.com/platform", state="absent")["changed"]
    left = kubectl("get", "secrets", "-n", namespace, "-l", "argocd.argoproj.io/secret-type", "-o", "json")["items"]
    assert [item["metadata"]["name"] for item in left] == ["other"]


def test_credentials_are_in_no_error(module_process: RunModule, argo_kubeconfig: Path, namespace: str) -> None:
    hidden = f"canary-{uuid.uuid4().hex}"
    given = {"url": "https://git.example.com/x.git", "ssh_private_key": hidden, "namespace": f"{namespace}-missing"}
    result = module_process("argocd_repository", {**given, "kubeconfig": str(argo_kubeconfig)}, diff=True)
    assert result["failed"]
    assert hidden not in json.dumps(result)
    assert base64.b64encode(hidden.encode()).decode() not in json.dumps(result)
