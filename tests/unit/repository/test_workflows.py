# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows run pinned code with as few rights as they can."""

from __future__ import annotations

import re

import pytest
import yaml

from .conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+(\.\d+){2}$")
# What a stranger can put into a pull request; expanded inside a script it would be run.
EXPRESSION = re.compile(r"\$\{\{.*?\}\}")


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def path(request):
    return request.param


@pytest.fixture
def workflow(path):
    # BaseLoader, as YAML 1.1 would read the key "on" as true.
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - it makes strings only


def test_there_are_workflows():
    assert WORKFLOWS


def test_actions_are_pinned_to_a_commit(path):
    uses = [
        line.strip().removeprefix("- ") for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line
    ]
    assert [line for line in uses if not PINNED.match(line)] == []


def test_jobs_have_the_rights_that_they_need_only(workflow):
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert set(job["permissions"].values()) <= {"read"}, name


def test_jobs_end(workflow):
    assert [name for name, job in workflow["jobs"].items() if "timeout-minutes" not in job] == []


def test_scripts_take_outside_values_from_the_environment(workflow):
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert not EXPRESSION.search(step.get("run", "")), step


def test_checkouts_keep_no_credentials(workflow):
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] == "false"


def test_one_job_stands_for_all(workflow):
    jobs = workflow["jobs"]
    assert set(jobs["all-green"]["needs"]) == jobs.keys() - {"all-green"}
