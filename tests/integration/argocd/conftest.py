# SPDX-License-Identifier: GPL-3.0-or-later
"""Argo CD's own kinds in an API server that nobody else uses, and a controller that does what a test says."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from scripted_controller import ScriptedController

from promises import without_live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunModule
    from live_apiserver import ApiServer

ROOT = Path(__file__).parents[3]
DEFINITIONS = ROOT / ".local" / "assets" / "argocd" / "manifests" / "crds"


class Kubectl(Protocol):
    """Runs kubectl; parses what it prints when JSON was asked for."""

    def __call__(self, *args: str, stdin: str = "") -> Any: ...


class Argo(Protocol):
    """Runs a module; fails the test when the module failed, unless that was expected."""

    def __call__(self, module: str, /, *, check: bool = False, fails: bool = False, **args: Any) -> dict[str, Any]: ...


@pytest.fixture(scope="session")
def argo_kubeconfig(empty_api_server: ApiServer) -> Path:
    """The kubeconfig of the empty cluster with the kinds of Argo CD."""
    if not DEFINITIONS.is_dir():
        without_live(f"the definitions of Argo CD are not there: {DEFINITIONS} (make up brings them)")
    files = [f"--filename={path}" for path in sorted(DEFINITIONS.glob("*-crd.yaml"))]
    kubectl = [str(ROOT / ".local" / "bin" / "kubectl"), "--kubeconfig", str(empty_api_server.kubeconfig)]
    # One of them is larger than the annotation of a client-side apply may be.
    command = [*kubectl, "apply", "--server-side", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # A process asks for the kinds once, and this one runs many modules.
    deadline, listed = time.monotonic() + 60, [*kubectl, "api-resources", "--api-group=argoproj.io", "--output=name"]
    while len(subprocess.run(listed, capture_output=True, text=True, check=False).stdout.split()) < len(files):
        assert time.monotonic() < deadline, "the kinds are not known"
        time.sleep(0.2)
    raw = empty_api_server.raw()
    for plural in ("applications", "applicationsets", "appprojects"):
        while raw.send("GET", f"/apis/argoproj.io/v1alpha1/{plural}")[0] != 200:
            assert time.monotonic() < deadline, f"{plural} are not served"
            time.sleep(0.2)
    return empty_api_server.kubeconfig


@pytest.fixture
def kubectl(argo_kubeconfig: Path) -> Kubectl:
    def run(*args: str, stdin: str = "") -> Any:
        command = [str(ROOT / ".local" / "bin" / "kubectl"), "--kubeconfig", str(argo_kubeconfig), *args]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "json" in args else done.stdout

    return run


@pytest.fixture
def namespace(kubectl: Kubectl) -> str:
    name = f"argocd-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    return name


@pytest.fixture
def controller(empty_api_server: ApiServer, argo_kubeconfig: Path, namespace: str) -> Iterator[ScriptedController]:
    """Does in this namespace what a test says; nothing, as long as it says nothing."""
    del argo_kubeconfig
    with ScriptedController(empty_api_server.raw(), namespace) as controller:
        yield controller


COLLECTION = "ansible_collections.fuze.miniapp_infra.plugins"


@pytest.fixture(scope="session")
def module_here(collections_path: Path) -> RunModule:
    """Runs a module in this process. What a process of its own changes, the cycles that run both ways show."""
    sys.path.insert(0, str(collections_path))

    def run(name: str, args: dict[str, Any], *, check: bool = False, diff: bool = False, **_: Any) -> dict[str, Any]:
        control = {"_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_remote_tmp": "/tmp"}  # noqa: S108
        # As the action plugin does it: other tests of this process may have loaded the side of Ansible that controls.
        in_process = importlib.import_module(f"{COLLECTION}.plugin_utils.in_process")
        arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {**args, **control}}).encode()
        done = in_process.run(f"{COLLECTION}.modules.{name}", arguments, directory="/", environment={})
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    return run


@pytest.fixture
def argo(module_here: RunModule, argo_kubeconfig: Path, namespace: str) -> Argo:
    return runner(module_here, argo_kubeconfig, namespace)


@pytest.fixture
def argo_both_ways(run_module: RunModule, argo_kubeconfig: Path, namespace: str) -> Argo:
    return runner(run_module, argo_kubeconfig, namespace)


def runner(run_module: RunModule, kubeconfig: Path, namespace: str) -> Argo:
    def run(module: str, /, *, check: bool = False, fails: bool = False, **args: Any) -> dict[str, Any]:
        quick = (
            {"wait_interval": 0.1, "wait_timeout": 30}
            if module not in {"argocd_application_info", *WITHOUT_WAIT}
            else {}
        )
        given = {"kubeconfig": str(kubeconfig), "namespace": namespace, **quick, **args}
        result = run_module(module, given, check=check, diff=True)
        assert bool(result.get("failed")) is fails, result.get("msg", result)
        return result

    return run


WITHOUT_WAIT = frozenset({"argocd_project", "argocd_repository"})
