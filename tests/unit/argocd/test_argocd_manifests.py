# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules declare, and how it is put together with what is there."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from miniapp_infra.argocd import manifests, repositories
from miniapp_infra.argocd.models import Application
from miniapp_infra.argocd.transformations import is_as_declared, merged, with_cascade, with_operation
from miniapp_infra.errors import ErrorCode, MiniappInfraError

SOURCE = {"repoURL": "https://git/x.git", "path": "."}
NOTHING: dict[str, Any] = dict.fromkeys(
    (
        *manifests._APPLICATION_FIELDS,
        *manifests._PROJECT_FIELDS,
        *manifests._SET_FIELDS,
        "sync_windows",
        "labels",
        "annotations",
        "finalizers",
        "project",
        "destination",
    )
)
BASE = {**NOTHING, "name": "a", "namespace": "argocd"}
APPLICATION = {**BASE, "source": SOURCE, "destination": {"server": "https://x", "name": None, "namespace": "n"}}


def test_an_application_has_what_was_given_and_nothing_else() -> None:
    manifest = manifests.application({**APPLICATION, "sync_policy": {"automated": {}}, "labels": {"a": "b"}})
    assert manifest == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "a", "namespace": "argocd", "labels": {"a": "b"}},
        "spec": {
            "project": "default",
            "source": SOURCE,
            "destination": {"server": "https://x", "namespace": "n"},
            "syncPolicy": {"automated": {}},
        },
    }


def test_sources_of_others_do_not_win_over_the_one_that_is_declared() -> None:
    live = {"spec": {"sources": [SOURCE]}}
    assert manifests.application(APPLICATION, live)["spec"]["sources"] == []
    assert "sources" not in manifests.application(APPLICATION, {"spec": {"source": SOURCE}})["spec"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": None}, "source: give one source"),
        ({"source": {"path": "."}}, "source: needs repoURL"),
        ({"source": {"repoURL": "x"}}, "source: needs path, chart or ref"),
        ({"source": {**SOURCE, "helm": {"values": {"a": 1}}}}, "source.helm.values: must be a text"),
        ({"source": None, "sources": [SOURCE, {}]}, r"sources\[1\]: needs repoURL"),
        ({"destination": {"server": "x", "name": "y"}}, "destination: needs server or name"),
        ({"destination": {"namespace": "y"}}, "destination: needs server or name"),
    ],
)
def test_applications_that_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(MiniappInfraError, match=message) as caught:
        manifests.application({**APPLICATION, **change})
    assert caught.value.code is ErrorCode.INVALID_INPUT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"generators": []}, "generators: at least one"),
        ({"application_template": {"spec": {"project": "p"}}}, "application_template: needs metadata.name"),
        ({"application_template": {"metadata": {"name": "x"}}}, "application_template: needs spec.project"),
    ],
)
def test_sets_that_are_refused(change: dict[str, Any], message: str) -> None:
    template = {"metadata": {"name": "x"}, "spec": {"project": "p"}}
    given = {**BASE, "generators": [{"list": {}}], "application_template": template}
    assert manifests.application_set(given)["spec"] == {"generators": [{"list": {}}], "template": template}
    with pytest.raises(MiniappInfraError, match=message):
        manifests.application_set({**given, **change})


def test_a_project_keeps_the_tokens_of_its_roles() -> None:
    """A role that is written without them would make every token of it invalid."""
    live = {"spec": {"roles": [{"name": "ci", "jwtTokens": [{"iat": 1}]}, {"name": "old", "jwtTokens": [{"iat": 2}]}]}}
    declared = {**BASE, "roles": [{"name": "ci", "policies": ["p"]}, {"name": "new"}]}
    assert manifests.project(declared, live)["spec"]["roles"] == [
        {"name": "ci", "policies": ["p"], "jwtTokens": [{"iat": 1}]},
        {"name": "new"},
    ]
    with pytest.raises(MiniappInfraError, match=r"roles\[0\]: needs a name"):
        manifests.project({**BASE, "roles": [{"policies": []}]})


def test_a_sync_window_is_as_argo_cd_writes_it() -> None:
    window = {
        "kind": "deny",
        "schedule": "0 0 * * *",
        "duration": "1h",
        "time_zone": "UTC",
        "applications": ["*"],
        "namespaces": None,
        "clusters": [],
        "manual_sync": False,
        "and_operator": False,
        "sync_overrun": True,
        "description": None,
    }
    project = manifests.project({**BASE, "sync_windows": [window]})
    assert project["spec"]["syncWindows"] == [
        {
            "kind": "deny",
            "schedule": "0 0 * * *",
            "duration": "1h",
            "timeZone": "UTC",
            "applications": ["*"],
            "syncOverrun": True,
        }
    ]
    assert manifests.project({**BASE, "sync_windows": []})["spec"] == {"syncWindows": []}
    assert manifests.project(BASE)["spec"] == {}
    with pytest.raises(MiniappInfraError, match=r"sync_windows\[0\].schedule"):
        manifests.project({**BASE, "sync_windows": [{**window, "schedule": "never"}]})


LIVE = {
    "metadata": {"name": "a", "labels": {"theirs": "1"}, "finalizers": ["theirs"]},
    "spec": {"project": "default", "source": SOURCE, "ignoreDifferences": [{"kind": "Deployment"}]},
}


def test_what_is_not_declared_stays() -> None:
    manifest = {
        "metadata": {"name": "a", "labels": {"ours": "2"}, "finalizers": ["ours"]},
        "spec": {"source": {**SOURCE, "targetRevision": "v1"}},
    }
    result = merged(LIVE, manifest)
    assert result["metadata"]["labels"] == {"theirs": "1", "ours": "2"}
    assert result["metadata"]["finalizers"] == ["theirs", "ours"]
    assert result["spec"]["ignoreDifferences"] == [{"kind": "Deployment"}]
    assert result["spec"]["source"]["targetRevision"] == "v1"
    assert not is_as_declared(LIVE, result)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"project": "default"}, True),
        ({"syncPolicy": {}}, True),
        ({"syncPolicy": {"syncOptions": [], "retry": {"limit": 0}}}, True),
        ({"syncPolicy": {"automated": {}}}, False),
        ({"syncPolicy": {"automated": {"enabled": False}}}, False),
        ({"source": {**SOURCE, "helm": {}}}, True),
        ({"source": {**SOURCE, "helm": {"parameters": [{"name": "a", "forceString": False}]}}}, False),
        ({"sources": []}, True),
        ({"ignoreDifferences": []}, False),
    ],
)
def test_what_argo_cd_leaves_out_is_no_change(spec: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    assert is_as_declared(LIVE, merged(LIVE, {"metadata": {}, "spec": spec})) is expected


def test_values_of_charts_are_compared_as_they_are() -> None:
    """An empty value of a chart is a value, unlike an empty field of Argo CD."""
    old = {**SOURCE, "helm": {"valuesObject": {"replicas": 0}}}
    live = {**LIVE, "spec": {**LIVE["spec"], "source": old}}
    new = {**SOURCE, "helm": {"valuesObject": {}}}
    assert not is_as_declared(live, merged(live, {"metadata": {}, "spec": {"source": new}}))


PLAIN = "resources-finalizer.argocd.argoproj.io"


@pytest.mark.parametrize(
    ("present", "cascade", "expected"),
    [
        ([], "foreground", [PLAIN]),
        ([], "background", [f"{PLAIN}/background"]),
        ([], "orphan", []),
        (["theirs", PLAIN], "background", ["theirs", f"{PLAIN}/background"]),
        (["theirs", f"{PLAIN}/foreground"], "orphan", ["theirs"]),
        (["post-delete-finalizer.argocd.argoproj.io"], "orphan", ["post-delete-finalizer.argocd.argoproj.io"]),
    ],
)
def test_finalizers_of_a_deletion(present: list[str], cascade: str, expected: list[str]) -> None:
    assert with_cascade(present, cascade) == expected


def test_an_operation_that_goes_back_has_the_sources_of_then() -> None:
    then = {**SOURCE, "targetRevision": "v1"}
    raw = {
        "metadata": {"name": "a"},
        "spec": {"source": {**SOURCE, "targetRevision": "v2"}, "syncPolicy": {"retry": {"limit": 3}}},
        "status": {"history": [{"id": 1, "revision": "abc", "source": then, "deployedAt": "2026-01-01T00:00:00Z"}]},
    }
    past = Application.from_api(raw).history[0]
    operation = with_operation(raw, run="1", user="me", strategy="apply", past=past)["operation"]
    assert operation["sync"] == {
        "prune": False,
        "source": then,
        "revision": "abc",
        "syncStrategy": {"apply": {}},
    }
    assert operation["retry"] == {"limit": 3}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, False),
        ({}, False),
        ({"automated": None}, False),
        ({"automated": {}}, True),
        ({"automated": {"prune": True}}, True),
        ({"automated": {"enabled": True}}, True),
        ({"automated": {"enabled": False, "prune": True}}, False),
    ],
)
def test_whether_argo_cd_synchronises_by_itself(policy: Any, expected: bool) -> None:  # noqa: FBT001 - a table
    raw = {"metadata": {"name": "a"}, "spec": {"syncPolicy": policy}}
    assert Application.from_api(raw).auto_sync is expected


def test_who_makes_an_application() -> None:
    owners = [{"kind": "Other", "name": "x"}, {"kind": "ApplicationSet", "name": "set"}]
    assert Application.from_api({"metadata": {"name": "a", "ownerReferences": owners}}).owner == "set"
    assert Application.from_api({"metadata": {"name": "a"}}).owner == ""


def test_a_secret_of_a_repository() -> None:
    repository = repositories.from_params({
        "url": "https://git/x.git", "type": "git", "repo_password": "hidden", "insecure": True, "project": "",
    })  # fmt: skip
    secret = repositories.as_secret(repository, "repo-1", "argocd", templates=False)
    data = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    assert data == {"url": "https://git/x.git", "type": "git", "password": "hidden", "insecure": "true"}
    assert secret["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "repository"}
    shown = repositories.shown(repositories.from_secret(secret))
    assert shown == {
        "url": "https://git/x.git",
        "type": "git",
        "insecure": True,
        "credentials": ["repo_password"],
        "secret_name": "repo-1",
    }


@pytest.mark.parametrize(
    ("url", "project", "expected"),
    [
        # From Argo CD's own table (util/db/repository_test.go, TestRepoURLToSecretName).
        ("git://git@github.com:argoproj/ARGO-cd.git", "", "repo-83273445"),
        ("git://git@github.com:argoproj/ARGO-cd.git", "foobar", "repo-2733415816"),
        ("https://github.com/argoproj/argo-cd.git", "", "repo-821842295"),
        ("https://github.com/argoproj/argo-cd.git", "foobar", "repo-1474166686"),
    ],
)
def test_secrets_have_the_names_that_argo_cd_gives_them(url: str, project: str, expected: str) -> None:
    assert repositories.secret_name({"url": url, "project": project}, templates=False) == expected
    assert repositories.secret_name({"url": url, "project": project}, templates=True).startswith("creds-")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("https://Git.example.com/X.git", "https://git.example.com/x"),
        ("git@git.example.com:a/b.git", "ssh://git@git.example.com/a/b"),
        ("ssh://git@git.example.com:22/a/b.git", "ssh://git@git.example.com:22/a/b"),
    ],
)
def test_spellings_of_the_same_address(left: str, right: str) -> None:
    assert repositories.same_url(left) == repositories.same_url(right)
    found = repositories.find([{"url": left, "project": "p"}], right, "p")
    assert found is not None
    assert repositories.find([{"url": left, "project": "p"}], right, "") is None
