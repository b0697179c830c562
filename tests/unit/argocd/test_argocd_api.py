# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of the engine against objects kept in memory, as the API server keeps them."""

from __future__ import annotations

import copy

import pytest

from miniapp_infra import argocd
from miniapp_infra.argocd.transformations import as_result
from miniapp_infra.errors import ErrorCode, MiniappInfraError

SOURCES = [
    {"repoURL": "oci://registry/charts/x", "targetRevision": "0.1.0", "path": "."},
    {"repoURL": "https://git/platform.git", "targetRevision": "main", "ref": "values"},
]


class Objects:
    """Implements ``ObjectClient``; refuses a stale resource version."""

    def __init__(self, *objects):
        self.objects = {(item["kind"], item["metadata"]["name"]): item for item in objects}
        self.races = 0

    def get(self, kind, name, namespace):
        assert namespace == "argocd"
        found = self.objects.get((kind, name))
        return copy.deepcopy(found)

    def list(self, kind, namespace):
        assert namespace == "argocd"
        return [item for (found, _), item in self.objects.items() if found == kind]

    def merge_patch(self, kind, name, namespace, patch):
        assert namespace == "argocd"
        self.objects[kind, name]["metadata"].setdefault("annotations", {}).update(patch["metadata"]["annotations"])
        return self.objects[kind, name]

    def replace(self, definition):
        key = definition["kind"], definition["metadata"]["name"]
        if self.races:
            self.races -= 1
            self.objects[key]["metadata"]["resourceVersion"] += 1
        if definition["metadata"]["resourceVersion"] != self.objects[key]["metadata"]["resourceVersion"]:
            raise MiniappInfraError("changed", code=ErrorCode.CONFLICT, retryable=True)
        self.objects[key] = definition
        return definition


def application(name="app", **spec):
    return {
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd", "resourceVersion": 1},
        "spec": {"project": "p", "sources": SOURCES, **spec},
        "status": {"operationState": {"phase": "Succeeded"}, "sync": {"status": "OutOfSync"}},
    }


def test_sync_asks_for_an_operation_and_forgets_the_last_one():
    objects = Objects(application(syncPolicy={"syncOptions": ["ServerSideApply=true"]}))
    run = argocd.sync(objects, "app", prune=True, sync_options=["Replace=true"], retry_limit=2)
    written = objects.get("Application", "app", "argocd")
    assert written["operation"] == {
        "sync": {
            "prune": True,
            "sources": SOURCES,
            "revisions": ["0.1.0", "main"],
            "syncOptions": ["ServerSideApply=true", "Replace=true"],
        },
        "initiatedBy": {"username": "miniapp-infra"},
        "info": [{"name": "miniapp-infra-run", "value": run}],
        "retry": {"limit": 2},
    }
    assert "operationState" not in written["status"]


def test_sync_of_a_single_source():
    raw = application()
    del raw["spec"]["sources"]
    raw["spec"]["source"] = SOURCES[0]
    objects = Objects(raw)
    argocd.sync(objects, "app", resources=[{"kind": "Service", "name": "x"}])
    operation = objects.get("Application", "app", "argocd")["operation"]["sync"]
    assert operation == {"prune": False, "revision": "0.1.0", "resources": [{"kind": "Service", "name": "x"}]}


def test_sync_survives_that_the_controller_writes_at_the_same_time():
    objects = Objects(application())
    objects.races = 2
    argocd.sync(objects, "app")
    assert "operation" in objects.get("Application", "app", "argocd")


def test_sync_while_another_runs():
    raw = application()
    raw["operation"] = {"sync": {}}
    with pytest.raises(MiniappInfraError, match="another operation is in progress") as caught:
        argocd.sync(Objects(raw), "app")
    assert caught.value.code is ErrorCode.CONFLICT
    assert not caught.value.retryable


def test_sync_of_what_does_not_exist():
    with pytest.raises(MiniappInfraError, match="argocd/app") as caught:
        argocd.sync(Objects(), "app")
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_refresh():
    objects = Objects(application(), {"kind": "ApplicationSet", "metadata": {"name": "set"}})
    argocd.refresh(objects, "app", hard=True)
    argocd.refresh_set(objects, "set")
    assert objects.get("Application", "app", "argocd")["metadata"]["annotations"] == {
        "argocd.argoproj.io/refresh": "hard"
    }
    annotations = objects.get("ApplicationSet", "set", "argocd")["metadata"]["annotations"]
    assert annotations == {"argocd.argoproj.io/application-set-refresh": "true"}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (None, ""),
        ([{"type": "ErrorOccurred", "status": "False", "message": "fine"}], ""),
        ([{"type": "ErrorOccurred", "status": "True", "message": "no such key"}], "ApplicationSet set: no such key"),
    ],
)
def test_problem_of_a_set(conditions, expected):
    raw = {"kind": "ApplicationSet", "metadata": {"name": "set"}, "status": {"conditions": conditions}}
    assert argocd.set_problem(Objects(raw), "set") == expected
    assert argocd.set_problem(Objects(), "set") == "there is no ApplicationSet argocd/set"


def test_list_is_sorted():
    found = argocd.list_applications(Objects(application("b"), application("a")))
    assert [item.name for item in found] == ["a", "b"]


def test_result_of_a_new_application():
    """One that the controller has not looked at yet has no status at all."""
    raw = application()
    del raw["status"]
    found = argocd.find_application(Objects(raw), "app")
    assert found is not None
    result = as_result(found)
    assert result["sync"] == {"status": "Unknown", "revisions": []}
    assert result["operation"] is None
    assert result["history_id"] == -1
