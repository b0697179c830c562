# SPDX-License-Identifier: GPL-3.0-or-later
"""The product as a user drives it: commands of the README, and what they leave behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".local" / "bin"
SCRIPTS = Path(sys.executable).parent
RECAP = re.compile(r"^localhost\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=0\s+failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Recap:
    """Last line of a playbook run."""

    ok: int
    changed: int
    failed: int


def environment() -> dict[str, str]:
    return os.environ | {
        "PATH": f"{SCRIPTS}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}",
        "KUBECONFIG": str(ROOT / ".local" / "kubeconfig"),
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
    }


def start(*command: str, output: Path) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own, so that all of it can be killed."""
    with output.open("wb") as log:
        return subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=log, stderr=log, start_new_session=True)


def run(*command: str, timeout: float = 900, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment() | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def playbook(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("ansible-playbook", f"playbooks/{name}.yml", *arguments)


def recap(output: str) -> Recap:
    found = RECAP.search(output)
    assert found, f"no recap in the output:\n{output[-3000:]}"
    return Recap(*(int(text) for text in found.groups()))


def require_converged(done: subprocess.CompletedProcess[str]) -> Recap:
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return recap(done.stdout)
