# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of linters, changelog and versions agree with each other."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.version import Version

import miniapp_infra

from .conftest import ROOT


def read(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def changelog():
    return read("changelogs/config.yaml")


def fragments():
    return sorted((ROOT / "changelogs" / "fragments").iterdir())


def test_ansible_lint_is_strict_and_skips_nothing():
    config = read(".ansible-lint")
    assert config["profile"] == "production"
    assert config["strict"] is True
    assert not {"skip_list", "warn_list", "mock_modules"} & config.keys()


def test_the_collection_has_the_version_of_the_package():
    assert read("galaxy.yml")["version"] == miniapp_infra.__version__


def test_the_released_changelog_has_no_later_version_than_the_package():
    path = ROOT / "changelogs" / "changelog.yaml"
    releases = yaml.safe_load(path.read_text(encoding="utf-8"))["releases"] if path.exists() else {}
    assert all(Version(release) <= Version(miniapp_infra.__version__) for release in releases)


def test_the_package_and_the_collection_have_the_licence_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "GPL-3.0-or-later"
    galaxy = read("galaxy.yml")
    assert galaxy.get("license") == ["GPL-3.0-or-later"] or galaxy.get("license_file") == "LICENSE"


def test_changelog_sections_are_those_of_the_community(changelog):
    assert [name for name, _ in changelog["sections"]] == [
        "major_changes",
        "minor_changes",
        "breaking_changes",
        "deprecated_features",
        "removed_features",
        "security_fixes",
        "bugfixes",
        "known_issues",
    ]
    assert (ROOT / "changelogs" / changelog["notesdir"]).is_dir()


@pytest.mark.parametrize("path", fragments(), ids=lambda path: path.name)
def test_fragments_use_known_sections(changelog, path):
    known = {name for name, _ in changelog["sections"]} | {
        changelog["prelude_section_name"],
        changelog["trivial_section_name"],
    }
    fragment = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert path.suffix in {".yml", ".yaml"}
    assert fragment.keys() <= known
    for section in fragment.keys() - {changelog["prelude_section_name"]}:
        assert isinstance(fragment[section], list)
        assert all(" - " in line and line.endswith(".") for line in fragment[section]), "<module or role> - <sentence>."


def test_fragments_pass_the_changelog_tool():
    pytest.importorskip("antsibull_changelog")
    result = subprocess.run(
        [sys.executable, "-m", "antsibull_changelog", "lint"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
