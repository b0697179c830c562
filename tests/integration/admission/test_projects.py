# SPDX-License-Identifier: GPL-3.0-or-later
"""What Argo CD would have to deploy and does not: the AppProject of the environment says from where to where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .cluster import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cluster import Cluster

pytestmark = pytest.mark.live

PROJECT = "local-miniapp"
REPOSITORY = "https://198.18.0.2:3000/platform.git"
OTHER = "https://198.18.0.2:3000/other.git"
COMPARED = "{.status.reconciledAt}"
INVALID = '{.status.conditions[?(@.type=="InvalidSpecError")].message}'
SERVER = "https://kubernetes.default.svc"


@dataclass(frozen=True)
class Sample:
    """What an Application asks for, and what Argo CD says to it; empty: it takes it."""

    project: str = PROJECT
    repository: str = REPOSITORY
    namespace: str = NAMESPACE
    says: str = ""


def _elsewhere(namespace: str, project: str = PROJECT) -> Sample:
    says = (
        f"application destination server '{SERVER}' and namespace '{namespace}' do not match any of the allowed "
        f"destinations in project '{project}'"
    )
    return Sample(project=project, namespace=namespace, says=says)


SAMPLES = {
    "right": Sample(),
    "kube-system": _elsewhere("kube-system"),
    "argocd": _elsewhere("argocd"),
    "platform": _elsewhere("platform"),
    "root-project": _elsewhere(NAMESPACE, f"{PROJECT}-root"),
    "other-repository": Sample(
        repository=OTHER, says=f"application repo {OTHER} is not permitted in project '{PROJECT}'"
    ),
    "default-project": Sample(project="default", says="Application referencing project default which does not exist"),
}


def _application(sample: str) -> dict[str, Any]:
    wanted = SAMPLES[sample]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": f"refusal-{sample}", "namespace": "argocd"},
        "spec": {
            "project": wanted.project,
            "source": {"repoURL": wanted.repository, "targetRevision": "main", "path": "bootstrap/local"},
            "destination": {"server": SERVER, "namespace": wanted.namespace},
        },
    }


@pytest.fixture(scope="module")
def judged(cluster: Cluster) -> Iterator[dict[str, dict[str, Any]]]:
    """All samples at once, after Argo CD looked at them. Nothing is synchronised: none has a sync policy."""
    samples = [_application(sample) for sample in SAMPLES]
    names = [item["metadata"]["name"] for item in samples]
    space = "--namespace=argocd"
    try:
        made = cluster.run("create", "--filename=-", stdin={"apiVersion": "v1", "kind": "List", "items": samples})
        assert made.admitted, made.message
        # What is not permitted is not compared with anything either: it never gets the time of a comparison.
        for name, sample in zip(names, SAMPLES.values(), strict=True):
            sign = INVALID if sample.says else COMPARED
            waited = cluster.run("wait", f"--for=jsonpath={sign}", "--timeout=15s", space, f"application/{name}")
            assert waited.admitted, f"{name}: {waited.message}"
        found = [cluster.get("application", name, space) for name in names]
        yield dict(zip(SAMPLES, found, strict=True))
    finally:
        gone = cluster.run("delete", "application", *names, space, "--ignore-not-found", "--wait=false")
        assert gone.admitted, gone.message


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_project_draws_the_line(judged: dict[str, dict[str, Any]], sample: str) -> None:
    conditions = judged[sample]["status"].get("conditions", [])
    invalid = [condition["message"] for condition in conditions if condition["type"] == "InvalidSpecError"]
    says = SAMPLES[sample].says

    assert (says in " ".join(invalid)) if says else invalid == []


def test_nothing_of_the_cluster_comes_out_of_git(cluster: Cluster) -> None:
    """Neither roles nor namespaces, nor more kinds than the chart has."""
    for project in (PROJECT, f"{PROJECT}-root"):
        spec = cluster.get("appproject", project, "--namespace=argocd")["spec"]
        assert spec.get("clusterResourceWhitelist", []) == []
        kinds = {entry["kind"] for entry in spec["namespaceResourceWhitelist"]}
        assert kinds.isdisjoint({"*", "Role", "RoleBinding", "Secret", "Pod", "Job", "ResourceQuota", "LimitRange"})
