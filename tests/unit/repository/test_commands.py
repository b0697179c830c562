# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that documents show can be run: targets, playbooks, modules, options and programs exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from .conftest import ROOT, repository_files

BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
ASSIGNMENT = re.compile(r"[A-Za-z_]+=")
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
VARIABLE = re.compile(r"\$\(([A-Z_]+)\)|^([A-Z_]+) \?=|\$\(or \$\(([A-Z_]+)\)", re.MULTILINE)
# Read by programs that a command starts.
ENVIRONMENT = {"GIT_SSL_CAINFO", "KUBECONFIG"}
# Of every Debian and Ubuntu, or installed by local/node/packages.yml.
SYSTEM = {"git", "ip", "nsenter", "pip", "tail"}


def commands(text):
    """Return the command lines of a document; in a block with prompts, the other lines are output."""
    for block in BLOCK.findall(text):
        lines = [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
        prompts = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        yield from prompts or lines


def documented():
    return [
        pytest.param(part, id=f"{path}: {line}")
        for path in repository_files()
        if path.suffix == ".md"
        for line in commands((ROOT / path).read_text(encoding="utf-8"))
        for part in parts(line)
    ]


def parts(line):
    """Return the words of each command of a line, without what sets its environment and without a negation."""
    found = []
    for part in line.split(" && "):
        words = [word for word in shlex.split(part) if word != "!"]
        found.append(words)
    return found


def split(words):
    assigned = [word.partition("=")[0] for word in words if ASSIGNMENT.match(word)]
    return assigned, [word for word in words if not ASSIGNMENT.match(word)]


@cache
def help_of(*command):
    """Return what a Python program says about itself."""
    scripts = Path(sys.executable).parent
    argv = [sys.executable, *command[1:]] if command[0] == "python" else [str(scripts / command[0]), *command[1:]]
    shown = subprocess.run([*argv, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, f"{' '.join(command)}: {shown.stderr}"
    return shown.stdout


@cache
def programs():
    tools = yaml.safe_load((ROOT / "local" / "toolchain" / "tools.yml").read_text(encoding="utf-8"))["tools"]
    return SYSTEM | {name for tool in tools for name in tool["programs"]}


def require_options(words, text):
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    unknown = [option for option in options if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text)]
    assert not unknown


def make(assigned, words):
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    variables = {name for match in VARIABLE.findall(text) for name in match if name}
    assert [word for word in words if word not in TARGET.findall(text)] == []
    assert [name for name in assigned if name not in variables | ENVIRONMENT] == []


def ansible_playbook(words):
    require_options(words, help_of("ansible-playbook"))
    assert any(word.startswith("playbooks/") for word in words)
    assert [word for word in words if word.startswith(("playbooks/", "inventories/")) and not exists(word)] == []


def ansible_doc(words):
    require_options(words, help_of("ansible-doc"))
    for name in [word for word in words if word.startswith("fuze.miniapp_infra.")]:
        short = name.rpartition(".")[2]
        assert exists(f"plugins/modules/{short}.py") or exists(f"roles/{short}/meta/argument_specs.yml")


def python(words):
    assert words[0] == "-m"
    text, arguments = help_of("python", "-m", words[1]), words[2:]
    if arguments and not arguments[0].startswith("-"):
        text, arguments = help_of("python", "-m", *words[1:3]), arguments[1:]
    require_options(arguments, text)
    assert [word for word in arguments if "/" in word and not exists(word)] == []


def exists(name):
    return (ROOT / name).exists()


@pytest.mark.parametrize("words", documented())
def test_a_documented_command_can_be_run(words):
    if words[0] == ".":
        assert words[1:] == [".local/env"]
        return
    assigned, (program, *arguments) = split(words)
    if program == "make":
        make(assigned, arguments)
        return
    assert set(assigned) <= ENVIRONMENT
    checks = {"ansible-doc": ansible_doc, "ansible-playbook": ansible_playbook, "python": python}
    if program in checks:
        checks[program](arguments)
    else:
        assert program in programs()
        assert [word for word in arguments if word.startswith(("policies/", "docs/")) and not exists(word)] == []


def test_there_are_commands():
    assert len(documented()) > 20


def test_what_does_not_exist_is_found():
    for check, words in [
        (ansible_playbook, ["playbooks/nothing.yml"]),
        (ansible_playbook, ["--nothing", "playbooks/site.yml"]),
        (ansible_doc, ["fuze.miniapp_infra.nothing"]),
        (python, ["-m", "miniapp_infra.nothing"]),
        (python, ["-m", "miniapp_infra.catalog", "validate", "--nothing"]),
    ]:
        with pytest.raises(AssertionError):
            check(words)
    for assigned, words in [([], ["nothing"]), (["NOTHING"], ["up"])]:
        with pytest.raises(AssertionError):
            make(assigned, words)
