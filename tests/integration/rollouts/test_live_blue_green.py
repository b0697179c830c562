# SPDX-License-Identifier: GPL-3.0-or-later
"""A blue/green service of the chart in the live environment, with the controller of Argo Rollouts and real pods."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
import urllib3
import yaml
from admission.images import Images

from promises import require_full_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from conftest import RunModule

    Apply = Callable[..., str]

pytestmark = [pytest.mark.live, pytest.mark.full, pytest.mark.tool("argo-rollouts"), pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[3]
BIN = ROOT / ".local" / "bin"
# Any tenant would do: its namespace has the policies, and a signed image. Nothing of the service itself is touched.
NAMESPACE = "watchlist"
SERVICE = "bluegreen"
NAME = f"local-miniapp-{SERVICE}"
VALUES: dict[str, Any] = {
    "environment": "local",
    "service": SERVICE,
    "owner": "market-data",
    "port": 8080,
    "args": ["--port=8080"],
    "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}},
    "probes": {"liveness": {"path": "/healthz"}, "readiness": {"path": "/readyz"}, "startup": {"path": "/healthz"}},
    "podDisruptionBudget": {"enabled": True, "minAvailable": 0},
    "strategy": {"type": "BlueGreen"},
}


def run(*command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    # The address of the API server is not for the proxy of the machine.
    direct = {"NO_PROXY": "198.18.0.0/15,127.0.0.1", "no_proxy": "198.18.0.0/15,127.0.0.1"}
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **direct}
    )


@dataclass
class Traffic:
    """Requests to a Service, one after the other on a connection of their own, until it ends. A context manager.

    Attributes:
        pods: names of the pods that answered, in the order in which they did.
        failures: what went wrong.
    """

    address: str
    pods: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work, name="traffic", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        assert self._thread is not None
        self._thread.join(timeout=60)

    def next_pods(self, count: int = 5) -> set[str]:
        """Return the pods that answer the next requests."""
        known = len(self.pods)
        for _ in range(1200):
            if len(self.pods) - known >= count:
                break
            self._end.wait(0.05)
        return set(self.pods[known:])

    def _work(self) -> None:
        while not self._end.wait(0.05):
            try:
                self.pods.append(pod_behind(self.address))
            except Exception as error:  # noqa: BLE001 - whatever it is, a request has failed
                self.failures.append(repr(error))


def pod_behind(address: str) -> str:
    """Return the name of the pod that answers; podinfo says it."""
    pool = urllib3.PoolManager(retries=False, timeout=10, headers={"Connection": "close", "Accept": "application/json"})
    answer = pool.request("GET", f"{address}/api/info")
    assert answer.status == 200, answer.data
    name: str = json.loads(answer.data)["hostname"]
    return name


@pytest.fixture
def kubectl(kubeconfig: Path) -> Callable[..., Any]:
    require_full_profile()

    def call(*arguments: str, stdin: Any = None) -> Any:
        command = [str(BIN / "kubectl"), f"--kubeconfig={kubeconfig}", f"--namespace={NAMESPACE}", *arguments]
        done = run(*command, stdin="" if stdin is None else yaml.safe_dump_all(stdin))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "--output=json" in arguments else done.stdout

    return call


@pytest.fixture
def image(kubectl: Callable[..., Any]) -> str:
    """The signed image that the service of this namespace runs."""
    found = kubectl("get", f"deployment/local-miniapp-{NAMESPACE}", "--output=json")
    name: str = found["spec"]["template"]["spec"]["containers"][0]["image"]
    return name


@pytest.fixture
def render(tmp_path: Path) -> Callable[[str, str], list[dict[str, Any]]]:
    """Renders the chart for a version."""

    def objects(version: str, image: str) -> list[dict[str, Any]]:
        repository, _, digest = image.partition("@")
        values = {**copy.deepcopy(VALUES), "version": version, "image": {"repository": repository, "digest": digest}}
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump(values))
        chart = str(ROOT / "charts" / "miniapp-service")
        done = run(str(BIN / "helm"), "template", NAME, chart, f"--namespace={NAMESPACE}", f"--values={file}")
        assert done.returncode == 0, done.stderr
        return [item for item in yaml.safe_load_all(done.stdout) if item]

    return objects


@pytest.fixture
def apply(
    kubectl: Callable[..., Any], render: Callable[[str, str], list[dict[str, Any]]]
) -> Iterator[Callable[[str, str], None]]:
    """Applies a version as Argo CD does, and removes everything in the end."""

    def version(text: str, image: str) -> None:
        options = ("--server-side", "--force-conflicts", "--field-manager=argocd-controller")
        kubectl("apply", *options, "--filename=-", stdin=render(text, image))

    yield version
    kinds = "rollouts,services,configmaps,serviceaccounts,poddisruptionbudgets"
    kubectl("delete", kinds, f"--selector=app.kubernetes.io/instance={NAME}", "--wait=false")


@pytest.fixture
def module(module_process: RunModule, kubeconfig: Path) -> Callable[..., dict[str, Any]]:
    def call(name: str, **options: Any) -> dict[str, Any]:
        given = {"kubeconfig": str(kubeconfig), "namespace": NAMESPACE, "name": NAME, "wait_timeout": 120, **options}
        result = module_process(name, given, env={"NO_PROXY": "198.18.0.0/15", "no_proxy": "198.18.0.0/15"})
        assert not result.get("failed"), result
        return result

    return call


def test_no_request_is_lost(
    kubectl: Callable[..., Any], apply: Callable[[str, str], None], module: Callable[..., dict[str, Any]], image: str
) -> None:
    """Preview, promotion and abort under constant traffic; the pods that answer tell which version serves."""

    def preview(version: str) -> dict[str, Any]:
        apply(version, image)
        (found,) = module("argo_rollout_info", wait=True)["rollouts"]
        assert found["awaits_promotion"], found
        return dict(found)

    def address(name: str) -> str:
        return f"http://{kubectl('get', f'service/{name}', '--output=json')['spec']['clusterIP']}"

    apply("1.0.0", image)
    (first,) = module("argo_rollout_info", wait=True)["rollouts"]
    assert first["finished"], first
    with Traffic(address(NAME)) as traffic:
        assert all(first["active_pod_hash"] in pod for pod in traffic.next_pods())

        second = preview("1.1.0")
        # Argo CD applies the same again and again: that must not promote anything (argo-rollouts issue 3437).
        assert preview("1.1.0")["active_pod_hash"] == first["active_pod_hash"]
        assert all(first["active_pod_hash"] in pod for pod in traffic.next_pods())
        assert second["current_pod_hash"] in pod_behind(address(f"{NAME}-preview"))

        promoted = module("argo_rollout", image=image, expected_pod_hash=second["current_pod_hash"])
        assert promoted["changed"]
        assert not module("argo_rollout")["changed"]
        traffic.next_pods()  # what was on its way
        assert all(second["current_pod_hash"] in pod for pod in traffic.next_pods())

        third = preview("1.2.0")
        assert module("argo_rollout", state="aborted", expected_pod_hash=third["current_pod_hash"])["changed"]
        assert all(second["current_pod_hash"] in pod for pod in traffic.next_pods())
    assert not traffic.failures

    pods = kubectl("get", "pods", f"--selector=app.kubernetes.io/instance={NAME}", "--output=json")["items"]
    roles = {
        pod["metadata"]["labels"]["miniapp.fuze/role"]
        for pod in pods
        if pod["metadata"]["labels"]["rollouts-pod-template-hash"] == second["current_pod_hash"]
    }
    assert roles == {"active"}


def test_an_image_that_nobody_signed_never_counts_as_healthy(
    apply: Callable[[str, str], None],
    module: Callable[..., dict[str, Any]],
    module_process: RunModule,
    image: str,
    tmp_path: Path,
) -> None:
    """Admission refuses what it is made of, while Argo Rollouts and Argo CD go on to call it healthy."""
    apply("1.0.0", image)
    assert module("argo_rollout_info", wait=True)["rollouts"][0]["finished"]
    images = Images(module_process, tmp_path)
    try:
        unsigned = images.unsigned(NAMESPACE, "test-blue-green")
        apply("1.1.0", unsigned)
        refusal = ""
        for _ in range(60):
            (found,) = module("argo_rollout_info")["rollouts"]
            assert not found["finished"]
            assert not found["awaits_promotion"]
            refusal = found["refusal"]
            if refusal:
                break
    finally:
        images.remove()
    assert "denied the request" in refusal


def test_guardrails_look_at_a_rollout(
    kubeconfig: Path, render: Callable[[str, str], list[dict[str, Any]]], image: str
) -> None:
    (rollout,) = [item for item in render("1.0.0", image) if item["kind"] == "Rollout"]
    container = rollout["spec"]["template"]["spec"]["containers"][0]
    container["image"] = f"{image.partition('@')[0]}:1.0.0"
    create = ("create", "--dry-run=server", "--filename=-")
    done = run(str(BIN / "kubectl"), f"--kubeconfig={kubeconfig}", *create, stdin=yaml.safe_dump(rollout))
    assert done.returncode != 0
    assert f"Rollout {NAMESPACE}/{NAME}: image of {SERVICE}" in done.stderr
    assert "is not named by digest alone" in done.stderr
