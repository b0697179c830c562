# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module says about its options, in its documentation and in its argument specification.

Run as a program it prints the argument specifications of all modules and fragments: one process for all of them,
because importing Ansible takes longer than everything else here.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import traceback
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
COLLECTION = "fuze.miniapp_infra"
PACKAGE = f"ansible_collections.{COLLECTION}.plugins"
MODULES = sorted(path for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
RULES = ("mutually_exclusive", "required_by", "required_if", "required_one_of", "required_together")
"""What AnsibleModule takes about options beside their specification."""

COMPARED = ("aliases", "choices", "default", "elements", "type")
# How a function of module_utils says in its first line which fragment it mirrors.
_MIRRORS = re.compile(r"fragment ``([a-z_.]+)``")


@cache
def constants(path: Path) -> dict[str, Any]:
    """Read the constants of a Python file, also those of its classes, without importing it."""
    found: dict[str, Any] = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found |= {target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)}
    return found


@cache
def documented_parts() -> dict[str, dict[str, Any]]:
    """Return the documentation of every fragment, and of every part of one: ``cosign``, ``cosign.registry``."""
    parts: dict[str, dict[str, Any]] = {}
    for path in sorted((ROOT / "plugins" / "doc_fragments").glob("*.py")):
        for name, text in constants(path).items():
            slug = path.stem if name == "DOCUMENTATION" else f"{path.stem}.{name.lower()}"
            parts[slug] = yaml.safe_load(text)
    return parts


def documented_options(path: Path) -> dict[str, Any]:
    """Return the options of a module as ``ansible-doc`` shows them: its own, and those of its fragments."""
    documentation = yaml.safe_load(constants(path)["DOCUMENTATION"])
    options: dict[str, Any] = {}
    for slug in documentation.get("extends_documentation_fragment", ()):
        options |= documented_parts()[slug.removeprefix(f"{COLLECTION}.")].get("options", {})
    return options | documentation.get("options", {})


def comparable(options: Mapping[str, Any], suboptions: str) -> dict[str, Any]:
    """Reduce options to what documentation and argument specification must agree on."""
    return {
        name: {
            **{key: option.get(key) for key in COMPARED},
            "type": option.get("type", "str"),
            "required": bool(option.get("required")),
            "options": comparable(option[suboptions], suboptions) if option.get(suboptions) else None,
        }
        for name, option in options.items()
    }


def all_specifications(collections_path: Path) -> dict[str, Any]:
    """Return ``modules`` and ``fragments``, each by name, from one process that imports all of them."""
    done = subprocess.run(
        [sys.executable, __file__],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(collections_path), "HOME": "/nonexistent"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class _Parsed(Exception):  # noqa: N818 - not an error
    """Carries what AnsibleModule was given."""


def _collected() -> dict[str, Any]:
    basic = importlib.import_module("ansible.module_utils.basic")

    def stop(_: Any, argument_spec: dict[str, Any], **options: Any) -> None:
        raise _Parsed(argument_spec, options)

    basic.AnsibleModule.__init__ = stop
    return {"modules": {path.stem: _of_module(path.stem) for path in MODULES}, "fragments": _of_fragments()}


def _of_module(name: str) -> dict[str, Any]:
    try:
        importlib.import_module(f"{PACKAGE}.modules.{name}").main()
    except _Parsed as parsed:
        spec, options = parsed.args
        return {"spec": spec, **options}
    except Exception:  # noqa: BLE001 - one broken module must not hide the others
        return {"error": traceback.format_exc()}
    return {"error": "main() ended without an argument specification"}


def _of_fragments() -> dict[str, Any]:
    found: dict[str, Any] = {}
    package = importlib.import_module(f"{PACKAGE}.module_utils")
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{PACKAGE}.module_utils.{info.name}")
        for _, function in inspect.getmembers(module, inspect.isfunction):
            mirrored = _MIRRORS.search((inspect.getdoc(function) or "").partition("\n")[0])
            if function.__module__ != module.__name__ or mirrored is None:
                continue
            needed = [
                item
                for item in inspect.signature(function).parameters.values()
                if item.default is inspect.Parameter.empty
            ]
            found[mirrored[1]] = {"spec": function(*(1.0 for _ in needed)), "is_made_to_measure": bool(needed)}
    return found


if __name__ == "__main__":
    json.dump(_collected(), sys.stdout, default=str)
