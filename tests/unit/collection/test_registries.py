# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists that are kept by hand agree with what they list."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

import miniapp_infra

ROOT = Path(__file__).parents[3]
MODULES = sorted(path for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
IDS = [path.stem for path in MODULES]
MOST_CODE_LINES = 60


def documentation(path: Path) -> dict[str, Any]:
    """Read the constants of a module without importing it."""
    tree = ast.parse(path.read_text())
    constants: dict[str, Any] = {}
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.targets[0], ast.Name)
        ):
            constants[node.targets[0].id] = node.value.value
    return constants


def runtime() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    return loaded


def test_every_module_is_in_the_action_group() -> None:
    assert runtime()["action_groups"]["miniapp"] == IDS


def test_every_module_is_routed_to_the_action_plugin() -> None:
    routing = runtime()["plugin_routing"]["modules"]
    assert list(routing) == IDS
    assert {item["action_plugin"] for item in routing.values()} == {"fuze.miniapp_infra.in_process"}


def test_the_modules_that_reach_a_cluster_are_in_their_action_group() -> None:
    kube = [path.stem for path in MODULES if "fuze.miniapp_infra.kube\n" in documentation(path)["DOCUMENTATION"]]
    assert runtime()["action_groups"]["kube"] == kube


def test_versions_are_the_same_everywhere() -> None:
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    engine = documentation(ROOT / "plugins" / "module_utils" / "engine.py")
    environment = (ROOT / "meta" / "requirements.txt").read_text()
    assert galaxy["version"] == miniapp_infra.__version__ == engine["PACKAGE_VERSION"]
    assert f"miniapp-infra=={miniapp_infra.__version__}" in environment


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_documentation_is_complete(path: Path) -> None:
    found = documentation(path)
    docs = yaml.safe_load(found["DOCUMENTATION"])
    assert docs["module"] == path.stem
    assert docs["version_added"]
    assert yaml.safe_load(found["EXAMPLES"])
    for key, value in yaml.safe_load(found["RETURN"]).items():
        assert {"description", "returned", "type"} <= set(value), key
    text = found["DOCUMENTATION"]
    assert "attributes" in docs or "fuze.miniapp_infra.attributes" in text


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_modules_are_thin(path: Path) -> None:
    """Logic belongs into the package: the code of a module is its argument specification and one call."""
    tree = ast.parse(path.read_text())
    texts = {"DOCUMENTATION", "EXAMPLES", "RETURN"}
    lines = 0
    for node in tree.body:
        is_text = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in texts
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not is_text and not is_docstring:
            lines += (node.end_lineno or node.lineno) - node.lineno + 1
    assert lines <= MOST_CODE_LINES


def test_engines_do_not_know_ansible() -> None:
    for path in (ROOT / "src" / "miniapp_infra" / "kube").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.partition(".")[0] == "ansible" for name in names), path
