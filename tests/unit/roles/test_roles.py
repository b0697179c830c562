# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and playbooks keep their shape: every option specified, every playbook checked before it changes anything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
# The order in which an environment converges. Preflight comes first in each playbook by itself.
ORDER = ["cluster", "tenancy", "addons", "policies", "gitops", "services", "verify"]
# Files of tasks that other playbooks than the role's own include.
OUTSIDE = re.compile(r"name: fuze\.miniapp_infra\.(\w+)\s+tasks_from: (\w+)\.yml")
TASK_KEYS = {"block", "rescue", "always"}
ASKS_FOR = "{{ preflight_environment }}"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def defaults(role: str) -> dict[str, Any]:
    found: dict[str, Any] = read(ROOT / "roles" / role / "defaults" / "main.yml")
    return found


def entry_points(role: str) -> dict[str, Any]:
    found: dict[str, Any] = read(ROOT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]
    return found


def tasks(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tasks of a list with those of its blocks."""
    inner = [task for item in items for key in TASK_KEYS & item.keys() for task in tasks(item[key])]
    return [*items, *inner]


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=PLAYBOOKS, ids=lambda path: path.name)
def playbook(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_a_role_is_complete(role: str) -> None:
    needed = ("README.md", "defaults/main.yml", "meta/argument_specs.yml", "meta/main.yml", "tasks/main.yml")
    assert [name for name in needed if not (ROOT / "roles" / role / name).is_file()] == []
    scenario = ROOT / "extensions" / "molecule" / role
    assert sorted(path.name for path in scenario.iterdir()) == ["molecule.yml", "verify.yml"]
    assert (ROOT / "playbooks" / f"{role}.yml").is_file()


def test_every_default_is_a_specified_option(role: str) -> None:
    assert entry_points(role)["main"]["options"].keys() == defaults(role).keys()


def test_plain_defaults_are_documented(role: str) -> None:
    """A default that is an expression is described in words; any other one is stated, and is the same."""
    for name, option in entry_points(role)["main"]["options"].items():
        value = defaults(role)[name]
        if isinstance(value, str) and "{{" in value:
            assert "default" not in option, name
        else:
            assert option["default"] == value, name


def test_options_are_specified_to_the_last(role: str) -> None:
    def check(options: dict[str, Any], where: str) -> None:
        for name, option in options.items():
            assert {"description", "type"} <= option.keys(), f"{where}.{name}"
            assert option["type"] != "list" or "elements" in option, f"{where}.{name}"
            assert option.get("elements") != "dict" or option["options"], f"{where}.{name}"
            check(option.get("options", {}), f"{where}.{name}")

    for name, entry in entry_points(role).items():
        assert {"author", "description", "short_description", "version_added"} <= entry.keys(), name
        check(entry["options"], f"{role}.{name}")


def test_entry_points_say_what_check_mode_does(role: str) -> None:
    for name, entry in entry_points(role).items():
        assert "check mode" in " ".join(entry["description"]).lower(), name


def test_files_that_are_included_from_outside_are_entry_points() -> None:
    found = {match for path in PLAYBOOKS for match in OUTSIDE.findall(path.read_text(encoding="utf-8"))}
    assert found, "the pattern matches nothing any more"
    assert [(role, name) for role, name in found if name not in entry_points(role)] == []
    for role in ROLES:
        for name in entry_points(role):
            assert (ROOT / "roles" / role / "tasks" / f"{name}.yml").is_file()


def test_variables_belong_to_their_role(role: str) -> None:
    assert [name for name in defaults(role) if not name.startswith(f"{role}_")] == []


def test_every_default_is_used(role: str) -> None:
    files = [path for path in (ROOT / "roles" / role).rglob("*") if path.is_file() and path.parent.name != "meta"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files if path.suffix != ".md")
    declared = re.compile(r"^\w+:", re.MULTILINE)
    used = declared.sub("", text)
    assert [name for name in defaults(role) if not re.search(rf"\b{name}\b", used)] == []


def test_roles_depend_on_nothing(role: str) -> None:
    meta = read(ROOT / "roles" / role / "meta" / "main.yml")
    assert meta["dependencies"] == []
    assert meta["galaxy_info"]["license"] == "GPL-3.0-or-later"
    assert meta["galaxy_info"]["min_ansible_version"] == "2.19"


def test_tasks_are_named_after_what_they_do(role: str) -> None:
    for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")):
        for task in tasks(read(path)):
            name = task.get("name", "")
            assert re.fullmatch(r"[A-Z][^|]*[^.:]", name), f"{path.name}: {name!r}: a sentence without a full stop"
            assert "{{" not in name.rpartition(" {{")[0], f"{path.name}: {name!r}: a template only at the end"


def test_registered_variables_are_internal(role: str) -> None:
    """Two underscores, unless the role hands the result to whoever included it, under the role's own prefix."""
    for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")):
        for task in tasks(read(path)):
            name = task.get("register", "__")
            assert name.startswith(("__", f"{role}_")), f"{path.name}: {name}"


def test_a_playbook_checks_the_environment_first(playbook: Path) -> None:
    plays = read(playbook)
    if playbook.name == "_preflight.yml":
        assert plays[0]["tasks"][0]["ansible.builtin.include_role"]["name"] == "fuze.miniapp_infra.preflight"
    else:
        assert plays[0]["ansible.builtin.import_playbook"] == "_preflight.yml"


def test_plays_run_on_the_control_host_and_stop_at_the_first_error(playbook: Path) -> None:
    for play in read(playbook):
        assert play["name"][0].isupper()
        if "ansible.builtin.import_playbook" not in play:
            assert play["hosts"] == "localhost"
            assert play["gather_facts"] is False
            assert play["any_errors_fatal"] is True
            assert play["tags"] in ([playbook.stem], ["always"])


def test_site_runs_each_roles_playbook_in_order() -> None:
    imported = [play["ansible.builtin.import_playbook"] for play in read(ROOT / "playbooks" / "site.yml")]
    assert imported == ["_preflight.yml", *(f"{name}.yml" for name in ORDER)]
    assert sorted([*ORDER, "preflight"]) == ROLES


@pytest.mark.parametrize("name", [name for name in ORDER if name != "cluster"])
def test_what_needs_a_cluster_is_skipped_without_one(name: str) -> None:
    (task,) = read(ROOT / "playbooks" / f"{name}.yml")[1]["tasks"]
    assert task["ansible.builtin.import_role"]["name"] == f"fuze.miniapp_infra.{name}"
    assert task["when"] == "cluster_exists | default(true)"


@pytest.mark.parametrize("name", ORDER)
def test_roles_take_the_environment_from_preflight(name: str) -> None:
    assert defaults(name)[f"{name}_environment"] == ASKS_FOR
