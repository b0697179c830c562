# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of modules lists what there is, in the words of the documentation."""

from __future__ import annotations

import ast
import re

import yaml

from .conftest import ROOT

ROW = re.compile(r"^\| (?:(?:lookup|filter) )?`(?P<name>\w+)` \| (?P<text>.+) \|$", re.MULTILINE)
PLUGINS = ROOT / "plugins"


def constant(path, name="DOCUMENTATION"):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return yaml.safe_load(node.value.value)
    raise AssertionError(f"{path} has no {name}")


def test_the_page_lists_every_plugin_once_in_its_own_words():
    paths = [path for kind in ("modules", "lookup") for path in (PLUGINS / kind).glob("*.py")]
    documented = {path.stem: constant(path) for path in paths if path.stem != "__init__"}
    for path in (PLUGINS / "filter").glob("*.yml"):
        documented[path.stem] = yaml.safe_load(path.read_text(encoding="utf-8"))["DOCUMENTATION"]
    rows = ROW.findall((ROOT / "docs" / "modules.md").read_text(encoding="utf-8"))
    assert sorted(rows) == sorted((name, docs["short_description"]) for name, docs in documented.items())
