# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the modules for data services says what their argument specifications say."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
MODULES = (
    "docdb_cluster_restore",
    "elasticache_replication_group_info",
    "mongodb_atlas_access_list",
    "mongodb_atlas_backup_schedule",
    "mongodb_atlas_cluster_info",
    "mongodb_atlas_restore_job",
    "redis_snapshot",
)
# Runs main() of each module up to the parsed argument specification, and prints them.
_PRINT_SPECS = """
import json, runpy, sys
from ansible.module_utils import basic
class Parsed(Exception): pass
specs = {}
for name in sys.argv[1:]:
    def stop(self, argument_spec, **kwargs):
        specs[name] = argument_spec; raise Parsed
    basic.AnsibleModule.__init__ = stop
    try:
        runpy.run_module("ansible_collections.fuze.miniapp_infra.plugins.modules." + name, run_name="__main__")
    except Parsed:
        pass
print(json.dumps(specs, default=str))
"""


def comparable(options, suboptions):
    return {
        name: {
            **{key: option.get(key) for key in ("type", "elements", "default", "aliases", "choices")},
            "required": bool(option.get("required")),
            "options": comparable(option[suboptions], suboptions) if suboptions in option else None,
        }
        for name, option in options.items()
    }


def documentation(name):
    for node in ast.parse((ROOT / "plugins" / "modules" / f"{name}.py").read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "DOCUMENTATION":
            return yaml.safe_load(node.value.value)
    raise AssertionError(name)


def fragment(reference):
    name, _, part = reference.removeprefix("fuze.miniapp_infra.").partition(".")
    path = ROOT / "plugins" / "doc_fragments" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"fragment_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = getattr(module.ModuleDocFragment, part.upper() or "DOCUMENTATION")
    return yaml.safe_load(text).get("options", {})


@pytest.fixture(scope="module")
def specifications(collections_path):
    done = subprocess.run(
        [sys.executable, "-c", _PRINT_SPECS, *MODULES],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(collections_path)},
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", MODULES)
def test_options_agree(name, specifications):
    documented = documentation(name)
    options = dict(documented["options"])
    for reference in documented["extends_documentation_fragment"]:
        options |= fragment(reference)
    assert comparable(options, "suboptions") == comparable(specifications[name], "options")


@pytest.mark.parametrize("name", MODULES)
def test_every_secret_is_hidden(name, specifications):
    secret = re.compile(r"(secret|token|password|private_key|secret_key)")
    for option, spec in specifications[name].items():
        if secret.search(option):
            assert spec["no_log"] is True, option


@pytest.mark.parametrize("name", ["aws", "atlas"])
def test_environment_variables_are_documented(name, specifications):
    text = (ROOT / "plugins" / "doc_fragments" / f"{name}.py").read_text()
    module = "redis_snapshot" if name == "aws" else "mongodb_atlas_cluster_info"
    for spec in specifications[module].values():
        for variable in (spec.get("fallback") or [None, []])[1]:
            assert f"E({variable})" in text
