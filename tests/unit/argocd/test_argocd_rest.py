# SPDX-License-Identifier: GPL-3.0-or-later
"""The REST interface: what is sent, what its answers mean. Against a server that keeps to Argo CD's own description."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from scripted_door import NEW, OLD, OPTIONS, SOURCE, application, ended, running

from argocd_contract import TOKEN, ArgoServer
from miniapp_infra.argocd import declare, tasks
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS: dict[str, Any] = dict.fromkeys(
    (
        "annotations",
        "cluster_resource_blacklist",
        "cluster_resource_whitelist",
        "description",
        "destinations",
        "finalizers",
        "generators",
        "go_template",
        "go_template_options",
        "ignore_application_differences",
        "ignore_differences",
        "info",
        "labels",
        "namespace_resource_blacklist",
        "namespace_resource_whitelist",
        "orphaned_resources",
        "preserved_fields",
        "revision_history_limit",
        "roles",
        "source_namespaces",
        "source_repos",
        "sources",
        "strategy",
        "sync_policy",
        "sync_windows",
        "application_template",
        "template_patch",
    )
)


class Controlled(ArgoServer):
    """With a controller that takes the next step before each read."""

    steps: deque[Any]

    def handle(self, method: str, target: str, headers: Any, body: Any) -> Any:
        if method == "GET":
            for raw in self.applications.values():
                if raw.get("operation") and self.steps:
                    self.steps.popleft()(raw)
        return super().handle(method, target, headers, body)


@pytest.fixture
def server() -> Iterator[Controlled]:
    with Controlled() as server:
        server.steps = deque()
        yield server
    assert not server.violations


def options(server: ArgoServer, **more: Any) -> dict[str, Any]:
    return {
        **OPTIONS,
        "api_token": TOKEN,
        "api_url": server.url,
        "mode": "api",
        "namespace": "argocd",
        "wait_interval": 0.01,
        "windows": False,
        **more,
    }


def sync(server: ArgoServer, *, check: bool = False, **more: Any) -> dict[str, Any]:
    return tasks.application_sync(options(server, **more), check_mode=check, diff_mode=False)


def rollback(server: ArgoServer, **more: Any) -> dict[str, Any]:
    return tasks.application_rollback(options(server, **more), check_mode=False, diff_mode=False)


def declared(function: Any, server: ArgoServer, *, check: bool = False, **more: Any) -> dict[str, Any]:
    given = {
        **options(server),
        **FIELDS,
        "cascade": "foreground",
        "credentials_template": False,
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "x"},
        "project": "payments",
        "source": dict(SOURCE),
        "state": "present",
        "type": "git",
        "update_credentials": False,
        "validate": True,
        "wait": False,
        **more,
    }
    result: dict[str, Any] = function(given, check_mode=check, diff_mode=True)
    return result


def refused(code: ErrorCode, message: str, function: Any, *args: Any, **more: Any) -> MiniappInfraError:
    with pytest.raises(MiniappInfraError, match=message) as caught:
        function(*args, **more)
    assert caught.value.code is code
    return caught.value


@pytest.mark.parametrize("project", [None, "payments"])
def test_an_application_that_is_missing_is_missing(server: Controlled, project: str | None) -> None:
    """Argo CD answers 403 when the request does not name the project, which would be taken for a missing right."""
    refused(ErrorCode.NOT_FOUND, "there is none of this name", sync, server, project=project)
    found = tasks.application_info(options(server, project=project), check_mode=False, diff_mode=False)
    assert found == {"changed": False, "applications": []}
    assert not declared(declare.application, server, state="absent")["changed"]


def test_every_request_about_an_application_names_its_project(server: Controlled) -> None:
    server.applications["app"] = application()
    server.steps.extend([running(), ended()])
    assert sync(server, refresh="hard")["changed"]
    tasks.application_info(options(server, windows=True), check_mode=False, diff_mode=False)
    about_it = [item for item in server.requests if item[1].startswith("/api/v1/applications/app")]
    assert len(about_it) >= 3
    for method, path, query, body in about_it:
        assert {**query, **(body or {})}.get("project") == "payments", f"{method} {path}"


def test_a_synchronisation_is_followed_by_its_mark(server: Controlled) -> None:
    server.applications["app"] = application(spec__syncPolicy={"syncOptions": ["ServerSideApply=true"]})
    server.steps.extend([running(), running(), ended()])
    given = {
        "sync_options": ["Replace=true"],
        "retry_limit": 2,
        "strategy": "apply",
        "prune": True,
        "project": "payments",
    }
    result = sync(server, **given)
    assert result["application"]["operation"]["phase"] == "Succeeded"
    body = next(body for method, path, _, body in server.requests if method == "POST")
    mark = body.pop("infos")[0]
    assert mark["name"] == "miniapp-infra-run"
    assert body == {
        "name": "app",
        "appNamespace": "argocd",
        "project": "payments",
        "prune": True,
        # The server takes them in place of the application's own.
        "syncOptions": {"items": ["ServerSideApply=true", "Replace=true"]},
        "retryStrategy": {"limit": 2},
        "strategy": {"apply": {}},
    }
    assert not sync(server)["changed"]


def test_revisions_of_several_sources(server: Controlled) -> None:
    raw = application(spec__sources=[SOURCE, SOURCE])
    raw["status"]["sync"]["comparedTo"] = {"sources": [SOURCE, SOURCE]}
    server.applications["app"] = raw
    sync(server, revisions=[OLD, NEW], wait=False)
    body = next(body for method, _, _, body in server.requests if method == "POST")
    assert (body["revisions"], body["sourcePositions"]) == ([OLD, NEW], [1, 2])


@pytest.mark.parametrize(
    ("changes", "given", "code", "message"),
    [
        ({}, {"blocked": True}, ErrorCode.FROZEN, "blocked by sync window of AppProject payments"),
        ({}, {"blocked": True, "respect_sync_windows": False}, ErrorCode.FROZEN, "blocked by sync window"),
        ({"operation": {"sync": {}}}, {"on_running": "fail"}, ErrorCode.CONFLICT, "another operation is in progress"),
        ({}, {"api_token": "wrong"}, ErrorCode.FORBIDDEN, "no session information"),
        ({}, {"api_url": "argocd.example.com"}, ErrorCode.INVALID_INPUT, "^api_url: "),
    ],
)
def test_what_the_server_refuses(
    server: Controlled, changes: dict[str, Any], given: dict[str, Any], code: ErrorCode, message: str
) -> None:
    server.applications["app"] = application(**changes)
    if given.pop("blocked", False):
        server.blocked.add("app")
    refused(code, message, sync, server, **given)
    assert server.applications["app"].get("operation") == changes.get("operation")


def test_an_operation_that_began_in_between_is_a_conflict(server: Controlled) -> None:
    """The server refuses with status 400, which is no fault of the input."""
    raw = application()
    server.applications["app"] = raw

    def handle(method: str, target: str, headers: Any, body: Any) -> Any:
        raw["operation"] = {"sync": {}} if method == "POST" else None
        return Controlled.handle(server, method, target, headers, body)

    server.handle = handle  # type: ignore[method-assign]
    refused(ErrorCode.CONFLICT, "another operation is already in progress", sync, server)
    assert len(server.writes) == 3, "it is tried again a few times, because automatic operations are short"


def test_a_rollback(server: Controlled) -> None:
    server.applications["app"] = application()
    server.steps.extend([running(), ended(sync="OutOfSync")])
    result = rollback(server, history_id=0)
    assert result["changed"]
    assert result["application"]["operation"]["phase"] == "Succeeded"
    body = next(body for method, path, _, body in server.requests if path.endswith("/rollback"))
    assert body == {"name": "app", "appNamespace": "argocd", "project": "payments", "id": 0, "prune": False}


def test_a_rollback_switches_automatic_synchronisation_off_first(server: Controlled) -> None:
    server.applications["app"] = application(
        spec__syncPolicy={"automated": {"prune": True}}, metadata__labels={"theirs": "1"}
    )
    refused(ErrorCode.CONFLICT, "would undo it", rollback, server, history_id=0)
    assert not server.writes
    rollback(server, history_id=0, suspend_auto_sync=True, wait=False)
    assert server.writes == ["PUT /api/v1/applications/app", "POST /api/v1/applications/app/rollback"]
    assert server.applications["app"]["spec"]["syncPolicy"]["automated"] == {"prune": True, "enabled": False}
    assert server.applications["app"]["metadata"]["labels"] == {"theirs": "1"}
    assert next(query for method, _, query, _ in server.requests if method == "PUT")["validate"] == "false"


def test_an_operation_is_ended(server: Controlled) -> None:
    server.applications["app"] = application()
    server.steps.extend([running("hook"), *[running("hook")] * 100])
    refused(
        ErrorCode.TIMEOUT,
        "hook; the operation was terminated",
        sync,
        server,
        wait_timeout=0.2,
        terminate_on_timeout=True,
    )
    assert server.writes[-1] == "DELETE /api/v1/applications/app/operation"


def test_the_cycle_of_an_application(server: Controlled) -> None:
    def run(**more: Any) -> dict[str, Any]:
        return declared(declare.application, server, name="app", **more)

    assert run(check=True)["changed"]
    assert not server.applications
    assert run()["changed"]
    assert not run()["changed"]
    assert not run(check=True)["changed"]
    live = server.applications["app"]
    live["metadata"] |= {"labels": {"theirs": "1"}, "finalizers": ["theirs"]}
    live["spec"] |= {"ignoreDifferences": [{"kind": "Deployment"}], "syncPolicy": {}}
    assert not run()["changed"], "what others added is no change"
    changed = run(labels={"ours": "2"}, source={**SOURCE, "targetRevision": "v2"})
    assert changed["changed"]
    assert "targetRevision: v2" in changed["diff"]["after"]
    live = server.applications["app"]
    assert live["metadata"]["labels"] == {"theirs": "1", "ours": "2"}
    assert live["metadata"]["finalizers"] == ["theirs"]
    assert live["spec"]["ignoreDifferences"] == [{"kind": "Deployment"}]
    assert run(state="absent", check=True)["changed"]
    assert "app" in server.applications
    assert run(state="absent", cascade="orphan")["changed"]
    assert server.requests[-1][2] == {"appNamespace": "argocd", "project": "payments", "cascade": "false"}
    assert not run(state="absent")["changed"]


def test_an_application_is_deleted_in_the_project_that_it_is_in(server: Controlled) -> None:
    """The option has a default, and a request with another project would find nothing."""
    server.applications["app"] = application()
    assert declared(declare.application, server, state="absent", project="default", cascade="background")["changed"]
    query = server.requests[-1][2]
    assert (query["project"], query["propagationPolicy"]) == ("payments", "background")


def test_an_application_of_a_set_is_refused(server: Controlled) -> None:
    server.applications["app"] = application(metadata__ownerReferences=[{"kind": "ApplicationSet", "name": "set"}])
    for state in ("present", "absent"):
        refused(ErrorCode.CONFLICT, "ApplicationSet set makes it", declared, declare.application, server, state=state)
    assert not server.writes


def test_the_cycle_of_a_set(server: Controlled) -> None:
    template = {"metadata": {"name": "x"}, "spec": {"project": "payments"}}

    def run(**more: Any) -> dict[str, Any]:
        given = {"name": "set", "application_template": template, "generators": [{"list": {"elements": []}}], **more}
        return declared(declare.application_set, server, **given)

    assert run(check=True)["changed"]
    assert not server.sets
    made = run()
    assert (made["changed"], made["application_set"]["applications"]) == (True, [])
    assert not run()["changed"]
    assert run(sync_policy={"preserveResourcesOnDeletion": True})["changed"]
    assert server.sets["set"]["spec"]["syncPolicy"] == {"preserveResourcesOnDeletion": True}
    refused(ErrorCode.INVALID_INPUT, "cascade: orphan is not offered", run, state="absent", cascade="orphan")
    assert "set" in server.sets
    assert run(state="absent", cascade="background")["changed"]
    assert not run(state="absent", cascade="background")["changed"]


def test_the_cycle_of_a_project(server: Controlled) -> None:
    window = {"kind": "deny", "schedule": "0 0 * * *", "duration": "1h", "applications": ["*"], "time_zone": "UTC"}

    def run(**more: Any) -> dict[str, Any]:
        return declared(declare.project, server, name="payments", source_repos=["*"], **more)

    assert run(check=True)["changed"]
    assert not server.projects
    assert run()["changed"]
    assert not run()["changed"]
    assert run(sync_windows=[window])["changed"]
    assert not run(sync_windows=[window])["changed"]
    assert server.projects["payments"]["spec"]["syncWindows"][0]["timeZone"] == "UTC"
    refused(ErrorCode.INVALID_INPUT, r"sync_windows\[0\].schedule", run, sync_windows=[{**window, "schedule": "x"}])
    server.applications["app"] = application()
    refused(ErrorCode.CONFLICT, "it has the applications app", run, state="absent")
    assert "payments" in server.projects
    server.applications.clear()
    assert run(state="absent")["changed"]
    assert not run(state="absent")["changed"]


def test_the_cycle_of_a_repository(server: Controlled) -> None:
    url = "https://git.example.com/platform.git"

    def run(**more: Any) -> dict[str, Any]:
        given = {"name": "platform", "url": url, "repo_username": "argocd", "repo_password": "hidden", **more}
        return declared(declare.repository, server, project=None, **given)

    assert run(check=True)["changed"]
    assert not server.repositories
    made = run()
    assert made["repository"] == {
        "url": url,
        "name": "platform",
        "type": "git",
        "repo_username": "argocd",
        "credentials": ["repo_password"],
    }
    assert server.repositories[0]["password"] == "hidden"  # noqa: S105 - of this test
    assert "hidden" not in json.dumps(made)
    assert not run()["changed"]
    other = {"repo_password": "other"}
    assert not run(**other)["changed"], "Argo CD does not show whether it differs"
    assert run(update_credentials=True, **other)["changed"]
    assert server.repositories[0]["password"] == "other"  # noqa: S105
    assert run(insecure=True)["changed"]
    assert not run(insecure=True, url=url.removesuffix(".git"))["changed"]
    wrong = {"enable_lfs": True, "repo_password": "refused"}
    error = refused(ErrorCode.INVALID_INPUT, "error testing repository", run, **wrong)
    assert "refused is wrong" not in error.message
    assert run(state="absent", check=True)["changed"]
    assert server.repositories
    assert run(state="absent")["changed"]
    assert not server.repositories
    assert not run(state="absent")["changed"]


def test_the_cycle_of_a_credential_template(server: Controlled) -> None:
    def run(**more: Any) -> dict[str, Any]:
        given = {"name": None, "url": "https://git.example.com/", "repo_username": "a", "repo_password": "b", **more}
        return declared(declare.repository, server, project=None, credentials_template=True, **given)

    assert run()["changed"]
    assert server.templates == [{"url": "https://git.example.com/", "type": "git", "username": "a", "password": "b"}]
    assert not run()["changed"]
    assert run(repo_username="c")["changed"]
    assert run(state="absent")["changed"]
    assert not server.templates


def test_windows_are_asked_for(server: Controlled) -> None:
    server.applications["app"] = application()
    server.blocked.add("app")
    found = tasks.application_info(options(server, windows=True), check_mode=False, diff_mode=False)
    assert found["applications"][0]["windows"]["can_sync"] is False
    assert found["applications"][0]["windows"]["active"][0]["kind"] == "deny"
