# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of every part share: the collection on Ansible's path, modules run for real, the live environment."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from promises import PROFILE, skip_without_tools, without_live
from warm_ansible import WarmAnsible

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
KUBECONFIG = "MINIAPP_INFRA_KUBECONFIG"

# A module reads its arguments from standard input, in the profile that ansible-core uses for it.
_RUN_MODULE = """
import json, runpy, sys
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(sys.stdin.read())}).encode()
basic._ANSIBLE_PROFILE = "legacy"
runpy.run_module("ansible_collections.fuze.miniapp_infra.plugins.modules." + sys.argv[1], run_name="__main__")
"""


class RunModule(Protocol):
    """Runs a module of the collection and returns its result, also when it failed."""

    def __call__(
        self,
        name: str,
        args: dict[str, Any],
        *,
        check: bool = False,
        diff: bool = False,
        env: dict[str, str] | None = None,
    ) -> dict[str, Any]: ...


@pytest.fixture(scope="session")
def collections_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for ``ANSIBLE_COLLECTIONS_PATH`` in which the collection is this checkout."""
    path = tmp_path_factory.mktemp("collections")
    namespace = path / "ansible_collections" / "fuze"
    namespace.mkdir(parents=True)
    (namespace / "miniapp_infra").symlink_to(ROOT)
    return path


@pytest.fixture(scope="session")
def ansible_environment(collections_path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of ansible commands: this checkout's collection, no settings of the machine, no terminal colours."""
    home = tmp_path_factory.mktemp("ansible")
    config = home / "ansible.cfg"
    config.write_text("[defaults]\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "K8S_AUTH_"))}
    return {
        **kept,
        "ANSIBLE_COLLECTIONS_PATH": str(collections_path),
        "ANSIBLE_CONFIG": str(config),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "true",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{ROOT / '.local' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(collections_path),
    }


@pytest.fixture(scope="session")
def warm_ansible(
    ansible_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WarmAnsible]:
    """Runs playbooks with the settings of ``ansible_environment``."""
    with WarmAnsible(tmp_path_factory.mktemp("plays"), ansible_environment) as ansible:
        yield ansible


@pytest.fixture(scope="session")
def module_process(ansible_environment: dict[str, str]) -> RunModule:
    """Runs a module in a process of its own; for tests in which it is a mere tool."""

    def run(
        name: str, args: dict[str, Any], *, check: bool = False, diff: bool = False, env: dict[str, str] | None = None
    ) -> dict[str, Any]:
        control = {"_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_remote_tmp": "/tmp"}  # noqa: S108 - unused
        done = subprocess.run(
            [sys.executable, "-c", _RUN_MODULE, name],
            input=json.dumps({**args, **control}),
            capture_output=True,
            text=True,
            check=False,
            env={**ansible_environment, **(env or {})},
            timeout=600,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        assert lines, f"{name} printed no result:\n{done.stdout}\n{done.stderr}"
        result: dict[str, Any] = json.loads(lines[-1])
        return result

    return run


@pytest.fixture(scope="session")
def module_worker(warm_ansible: WarmAnsible) -> RunModule:
    """Runs a module as the task of a playbook, inside the process that Ansible forks for it."""

    def run(
        name: str, args: dict[str, Any], *, check: bool = False, diff: bool = False, env: dict[str, str] | None = None
    ) -> dict[str, Any]:
        # Through a file, because text that stands in a playbook is taken for a template.
        values = {key: "{{ given[" + repr(key) + "] }}" for key in args}
        given = "{{ lookup('ansible.builtin.file', playbook_dir ~ '/args.json') | from_json }}"
        task = {f"fuze.miniapp_infra.{name}": values, "vars": {"given": given}}
        played = warm_ansible.play(
            [task],
            files={"args.json": json.dumps(args)},
            options=["--check"] * check + ["--diff"] * diff,
            env=env,
        )
        result = played.only()
        # Callbacks are told this by the event.
        return {**result, "failed": True} if played.results[0]["event"] != "ok" else result

    return run


@pytest.fixture(params=["process", "worker"])
def run_module(request: pytest.FixtureRequest) -> RunModule:
    """Runs a module both ways; for tests whose subject the module is.

    Of function scope, because pytest sorts tests by the parameters of wider ones, and ours have an order.
    """
    way: RunModule = request.getfixturevalue(f"module_{request.param}")
    return way


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """The kubeconfig of the live environment; ``MINIAPP_INFRA_KUBECONFIG`` names another cluster."""
    path = Path(os.environ.get(KUBECONFIG) or ROOT / ".local" / "kubeconfig")
    if not path.is_file():
        without_live(f"no environment is running: {path} does not exist (start it with: make up)")
    return path


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the tests, and leave out those whose profile was not asked for or whose tools did not fit into it.

    What is quick comes first, and what stops parts of the environment comes last. Without a profile, everything runs.
    """
    del config
    items.sort(key=_rank)
    for item in items:
        skip_without_tools(item)
    if os.environ.get(PROFILE) == "core":
        for item in items:
            if item.get_closest_marker("full"):
                item.add_marker(pytest.mark.skip(reason="belongs to the full profile (PROFILE=full)"))


def _rank(item: pytest.Item) -> tuple[bool, int]:
    suites = ("unit", "integration", "e2e")
    return item.get_closest_marker("disruptive") is not None, suites.index(
        item.path.relative_to(ROOT / "tests").parts[0]
    )


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let unit tests reach this machine only, so that none of them depends on somebody else's server."""
    if "unit" in request.path.relative_to(ROOT / "tests").parts[:1]:
        connect = socket.socket.connect

        def guarded(self: socket.socket, address: Any) -> None:
            if self.family in {socket.AF_INET, socket.AF_INET6} and not is_loopback(address[0]):
                pytest.fail(f"a unit test connects to {address[0]}; only loopback is allowed")
            connect(self, address)

        monkeypatch.setattr(socket.socket, "connect", guarded)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
