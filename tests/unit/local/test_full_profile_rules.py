# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to the full profile, how long it is kept, and what becomes of a tool that there was no time for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local import addons, environment
from miniapp_infra.local.layout import Layout
from miniapp_infra.local.node import profiles, shell
from miniapp_infra.local.node.lifecycle import NodeStatus
from miniapp_infra.local.toolchain import Toolset

ROOT = Path(__file__).parents[3]
FULL_ADDONS = {"argo_rollouts", "velero"}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "gitops").symlink_to(ROOT / "gitops")
    return Layout(tmp_path)


def toolset(profile: str, *left_out: str) -> Toolset:
    return Toolset(profile, {}, dict.fromkeys(left_out, "there was no time"), {name: name for name in left_out})


def listed() -> set[str]:
    return {addon["name"] for addon in yaml.safe_load((ROOT / "gitops/addons/catalogue.yml").read_text())["addons"]}


def test_nothing_is_known_before_the_first_start(layout: Layout) -> None:
    assert profiles.running(layout) is None
    assert profiles.choose(layout, "core") == "core"


def test_a_full_environment_stays_full(layout: Layout) -> None:
    profiles.record(layout, "full")
    assert profiles.choose(layout, "core") == "full"


def test_a_core_environment_becomes_full(layout: Layout) -> None:
    profiles.record(layout, "core")
    assert profiles.choose(layout, "full") == "full"


def test_a_foreign_record_is_refused(layout: Layout) -> None:
    layout.state.mkdir()
    layout.profile_file.write_text("huge\n")
    with pytest.raises(MiniappInfraError, match="'huge', which is no profile") as caught:
        profiles.running(layout)
    assert caught.value.code is ErrorCode.CONFLICT


def test_the_core_profile_has_no_add_on_of_the_full_one(layout: Layout) -> None:
    assert set(addons.available(layout, toolset("core"))) == listed() - FULL_ADDONS


def test_the_full_profile_has_all_of_them(layout: Layout) -> None:
    assert set(addons.available(layout, toolset("full"))) == listed()


def test_a_tool_that_was_left_out_takes_its_add_on_with_it(layout: Layout) -> None:
    assert set(addons.available(layout, toolset("full", "velero-plugin-for-aws"))) == listed() - {"velero"}


def test_the_role_reads_what_was_recorded(layout: Layout) -> None:
    addons.record(layout, toolset("core"))
    assert json.loads((layout.state / "addons.json").read_text()) == addons.available(layout, toolset("core"))
    defaults = (ROOT / "roles" / "addons" / "defaults" / "main.yml").read_text()
    assert f"/{layout.available_addons.relative_to(layout.root)}'" in defaults


@pytest.mark.parametrize(("given", "seconds"), [("", None), ("0", 0.0), ("2100", 2100.0), ("1.5", 1.5)])
def test_the_time_limit_is_seconds(monkeypatch: pytest.MonkeyPatch, given: str, seconds: float | None) -> None:
    monkeypatch.setenv(environment.TIME_LIMIT, given)
    assert environment.time_limit() == seconds


def test_without_the_variable_there_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(environment.TIME_LIMIT, raising=False)
    assert environment.time_limit() is None


@pytest.mark.parametrize("given", ["-1", "soon", "nan", "10 min"])
def test_another_time_limit_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(environment.TIME_LIMIT, given)
    with pytest.raises(MiniappInfraError, match="MINIAPP_INFRA_TOOLCHAIN_SECONDS must be a number") as caught:
        environment.time_limit()
    assert caught.value.code is ErrorCode.INVALID_INPUT


@dataclass
class Parts:
    """What ``environment.up`` starts, in place of the real parts."""

    built: list[tuple[str, float | None]] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    left_out: tuple[str, ...] = ()

    def ensure(self, _layout: Layout, profile: str, *, deadline: float | None) -> Toolset:
        self.built.append((profile, deadline))
        return toolset(profile, *self.left_out)

    def up(self, layout: Layout, _report: Any, profile: profiles.Profile) -> None:
        profiles.record(layout, profile)
        self.started.append(profile)


@pytest.fixture
def parts(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Parts:
    made = Parts()
    healthy = NodeStatus(str(layout.root), supervised=True, components=(), node="Ready")
    monkeypatch.setattr(environment.toolchain, "ensure", made.ensure)
    monkeypatch.setattr(environment.node, "up", made.up)
    monkeypatch.setattr(environment.node, "status", lambda _: healthy)
    monkeypatch.setattr(environment.node, "ensure_repository", lambda *_: "")
    monkeypatch.setattr(environment.images, "publish", lambda *_: False)
    monkeypatch.setenv(environment.TIME_LIMIT, "600")
    return made


def test_the_full_profile_is_built_within_the_limit(layout: Layout, parts: Parts) -> None:
    assert not environment.up(layout, "full", lambda _: None)
    assert parts.built == [("full", 600.0)]
    assert parts.started == ["full"]


def test_core_after_full_keeps_it_says_so_and_builds_nothing_that_was_left_out(layout: Layout, parts: Parts) -> None:
    parts.left_out = ("vault",)
    environment.up(layout, "full", lambda _: None)
    said: list[str] = []
    environment.up(layout, "core", said.append)
    assert parts.built[1] == ("full", 0)
    assert parts.started == ["full", "full"]
    assert "the environment has the full profile, and keeps it until make down" in said
    assert "vault is left out: there was no time" in said


def test_a_bad_limit_is_found_before_anything_is_built(
    layout: Layout, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(environment.TIME_LIMIT, "soon")
    with pytest.raises(MiniappInfraError):
        environment.up(layout, "full", lambda _: None)
    assert parts.built == []


def test_a_shell_learns_of_the_stand_ins_in_the_full_profile_only(layout: Layout) -> None:
    shell.write_exports(layout)
    core = layout.shell_exports.read_text()
    assert "AWS_ENDPOINT_URL" not in core
    profiles.record(layout, "full")
    layout.vault_token.write_text("s3cret-token")
    layout.postgresql_passwords.write_text("*:*:*:postgres:s3cret-password\n")
    shell.write_exports(layout)
    full = layout.shell_exports.read_text()
    assert full.startswith(core)
    assert "export AWS_ENDPOINT_URL=http://198.18.0.2:4566\n" in full
    assert "s3cret" not in full
