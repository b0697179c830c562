# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the chart with the real helm, which the toolchain builds."""

from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "miniapp-service"


@pytest.fixture(scope="session")
def helm() -> str:
    built = ROOT / ".local" / "bin" / "helm"
    program = str(built) if built.exists() else shutil.which("helm")
    if program is None:
        pytest.skip("helm is neither built (make up) nor installed")
    return program


@pytest.fixture
def values() -> dict[str, Any]:
    """Values that use every option."""
    return copy.deepcopy(yaml.safe_load((CHART / "ci" / "example-values.yaml").read_text()))


@pytest.fixture
def run_helm(helm: str, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(subcommand: str, given: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump(given))
        name = ["release"] if subcommand == "template" else []
        return subprocess.run(
            [helm, subcommand, *name, str(CHART), "--namespace", given.get("service", "x"), "--values", str(file)],
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def render(run_helm: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., dict[tuple[str, str], Any]]:
    """Renders values into objects by kind and name."""

    def render_values(given: dict[str, Any]) -> dict[tuple[str, str], Any]:
        done = run_helm("template", given)
        assert done.returncode == 0, done.stderr
        objects = [item for item in yaml.safe_load_all(done.stdout) if item]
        return {(item["kind"], item["metadata"]["name"]): item for item in objects}

    return render_values
