# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery through Argo CD, played by a few lines that behave as its two controllers do."""

from __future__ import annotations

import pytest

from miniapp_infra.delivery.argocd_deployments import ArgoDeployments
from miniapp_infra.delivery.release import Release
from miniapp_infra.errors import ErrorCode, MiniappInfraError

OLD, NEW, LATER = "a" * 40, "b" * 40, "c" * 40


def release(version):
    digest = f"sha256:{version.replace('.', '') * 32}"[:71].ljust(71, "0")
    return Release.model_validate(
        {
            "service": "playhub",
            "env": "local",
            "version": version,
            "chart": {"version": "0.1.0"},
            "image": {"repository": "registry/miniapp/playhub", "digest": digest},
        }
    )


class History:
    """Knows that LATER includes NEW, which includes OLD, once it has been refreshed."""

    def __init__(self):
        self.known = [OLD, NEW]

    def refresh(self):
        self.known = [OLD, NEW, LATER]

    def contains(self, commit, ancestor):
        return commit in self.known and self.known.index(ancestor) <= self.known.index(commit)


class Argo:
    """Implements ``ObjectClient``: a refresh of the set writes the spec, a refresh of the application synchronises."""

    def __init__(self, git, commit, *, exists=True, takes_up=True):
        self.git, self.commit, self.takes_up = git, commit, takes_up
        self.spec = self._sources(release("1.0.0")) if exists else None
        self.status = {
            "sync": {"status": "Synced", "comparedTo": {"sources": self.spec}, "revisions": ["sha256:1", OLD]},
            "health": {"status": "Healthy"},
        }
        self.refreshes = []

    @staticmethod
    def _sources(wanted):
        values = {"version": wanted.version, "image": wanted.image.model_dump()}
        chart = {"repoURL": "oci://registry/charts/x", "targetRevision": wanted.chart.version, "path": "."}
        return [{**chart, "helm": {"valuesObject": values}}, {"repoURL": "https://git/x", "ref": "values"}]

    def get(self, kind, name, namespace):
        assert (name, namespace) in {
            ("local-miniapp-playhub", "argocd"),
            ("local-miniapp-services", "argocd"),
            ("local-miniapp-root", "argocd"),
        }
        if kind == "ApplicationSet":
            error = {"type": "ErrorOccurred", "status": str(not self.takes_up), "message": "map has no entry"}
            return {"metadata": {"name": name}, "status": {"conditions": [error]}}
        if name.endswith("root") or self.spec is None:
            return None
        return {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"project": "p", "sources": self.spec},
            "status": self.status,
        }

    def list(self, kind, namespace):
        raise NotImplementedError

    def replace(self, definition):
        raise NotImplementedError

    def merge_patch(self, kind, name, namespace, patch):
        del name, namespace, patch
        self.refreshes.append(kind)
        if kind == "ApplicationSet" and self.takes_up:
            self.spec = self._sources(self.git)
        if kind == "Application":
            sync = {"status": "Synced", "comparedTo": {"sources": self.spec}, "revisions": ["sha256:1", self.commit]}
            self.status = {**self.status, "sync": sync}
        return {}


def deployments(argo, host=None):
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    return ArgoDeployments(argo, host or History(), timeout=60, grace=20, clock=lambda: now[0], sleep=sleep)


def test_delivers_and_asks_both_controllers_once():
    argo = Argo(release("1.1.0"), NEW)
    done = deployments(argo).deliver(release("1.1.0"), NEW)
    assert (done.sync, done.health) == ("Synced", "Healthy")
    assert argo.refreshes == ["ApplicationSet", "Application"]


def test_what_runs_already_is_not_refreshed():
    argo = Argo(release("1.0.0"), OLD)
    assert deployments(argo).deliver(release("1.0.0"), OLD).elapsed == 0
    assert argo.refreshes == []


def test_first_release_of_a_service():
    argo = Argo(release("1.1.0"), NEW, exists=False)
    assert deployments(argo).deliver(release("1.1.0"), NEW).health == "Healthy"


def test_the_old_release_synced_and_healthy_is_not_the_new_one():
    argo = Argo(release("1.1.0"), NEW)
    assert deployments(argo).is_delivered(release("1.0.0"), OLD)
    assert not deployments(argo).is_delivered(release("1.1.0"), NEW)


def test_right_release_of_an_older_commit_is_not_enough():
    argo = Argo(release("1.0.0"), OLD)
    assert not deployments(argo).is_delivered(release("1.0.0"), NEW)


def test_a_later_commit_of_somebody_else_is_enough():
    argo = Argo(release("1.1.0"), LATER)
    assert deployments(argo).deliver(release("1.1.0"), NEW).sync == "Synced"


def test_why_the_release_is_not_taken_up():
    argo = Argo(release("1.1.0"), NEW, takes_up=False)
    with pytest.raises(MiniappInfraError, match="ApplicationSet local-miniapp-services: map has no entry"):
        deployments(argo).deliver(release("1.1.0"), NEW)


def test_never_synchronised():
    argo = Argo(release("1.1.0"), NEW)
    argo.status["health"] = {"status": "Progressing", "message": "0 of 1 updated replicas are available"}
    with pytest.raises(MiniappInfraError, match=r"run version 1\.1\.0 .*0 of 1 updated") as caught:
        deployments(argo).deliver(release("1.1.0"), NEW)
    assert caught.value.code is ErrorCode.TIMEOUT
