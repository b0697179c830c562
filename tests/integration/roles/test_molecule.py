# SPDX-License-Identifier: GPL-3.0-or-later
"""The molecule scenario of every role: converge, idempotence, check mode (converged, and on nothing), verify."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCENARIOS = ROOT / "extensions" / "molecule"
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())

pytestmark = pytest.mark.live


def test_every_role_has_a_scenario() -> None:
    assert sorted(path.parent.name for path in SCENARIOS.glob("*/molecule.yml")) == ROLES


@pytest.mark.parametrize("role", ROLES)
def test_scenario(role: str, empty_cluster: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [
            str(Path(sys.executable).with_name("molecule")),
            "--base-config",
            str(SCENARIOS / "config.yml"),
            "test",
            "--scenario-name",
            role,
        ],
        cwd=ROOT / "extensions",
        env=os.environ
        | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "MINIAPP_INFRA_EMPTY_KUBECONFIG": str(empty_cluster),
            "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-3000:]
