# SPDX-License-Identifier: GPL-3.0-or-later
"""With the real controllers of the live environment, and a branch of its own in the local Git host."""

from __future__ import annotations

import json
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import RunModule

ROOT = Path(__file__).parents[3]
REPOSITORY = ROOT / ".local" / "data" / "git" / "platform.git"
BLOCKED = "Sync operation blocked by sync window"
pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]


@dataclass
class Branch:
    """A branch of the platform's repository with one ConfigMap in ``x``, written beside the Git host."""

    name: str
    commits: list[str] = field(default_factory=list)

    def put(self, value: str) -> str:
        """Commit another value and return the commit."""
        labels = {"app.kubernetes.io/part-of": "tests"}
        metadata = {"name": self.name, "namespace": "default", "labels": labels}
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}
        blob = _git("hash-object", "-w", "--stdin", stdin=json.dumps(manifest))
        inner = _git("mktree", stdin=f"100644 blob {blob}\tconfig.json\n")
        tree = _git("mktree", stdin=f"040000 tree {inner}\tx\n")
        parents = [part for commit in self.commits[-1:] for part in ("-p", commit)]
        person = ("-c", "user.name=tests", "-c", "user.email=tests@example.com")
        self.commits.append(_git(*person, "commit-tree", tree, *parents, "-m", f"Set {value}"))
        _git("update-ref", f"refs/heads/{self.name}", self.commits[-1])
        return self.commits[-1]


def _git(*arguments: str, stdin: str = "") -> str:
    command = ["git", "--git-dir", str(REPOSITORY), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def kubectl_live(kubeconfig: Path) -> Callable[..., str]:
    def run(*arguments: str, fails: bool = False) -> str:
        command = [str(ROOT / ".local" / "bin" / "kubectl"), "--kubeconfig", str(kubeconfig), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert fails or done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture
def branch(kubectl_live: Callable[..., str]) -> Iterator[Branch]:
    branch = Branch(f"argocd-modules-{uuid.uuid4().hex[:8]}")
    yield branch
    kinds = ("application", "appproject")
    patch = ("--type=merge", "-p", '{"metadata":{"finalizers":null},"operation":null}')
    kubectl_live("patch", kinds[0], branch.name, "-n", "argocd", *patch, fails=True)
    for kind in kinds:
        kubectl_live("delete", kind, branch.name, "-n", "argocd", "--ignore-not-found")
    kubectl_live("delete", "configmap", branch.name, "-n", "default", "--ignore-not-found")
    _git("update-ref", "-d", f"refs/heads/{branch.name}")


def test_an_application_from_its_declaration_to_its_end(
    module_here: RunModule, kubeconfig: Path, kubectl_live: Callable[..., str], branch: Branch
) -> None:
    def run(module: str, /, *, fails: bool = False, **args: Any) -> dict[str, Any]:
        given = {"kubeconfig": str(kubeconfig), "name": branch.name, **args}
        result = module_here(module, given, diff=True)
        assert bool(result.get("failed")) is fails, result.get("msg", result)
        return result

    def value() -> str:
        return kubectl_live(
            "get", "configmap", branch.name, "-n", "default", "-o", "jsonpath={.data.value}", fails=True
        )

    def sync(**args: Any) -> dict[str, Any]:
        return run("argocd_application_sync", wait_timeout=120, **args)

    url = kubectl_live("get", "application/local-miniapp-root", "-n", "argocd", "-o", "jsonpath={.spec.source.repoURL}")
    target = {"server": "https://kubernetes.default.svc", "namespace": "default"}
    source = {"repoURL": url, "targetRevision": branch.name, "path": "x"}
    project: dict[str, Any] = {"source_repos": [url], "destinations": [target]}
    first = branch.put("1")

    assert run("argocd_project", **project)["changed"]
    assert not run("argocd_project", **project)["changed"]
    declared = {"project": branch.name, "source": source, "destination": target}
    made = run("argocd_application", **declared)
    assert (made["changed"], made["application"]["sync"]["status"]) == (True, "OutOfSync")
    assert not run("argocd_application", **declared)["changed"], "the controller has normalised it meanwhile"

    assert sync()["application"]["sync"] == {"status": "Synced", "revisions": [first]}
    assert value() == "1"
    assert not sync()["changed"]
    second = branch.put("2")
    assert sync()["changed"]
    assert value() == "2"

    back = run("argocd_application_rollback", revision=first, wait_timeout=120)
    assert (back["changed"], back["application"]["sync"]["status"]) == (True, "OutOfSync")
    assert value() == "1"
    assert not run("argocd_application_rollback", revision=first)["changed"]

    window = {"kind": "deny", "schedule": "* * * * *", "duration": "24h", "applications": ["*"]}
    assert run("argocd_project", **project, sync_windows=[window])["changed"]
    assert sync(fails=True)["error"]["code"] == "frozen"
    parked = sync(fails=True, respect_sync_windows=False)
    assert parked["error"]["code"] == "frozen"
    assert f"{BLOCKED}; the operation was terminated" in parked["msg"]
    assert run("argocd_project", **project, sync_windows=[])["changed"]
    path = "jsonpath={.status.operationState.phase}"
    kubectl_live("wait", f"application/{branch.name}", "-n", "argocd", f"--for={path}=Failed", "--timeout=180s")
    assert value() == "1", "what was terminated is not carried out"
    assert sync(revision=second)["application"]["sync"]["revisions"] == [second]
    assert value() == "2"

    assert run("argocd_application", state="absent")["changed"]
    assert value() == "", "its objects went with it"
    assert run("argocd_project", state="absent")["changed"]
    assert kubectl_live("get", "appproject", branch.name, "-n", "argocd", "--ignore-not-found") == ""
