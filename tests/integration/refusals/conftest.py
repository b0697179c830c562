# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks with an inventory of the test, and the Git repository through git itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
REPOSITORY = "https://198.18.0.2:3000/platform.git"
PREFLIGHT = "fuze.miniapp_infra.preflight : "


@dataclass(frozen=True)
class Run:
    """What a playbook did.

    Args:
        succeeded: its exit code was 0.
        plays: that began.
        tasks: that began.
        failure: the result of the task that failed, empty when none did.
        changed: how many tasks changed something.
        output: everything that it printed.
    """

    succeeded: bool
    plays: tuple[str, ...]
    tasks: tuple[str, ...]
    failure: dict[str, Any]
    changed: int
    output: str


class Playbook(Protocol):
    def __call__(self, name: str, inventory: Path, *options: str, **variables: str) -> Run: ...


@pytest.fixture(scope="session")
def playbook(ansible_environment: dict[str, str], kubeconfig: Path) -> Playbook:
    """Run a playbook of this checkout; its inventory may be anywhere."""
    del kubeconfig  # only so that the tests are skipped where no environment runs

    def run(name: str, inventory: Path, *options: str, **variables: str) -> Run:
        given = {"preflight_root": str(ROOT), **variables}
        done = subprocess.run(
            [
                *("ansible-playbook", f"--inventory={inventory}", *options),
                *(f"--extra-vars={key}={value}" for key, value in given.items()),
                str(ROOT / "playbooks" / f"{name}.yml"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env={**ansible_environment, "NO_PROXY": "198.18.0.0/15", "no_proxy": "198.18.0.0/15"},
        )
        output = done.stdout + done.stderr
        recap = re.search(r"changed=(\d+)", done.stdout)
        assert recap, output
        fatal = re.search(r"^fatal: \[localhost\]: FAILED! => (\{.*\})$", output, re.MULTILINE)
        return Run(
            succeeded=done.returncode == 0,
            plays=tuple(re.findall(r"^PLAY \[(.*)\] \*", done.stdout, re.MULTILINE)),
            tasks=tuple(re.findall(r"^TASK \[(.*)\] \*", done.stdout, re.MULTILINE)),
            failure=json.loads(fatal[1]) if fatal else {},
            changed=int(recap[1]),
            output=output,
        )

    return run


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """A copy of the local inventory, outside the checkout."""
    copied = tmp_path / "inventories" / "local"
    shutil.copytree(ROOT / "inventories" / "local", copied)
    return copied


@pytest.fixture
def rewrite(inventory: Path) -> Callable[[str, Callable[[dict[str, Any]], object]], None]:
    """Change one file of the copy: its name without suffix, and what to do with its content."""

    def change(topic: str, edit: Callable[[dict[str, Any]], object]) -> None:
        path = inventory / "group_vars" / "all" / f"{topic}.yml"
        content = yaml.safe_load(path.read_text())
        edit(content)
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    return change


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "http.proxy=", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_SSL_CAINFO": str(ROOT / ".local" / "pki" / "ca.crt")},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def refs() -> dict[str, str]:
    """Return every branch, pull request and record of the repository of desired state, with its commit."""
    lines = (line.split() for line in git("ls-remote", REPOSITORY).splitlines())
    return {name: commit for commit, name in lines}
