# SPDX-License-Identifier: GPL-3.0-or-later
"""Velero's definitions in a real API server, and a scripted Velero in a namespace of each test."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scripted_velero import Files, ScriptedVelero

from miniapp_infra.velero import tasks

if TYPE_CHECKING:
    from live_apiserver import ApiServer
    from warm_ansible import WarmAnsible

ROOT = Path(__file__).parents[3]
DEFINITIONS = ROOT / "tests" / "contracts" / "velero" / "crds.json"
Engine = Callable[..., dict[str, Any]]
Cycle = Callable[..., list[dict[str, Any]]]
# What the argument specifications fill in.
DEFAULTS: dict[str, Any] = {
    "accept_empty": False,
    "accept_partial": False,
    "accept_warnings": True,
    "fail_on_rpo": True,
    "fetch_log": "on_failure",
    "recreate": False,
    "stall_timeout": 0.0,
    "state": "present",
    "wait": True,
    "wait_timeout": 120.0,
}


@pytest.fixture(scope="session")
def velero_server(empty_api_server: ApiServer) -> ApiServer:
    """The API server, with the definitions of Velero."""
    definitions = json.loads(DEFINITIONS.read_text())["definitions"]
    command = [str(ROOT / ".local" / "bin" / "kubectl"), "--kubeconfig", str(empty_api_server.kubeconfig)]
    everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": definitions})
    subprocess.run([*command, "apply", "--server-side", "-f", "-"], input=everything, text=True, check=True)
    names = [f"crd/{definition['metadata']['name']}" for definition in definitions]
    subprocess.run([*command, "wait", "--for=condition=Established", "--timeout=120s", *names], check=True)
    raw = empty_api_server.raw()
    for definition in definitions:
        path = f"/apis/velero.io/v1/{definition['spec']['names']['plural']}"
        for _ in range(300):  # established is not yet served: it answers 404 or 429 for a moment
            if raw.send("GET", path)[0] == 200:
                break
            time.sleep(0.2)
    return empty_api_server


@pytest.fixture
def files() -> Iterator[Files]:
    store = Files()
    yield store
    store.close()


@pytest.fixture
def velero(velero_server: ApiServer, files: Files) -> Iterator[ScriptedVelero]:
    """A Velero with a namespace of its own and a storage location that is available."""
    namespace = f"velero-{uuid.uuid4().hex[:8]}"
    raw = velero_server.raw()
    code, answer = raw.send("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert code == 201, answer
    velero = ScriptedVelero(raw, namespace, files)
    velero.make(
        "BackupStorageLocation",
        "backupstoragelocations",
        "default",
        {"provider": "aws", "objectStorage": {"bucket": "b"}, "default": True},
        status={"phase": "Available", "lastValidationTime": velero.now()},
    )
    with velero:
        yield velero
    raw.send("DELETE", f"/api/v1/namespaces/{namespace}")


@pytest.fixture
def engine(velero: ScriptedVelero, velero_server: ApiServer) -> Engine:
    """Calls the engine as a module does, with the defaults of the modules; returns the result or raises the error."""

    def call(function: str, /, *, check: bool = False, **params: Any) -> dict[str, Any]:
        given = {
            **DEFAULTS,
            "kubeconfig": str(velero_server.kubeconfig),
            "namespace": velero.namespace,
            "retry_timeout": 60.0,
            "request_timeout": 60.0,
            **params,
        }
        return dict(getattr(tasks, function)(given, check_mode=check, diff_mode=True))

    return call


@pytest.fixture
def kubectl(velero_server: ApiServer) -> Callable[..., Any]:
    """Runs kubectl, the other door; parses what it prints when JSON was asked for."""

    def run(*args: str, stdin: str = "") -> Any:
        command = [str(ROOT / ".local" / "bin" / "kubectl"), "--kubeconfig", str(velero_server.kubeconfig), *args]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "json" in args else done.stdout

    return run


@pytest.fixture
def namespace_of_service(velero: ScriptedVelero) -> Iterator[str]:
    """A namespace that a backup may have been taken of."""
    name = f"service-{uuid.uuid4().hex[:8]}"
    velero.raw.send("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    velero.raw.send("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def cycle(warm_ansible: WarmAnsible, velero: ScriptedVelero, velero_server: ApiServer) -> Cycle:
    """Runs a module several times, as the tasks of one playbook; returns the results, also of those that failed."""

    def run(module: str, common: dict[str, Any], *steps: dict[str, Any]) -> list[dict[str, Any]]:
        where = {"kubeconfig": str(velero_server.kubeconfig), "namespace": velero.namespace}
        name = f"fuze.miniapp_infra.{module}"
        tasks = []
        for step in steps:
            given = {**where, **common, **step, "check": None}
            task: dict[str, Any] = {name: {key: value for key, value in given.items() if value is not None}}
            tasks.append({**task, "check_mode": step.get("check", False), "diff": True, "ignore_errors": True})
        played = warm_ansible.play(tasks)
        assert len(played.results) == len(steps), played.output
        return [{**item["result"], "failed": item["event"] != "ok"} for item in played.results]

    return run
