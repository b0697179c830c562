# SPDX-License-Identifier: GPL-3.0-or-later
"""A module returns the same inside the process of the task as in a process of its own, and leaves nothing behind."""

from __future__ import annotations

import getpass
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from warm_ansible import Played, WarmAnsible

PROBE = "example.probes.probe"
WAYS = {"worker": True, "process": False}

# Name of the task, what the module gets, keywords of the task.
SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "success": ({"value": {"a": [1, None, "é"]}}, {}),
    "failure": ({"do": "refuse"}, {}),
    "a wrong value": ({"do": "nothing like it"}, {}),
    "an unknown option": ({"size": 1}, {}),
    "warnings": ({"do": "warn"}, {}),
    "a warning and an exception": ({"do": "warn_and_crash"}, {}),
    "an exception": ({"do": "crash"}, {}),
    "a text as exit code": ({"do": "give_up"}, {}),
    "no result": ({"do": "say_nothing"}, {}),
    "a main that returns": ({"do": "return"}, {}),
    "other output": ({"do": "talk"}, {}),
    "standard input": ({"do": "read"}, {}),
    "facts and reserved names": ({"do": "facts"}, {}),
    "environment": ({}, {"environment": {"PROBE": "{{ 1 + 1 }}", "TZ": "Asia/Kolkata", "HOME": "/nowhere"}}),
    "a directory for temporary files": ({}, {"environment": [{"TMPDIR": "{{ playbook_dir }}"}, {"PROBE": True}]}),
    "check mode": ({}, {"check_mode": True}),
    "diff": ({}, {"diff": True}),
    "a secret": ({"secret": "canary", "value": "has canary inside"}, {}),
    "a secret task": ({"value": "canary"}, {"no_log": True}),
    "defaults": ({}, {"module_defaults": {"group/example.probes.all": {"value": "from the group"}}}),
    "defaults of the module": ({}, {"module_defaults": {PROBE: {"value": "from the module"}}}),
    "another host": ({}, {"delegate_to": "localhost"}),
    "items": ({"do": "{{ item }}"}, {"loop": ["look", "refuse", "warn", "crash", "look", "say_nothing", "look"]}),
    "items of a mess": ({"do": "{{ item }}"}, {"loop": ["look", "mess", "look", "mess", "look"]}),
    "attempts": ({"do": "refuse"}, {"retries": 1, "delay": 0, "until": "out is success", "register": "out"}),
}


@pytest.fixture(scope="module")
def played(warm_ansible: WarmAnsible, probes: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """All tasks of the table, both ways."""
    del probes
    tasks = [{"name": name, PROBE: args, "ignore_errors": True, **keywords} for name, (args, keywords) in SAME.items()]
    temporary = str(tmp_path_factory.mktemp("remote"))
    common = {"ansible_remote_tmp": temporary}
    return {
        way: warm_ansible.play(tasks, options=["-v"], vars={**common, "miniapp_infra_in_process": inside})
        for way, inside in WAYS.items()
    }


def results(played: Played, task: str) -> dict[str, Any]:
    return next(item for item in played.results if item["task"] == task)


def flat(value: Any, directory: str, place: str = "") -> dict[str, Any]:
    """Return each value by its place, without what must differ: the playbook's directory, and who else is there."""
    if isinstance(value, dict):
        parts = [(f"{place}.{key}", item) for key, item in value.items() if key != "is_alone"]
    elif isinstance(value, list):
        parts = [(f"{place}[{number}]", item) for number, item in enumerate(value)]
    else:
        return {place: value.replace(directory, "HERE") if isinstance(value, str) else value}
    return {name: found for part, item in parts for name, found in flat(item, directory, part).items()}


@pytest.mark.parametrize("task", SAME)
def test_both_ways_return_the_same(played: dict[str, Played], task: str) -> None:
    worker, process = (flat(results(played[way], task), played[way].directory) for way in WAYS)
    differing = {place for place in {*worker, *process} if worker.get(place, "-") != process.get(place, "-")}
    assert not [(place, worker.get(place, "-"), process.get(place, "-")) for place in sorted(differing)]


def test_the_ways_are_two(played: dict[str, Played]) -> None:
    """Else the comparison means nothing."""
    assert results(played["worker"], "success")["result"]["is_alone"] is False
    assert results(played["process"], "success")["result"]["is_alone"] is True


def test_the_engine_is_loaded_before_the_tasks_are_forked(played: dict[str, Played]) -> None:
    assert all(item["forks_with_engine"] for item in played["worker"].results)


def test_the_table_is_about_something(played: dict[str, Played]) -> None:
    """Each row shows what it is there for, so that two equally wrong results are no success."""

    def of(task: str) -> dict[str, Any]:
        result: dict[str, Any] = results(played["worker"], task)["result"]
        return result

    assert of("success")["value"] == {"a": [1, None, "é"]}
    assert of("success")["found"]["directory"] == of("success")["found"]["environment"]["PWD"]
    assert of("failure")["reason"] == "because"
    assert "value of do must be one of" in of("a wrong value")["msg"]
    assert "Unsupported parameters" in of("an unknown option")["msg"]
    assert "look out" in str(of("warnings")["warnings"])
    assert [item["msg"] for item in of("warnings")["deprecations"]] == ["old", "older"]
    assert "crashed" in of("an exception")["msg"]
    assert of("a text as exit code")["module_stderr"] == "gave up\n"
    assert results(played["worker"], "no result")["event"] == "failed"
    assert "did not handle its own exit" in of("a main that returns")["msg"]
    assert of("standard input")["read"] == ""
    assert of("facts and reserved names")["ansible_facts"] == {"probe": "fact"}
    environment = of("environment")["found"]["environment"]
    assert (environment["PROBE"], environment["HOME"], environment["TZ"]) == ("2", "/nowhere", "Asia/Kolkata")
    assert of("environment")["found"]["zone"] == "IST"
    assert of("a directory for temporary files")["found"]["temporary"] == played["worker"].directory
    assert of("check mode")["changed"] is False
    assert of("diff")["diff"] == {"before": "a\n", "after": "b\n"}
    assert "canary" not in str(of("a secret"))
    assert "canary" not in str(of("a secret task"))
    assert of("defaults")["value"] == "from the group"
    assert of("defaults of the module")["value"] == "from the module"
    assert ["found" in item for item in of("items")["results"]] == [True, False] * 3 + [True]
    assert of("attempts")["attempts"] == 1


def test_nothing_stays_from_item_to_item(played: dict[str, Played]) -> None:
    result = results(played["worker"], "items of a mess")["result"]
    items = result["results"]
    first = items[0]["found"]
    assert [item["found"] == first for item in items] == [True] * 5
    assert result["warnings"] == ["of the mess"] * 2  # not in those of the items in between
    assert len({item["is_alone"] for item in items}) == 1


def test_a_traceback_is_kept_when_it_is_wanted(warm_ansible: WarmAnsible, probes: None) -> None:
    del probes
    for inside in (True, False):
        done = warm_ansible.play(
            [{PROBE: {"do": "crash"}}],
            vars={"miniapp_infra_in_process": inside},
            options=["-vvv"],
            env={"ANSIBLE_DISPLAY_TRACEBACK": "always"},
        )
        assert "Traceback" in done.only()["exception"]
        assert "ZeroDivisionError: crashed" in done.only()["exception"]
        assert ("in the process of the task" in done.output) is inside


def test_neither_a_fork_nor_an_interrupt_of_the_module_reaches_ansible(warm_ansible: WarmAnsible, probes: None) -> None:
    del probes
    task = {PROBE: {"do": "{{ item }}"}, "loop": ["fork", "be_interrupted", "look"], "ignore_errors": True}
    forked, interrupted, looked = warm_ansible.play([task]).only()["results"]
    assert forked["child"] == 5
    assert "found" not in interrupted
    assert "KeyboardInterrupt" in interrupted["module_stderr"]
    assert not looked["is_alone"]


def test_what_is_registered_for_the_end_is_done(warm_ansible: WarmAnsible, probes: None, tmp_path: Path) -> None:
    del probes
    marks = [tmp_path / "a", tmp_path / "b"]
    task = {PROBE: {"do": "end", "path": "{{ item }}"}, "loop": [str(mark) for mark in marks]}
    done = warm_ansible.play([task], vars={"ansible_remote_tmp": str(tmp_path)})
    assert [mark.read_text() for mark in marks] == ["first", "first"]
    assert not list(tmp_path.glob("*.forgotten"))
    assert not list(tmp_path.glob("ansible-moduletmp-*"))
    assert len({item["temporary"] for item in done.only()["results"]}) == 2


# As Ansible's own process, which controls, before and after a module has run in it.
_SIDES = """
import json, locale, os, sys
import ansible.utils.display
locale.setlocale(locale.LC_ALL, "C.UTF-8")
from ansible_collections.fuze.miniapp_infra.plugins.plugin_utils import in_process
def sides():
    found = [getattr(sys.modules[module], name) for module, name in in_process._SIDES]
    return [*found, os.getcwd(), locale.setlocale(locale.LC_ALL)]
import ansible.module_utils.basic, ansible.module_utils.common.warnings
before = sides()
arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {"do": sys.argv[1]}}).encode()
name = "ansible_collections.example.probes.plugins.modules.probe"
outcome = in_process.run(name, arguments, directory="/", environment={})
after = sides()
print(len(before), [x is y or x == y != {} for x, y in zip(before, after, strict=True)].count(True), outcome.code)
"""


@pytest.mark.parametrize(("do", "code"), [("warn", 0), ("mess", 0), ("refuse", 1), ("crash", 1), ("be_interrupted", 1)])
def test_ansible_controls_again_afterwards(
    probes: None, ansible_environment: dict[str, str], tmp_path: Path, do: str, code: int
) -> None:
    del probes
    done = subprocess.run(
        [sys.executable, "-c", _SIDES, do],
        capture_output=True,
        text=True,
        check=True,
        env=ansible_environment,
        cwd=tmp_path,
    )
    assert done.stdout == f"10 10 {code}\n"


KEPT_APART = {
    "become": {"become": True, "become_method": "example.probes.same", "become_user": getpass.getuser()},
    "async": {"async": 60, "poll": 1},
    "environment": {"environment": {"PYTHONWARNINGS": "ignore"}},
    "switch": {"vars": {"miniapp_infra_in_process": "{{ 1 == 2 }}"}},
    "interpreter": {"vars": {"ansible_python_interpreter": "{{ playbook_dir }}/python"}},
}


def test_these_tasks_get_a_process(warm_ansible: WarmAnsible, probes: None) -> None:
    del probes
    tasks = [{"name": name, PROBE: {}, **keywords} for name, keywords in KEPT_APART.items()]
    link = {"ansible.builtin.file": {"src": "{{ ansible_playbook_python }}", "dest": "{{ playbook_dir }}/python"}}
    link["ansible.builtin.file"]["state"] = "link"
    done = warm_ansible.play([link, *tasks], options=["-vvv"])
    assert done.code == 0, done.output
    found = {item["task"]: item["result"].get("is_alone") for item in done.results if item["task"] in KEPT_APART}
    assert found == dict.fromkeys(KEPT_APART, True), done.output
    assert "runs in a process of its own: the task becomes another user" in done.output


def test_kept_files_are_those_of_a_process(warm_ansible: WarmAnsible, probes: None, tmp_path: Path) -> None:
    del probes
    variables = {"ansible_remote_tmp": str(tmp_path), "miniapp_infra_in_process": True}
    done = warm_ansible.play([{PROBE: {}}], vars=variables, env={"ANSIBLE_KEEP_REMOTE_FILES": "1"})
    assert done.only()["is_alone"] is False  # read when Ansible starts, which was before
    assert not list(tmp_path.glob("ansible-tmp-*"))


def test_a_switch_that_is_neither_true_nor_false_is_refused(warm_ansible: WarmAnsible, probes: None) -> None:
    del probes
    done = warm_ansible.play([{PROBE: {}}], vars={"miniapp_infra_in_process": "perhaps"})
    assert "miniapp_infra_in_process: must be true or false, got 'perhaps'" in done.only()["msg"]


def test_the_time_limit_of_a_task_ends_the_work(warm_ansible: WarmAnsible, probes: None, tmp_path: Path) -> None:
    """The next item runs in the same process, as if nothing had happened."""
    del probes
    task = {
        PROBE: {"do": "{{ item }}", "path": str(tmp_path / "pid")},
        "loop": ["look", "sleep", "look"],
        "timeout": 15,
        "ignore_errors": True,
    }
    first, slept, last = warm_ansible.play([task]).only()["results"]
    assert slept["timedout"]["period"] == 15
    assert last["found"] == first["found"]
    assert not last["is_alone"]


def test_a_terminated_worker_ends_the_work(warm_ansible: WarmAnsible, probes: None, tmp_path: Path) -> None:
    del probes
    mark = tmp_path / "pid"

    def terminate() -> None:
        deadline = time.monotonic() + 300
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(int(mark.read_text()), signal.SIGTERM)

    helper = threading.Thread(target=terminate)
    helper.start()
    done = warm_ansible.play([{PROBE: {"do": "sleep", "path": str(mark)}}])
    helper.join()
    assert done.code != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)
