# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace of its own per test, in an API server that nobody else uses, and ``kubectl`` as the other door."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from inventories import Engine

from miniapp_infra.kube.client import Client
from miniapp_infra.kube.connection import ConnectionOptions

if TYPE_CHECKING:
    from conftest import RunModule

ROOT = Path(__file__).parents[3]
_numbers = itertools.count(1)


class Kubectl(Protocol):
    """Runs kubectl; parses what it prints when JSON was asked for."""

    def __call__(self, *args: str, stdin: str = "") -> Any: ...


class K8s(Protocol):
    """Runs a module against the API server; fails the test when the module failed, unless that was expected."""

    def __call__(self, module: str, /, *, check: bool = False, fails: bool = False, **args: Any) -> dict[str, Any]: ...


@pytest.fixture
def kubectl(empty_cluster: Path) -> Kubectl:
    def run(*args: str, stdin: str = "") -> Any:
        command = [str(ROOT / ".local" / "bin" / "kubectl"), "--kubeconfig", str(empty_cluster), *args]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "json" in args else done.stdout

    return run


@pytest.fixture
def namespace(kubectl: Kubectl) -> str:
    name = f"kube-engine-{next(_numbers)}"
    kubectl("create", "namespace", name)
    return name


@pytest.fixture
def k8s(run_module: RunModule, empty_cluster: Path) -> K8s:
    def run(module: str, /, *, check: bool = False, fails: bool = False, **args: Any) -> dict[str, Any]:
        args.setdefault("kubeconfig", str(empty_cluster))
        result = run_module(module, args, check=check, diff=True)
        assert bool(result.get("failed")) is fails, result.get("msg", result)
        return result

    return run


@pytest.fixture
def client(empty_cluster: Path) -> Client:
    return Client.connect(ConnectionOptions(kubeconfig=str(empty_cluster)))


@pytest.fixture
def engine(client: Client, tmp_path: Path) -> Engine:
    return Engine(client, tmp_path)
