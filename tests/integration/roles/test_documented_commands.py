# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents tell an operator to look at can be looked at: each command that only reads is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
# These change something, or have tests of their own.
OTHERS = ("ansible-", "make ", "pip ")
# What the full profile alone has, and the tool that brings it.
TOOLS = {"rollouts": "argo-rollouts", "velero": "velero"}
DOCUMENTS = ("local-environment.md", "environment-model.md", "security.md")

pytestmark = pytest.mark.live


def reading() -> list[str]:
    text = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in DOCUMENTS)
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    return sorted({line for line in lines if line and not line.startswith(OTHERS)})


def needing(line: str) -> Any:
    tools = [tool for word, tool in TOOLS.items() if word in line]
    return pytest.param(line, id=line, marks=[pytest.mark.full, pytest.mark.tool(*tools)] if tools else [])


@pytest.mark.parametrize("line", [needing(line) for line in reading()])
def test_it_answers(line: str, kubeconfig: Path) -> None:
    assert kubeconfig.is_file()
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
