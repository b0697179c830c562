# SPDX-License-Identifier: GPL-3.0-or-later
"""How each contender is told to do the same thing, and what it costs when it does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bench import workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.cluster import Cluster, Traffic
    from bench.peers import Peers

ROOT = Path(__file__).parents[2]
RUN_TIMEOUT = 900
LOOP_ITEMS = 30
RELEASE = "bench"
OURS = "fuze.miniapp_infra.k8s_apply"
STOCK = "kubernetes.core.k8s"
_RECAP = re.compile(r"^localhost\s*:\s+ok=(\d+)\s+changed=(\d+)\s.*failed=(\d+)", re.MULTILINE)


class ContenderError(Exception):
    """A contender failed, or said something that is not so."""


@dataclass(frozen=True)
class Sample:
    """One run of one contender."""

    seconds: float
    traffic: Traffic


@dataclass(frozen=True)
class Contender:
    """One way to do the thing that a scenario is about.

    Args:
        key: short name, part of the namespace.
        title: as tables show it.
        run: does it once and measures it.
        namespace: where it does it.
        rounds: it takes part in so many rounds at most; None: in all of them.
        warm_up: is run before the first round; None: ``run`` is.
    """

    key: str
    title: str
    run: Callable[[], Sample]
    namespace: str
    rounds: int | None = None
    warm_up: Callable[[], Sample] | None = None


@dataclass
class Workshop:
    """Directory, environment and cluster of a run, and the ways to start contenders in them."""

    work: Path
    peers: Peers
    programs: Path
    cluster: Cluster
    _environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        own = self.work / "collections" / "ansible_collections" / "fuze"
        own.mkdir(parents=True)
        (own / "miniapp_infra").symlink_to(ROOT)
        for name in ("home", "tmp", "ansible"):
            (self.work / name).mkdir()
        settings = self.work / "ansible.cfg"
        settings.write_text("[defaults]\n")
        dropped = ("ANSIBLE_", "K8S_AUTH_", "HELM_", "PYTHON", "MINIAPP_INFRA_", "KUBE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        path = [str(self.peers.bin), str(self.programs), os.environ.get("PATH", os.defpath)]
        self._environment = {
            **kept,
            "ANSIBLE_COLLECTIONS_PATH": f"{self.work / 'collections'}{os.pathsep}{self.peers.collections}",
            "ANSIBLE_CONFIG": str(settings),
            "ANSIBLE_HOME": str(self.work / "ansible"),
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
            # Caches of discovery and the like: each contender keeps its own in there from one run to the next.
            "HOME": str(self.work / "home"),
            "TMPDIR": str(self.work / "tmp"),
            "LC_ALL": "C.UTF-8",
            "PATH": os.pathsep.join(path),
        }

    @property
    def kubeconfig(self) -> str:
        return str(self.cluster.kubeconfig)

    def measure(self, command: Sequence[str], extra: Mapping[str, str] | None = None) -> tuple[Sample, str]:
        """Run a command to its end; return what it cost and what it printed.

        Raises:
            ContenderError: it failed.
        """
        self.cluster.reset_traffic()
        started = time.perf_counter()
        try:
            done = subprocess.run(
                command,
                env={**self._environment, **(extra or {})},
                cwd=self.work,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=RUN_TIMEOUT,
            )
        except subprocess.TimeoutExpired as error:
            raise ContenderError(f"{' '.join(command[:3])} did not end within {RUN_TIMEOUT} s") from error
        seconds = time.perf_counter() - started
        if done.returncode:
            end = f"{done.stdout[-2500:]}{done.stderr[-2500:]}"
            raise ContenderError(f"{' '.join(command[:3])} ended with {done.returncode}:\n{end}")
        return Sample(round(seconds, 4), self.cluster.traffic()), done.stdout

    def playbook(
        self, name: str, task: Mapping[str, Any], *, changed: bool, extra: Mapping[str, str] | None = None
    ) -> Callable[[], Sample]:
        """Return a run of ``ansible-playbook`` with one task, which must report whether it changed anything."""
        play = {"name": name, "hosts": "localhost", "gather_facts": False, "tasks": [{"name": name, **task}]}
        file = self.work / f"{name}.yml"
        file.write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")

        def run() -> Sample:
            sample, output = self.measure([str(self.peers.bin / "ansible-playbook"), str(file)], extra)
            require_recap(name, output, changed=changed)
            return sample

        return run

    def api(self, objects: Sequence[dict[str, Any]], name: str, *, changed: bool) -> Callable[[], Sample]:
        """Return a call of our Python API, timed inside of a process that has imported it."""
        file = self.work / f"{name}.json"
        file.write_text(json.dumps(objects), encoding="utf-8")
        command = [str(self.peers.python), str(Path(__file__).parent / "api_call.py"), self.kubeconfig, str(file)]

        def run() -> Sample:
            sample, output = self.measure(command)
            told = json.loads(output)
            if told["changed"] is not changed:
                raise ContenderError(f"{name}: changed is {told['changed']}, expected {changed}")
            return Sample(round(told["seconds"], 4), sample.traffic)

        return run

    def program(self, *command: str) -> Callable[[], Sample]:
        """Return a run of a program of the toolchain."""
        return lambda: self.measure([str(self.programs / command[0]), *command[1:]])[0]

    def manifest(self, name: str, objects: Sequence[dict[str, Any]]) -> str:
        return str(workload.write(objects, self.work / f"{name}.yaml"))

    # What the contenders are told.

    def ours(self, src: str, **options: Any) -> dict[str, Any]:
        return {OURS: {"kubeconfig": self.kubeconfig, "src": [src], **options}}

    def stock(self, src: str, **options: Any) -> dict[str, Any]:
        return {STOCK: {"kubeconfig": self.kubeconfig, "src": src, **options}}

    def loop(self, module: str, namespace: str, items: int) -> dict[str, Any]:
        options = {"kubeconfig": self.kubeconfig, "definition": workload.config_map("{{ item }}", namespace)}
        return {module: options, "loop": list(range(items))}

    def mitogen(self) -> dict[str, str]:
        """Return the environment that makes Ansible run modules through mitogen."""
        return {
            "ANSIBLE_STRATEGY": "mitogen_linear",
            "ANSIBLE_STRATEGY_PLUGINS": str(self.peers.mitogen_strategies()),
        }

    def our_release(self, chart: Path, namespace: str) -> dict[str, Any]:
        options = {
            "kubeconfig": self.kubeconfig,
            "name": RELEASE,
            "chart_ref": str(chart),
            "release_namespace": namespace,
            "values": {"part": "benchmark"},
        }
        return {"fuze.miniapp_infra.helm_release": options}

    def helm(self, verb: str, chart: Path, namespace: str) -> Callable[[], Sample]:
        where = ["--namespace", namespace, "--kubeconfig", self.kubeconfig]
        return self.program("helm", verb, RELEASE, str(chart), "--set", "part=benchmark", *where)


SERVER_SIDE = {"state": "present", "apply": True, "server_side_apply": {"field_manager": "ansible"}}


def require_recap(name: str, output: str, *, changed: bool) -> None:
    """Check what a playbook of one task says that it did.

    Raises:
        ContenderError: it changed something that was as declared, or nothing that was not.
    """
    recap = _RECAP.search(output)
    if recap is None:
        raise ContenderError(f"{name}: no recap in the output:\n{output[-2000:]}")
    ok, changes, failed = map(int, recap.groups())
    if (ok, changes, failed) != (1, int(changed), 0):
        raise ContenderError(f"{name}: ok={ok} changed={changes} failed={failed}, expected changed={int(changed)}")
