# SPDX-License-Identifier: GPL-3.0-or-later
"""The migration page says of each option of kubernetes.core what the modules do with it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from miniapp_infra.kube.tasks import compatibility

if TYPE_CHECKING:
    from collections.abc import Iterator


ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "migrating-from-kubernetes-core.md"
UPSTREAM: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parent / "fixtures" / "kubernetes_core_options.yml").read_text()
)

_ROW = re.compile(r"^\| `(?P<option>[^`]+)`[^|]* \| (?P<here>same|no effect|refused|none) \|[^|]*\|$", re.MULTILINE)
# Runs main() up to the parsed argument specification, and prints it.
_PRINT_SPEC = """
import json, runpy, sys
from ansible.module_utils import basic
class Parsed(Exception): pass
def stop(self, argument_spec, **kwargs):
    print(json.dumps(argument_spec, default=str)); raise Parsed
basic.AnsibleModule.__init__ = stop
try:
    runpy.run_module("ansible_collections.fuze.miniapp_infra.plugins.modules." + sys.argv[1], run_name="__main__")
except Parsed:
    pass
"""


def section(title: str) -> dict[str, str]:
    """Return what the table under a heading of the page says about each option."""
    _, _, rest = PAGE.read_text().partition(f"\n### {title}\n")
    return {row["option"]: row["here"] for row in _ROW.finditer(rest.partition("\n#")[0])}


def specification(module: str, collections_path: Path) -> dict[str, list[str]]:
    """Return the options of a module of ours, suboptions after a dot, each with all of its names."""
    done = subprocess.run(
        [sys.executable, "-c", _PRINT_SPEC, module],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(collections_path)},
    )
    found: dict[str, list[str]] = {}

    def walk(options: dict[str, Any], prefix: str) -> None:
        for name, option in options.items():
            names = [prefix + other for other in (name, *option.get("aliases", ()))]
            found.update(dict.fromkeys(names, names))
            walk(option.get("options") or {}, f"{prefix}{name}.")

    walk(json.loads(done.stdout), "")
    return found


def test_the_page_has_every_option_of_kubernetes_core() -> None:
    for title, part in (
        ("Connection", "connection"),
        ("Waiting", "wait"),
        ("kubernetes.core.k8s", "k8s"),
        ("kubernetes.core.k8s_info", "k8s_info"),
        ("kubernetes.core.helm", "helm"),
    ):
        assert set(section(title)) == set(UPSTREAM[part]), title


@pytest.mark.parametrize(("theirs", "ours"), [("k8s", "k8s_apply"), ("k8s_info", "k8s_info")])
def test_our_modules_have_every_option_of_theirs(theirs: str, ours: str, collections_path: Path) -> None:
    found = specification(ours, collections_path)
    for name, aliases in {**UPSTREAM["connection"], **UPSTREAM["wait"], **UPSTREAM[theirs]}.items():
        prefix = name.rpartition(".")[0]
        names = {name, *(f"{prefix}.{alias}" if prefix else alias for alias in aliases)}
        assert names <= set(found.get(name, ())), name


def test_helm_release_has_the_options_that_the_page_says(collections_path: Path) -> None:
    found = specification("helm_release", collections_path)
    for name, here in section("kubernetes.core.helm").items():
        expected = {name, *UPSTREAM["helm"][name]} if here == "same" else set()
        assert {"same", "none"} >= {here}
        assert expected <= set(found.get(name, ())), name
        assert here == "same" or name not in found, name


def test_the_page_says_which_options_are_refused_or_have_no_effect() -> None:
    rows = {**section("Connection"), **section("Waiting"), **section("kubernetes.core.k8s")}
    assert {option for option, here in rows.items() if here == "no effect"} == set(compatibility.NO_EFFECT)
    refused = {option for option, here in rows.items() if here == "refused"}
    suboptions = {option for option in rows if option.startswith("proxy_headers.")}
    assert refused == {"force", "proxy_headers"} | suboptions
    assert set(section("kubernetes.core.k8s_info").values()) == {"same"}


def test_environment_variables_have_the_same_names(collections_path: Path) -> None:
    code = (
        "from ansible_collections.fuze.miniapp_infra.plugins.module_utils.kube import kube_spec\n"
        "print(*sorted(name for option in kube_spec().values() for name in option.get('fallback', [0, []])[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(collections_path)},
    )
    assert done.stdout.split() == UPSTREAM["environment"]


def tasks(entries: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield each action with its options."""
    for entry in entries:
        yield from tasks(entry["tasks"]) if "tasks" in entry else entry.items()


def test_the_examples_of_the_page_are_tasks_of_the_modules(collections_path: Path) -> None:
    known = {
        f"fuze.miniapp_infra.{name}": set(specification(name, collections_path))
        for name in ("k8s_apply", "k8s_info", "k8s_wait")
    }
    for name in ("k8s", "k8s_info"):
        options = {**UPSTREAM["connection"], **UPSTREAM["wait"], **UPSTREAM[name]}
        known[f"kubernetes.core.{name}"] = {*options, *(alias for aliases in options.values() for alias in aliases)}
    used = set()
    for text in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL):
        for action, options in tasks(yaml.safe_load(text)):
            if "." in action:
                used.add(action)
                assert set(options) <= known[action], action
    assert used == set(known)
