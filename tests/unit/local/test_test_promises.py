# SPDX-License-Identifier: GPL-3.0-or-later
"""A test that needs more than there is is skipped, unless the run was promised it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import promises
from miniapp_infra.local.layout import Layout
from miniapp_infra.local.node import profiles

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    made = Layout(tmp_path)
    monkeypatch.setattr(promises, "LAYOUT", made)
    monkeypatch.delenv(promises.REQUIRE_LIVE, raising=False)
    monkeypatch.delenv(promises.PROFILE, raising=False)
    return made


def test_without_an_environment_a_test_is_skipped(layout: Layout) -> None:
    assert profiles.running(layout) is None
    with pytest.raises(pytest.skip.Exception, match="nothing runs"):
        promises.without_live("nothing runs")
    with pytest.raises(pytest.skip.Exception, match="make up PROFILE=full"):
        promises.require_full_profile()


@pytest.mark.usefixtures("layout")
def test_a_promised_environment_that_is_missing_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(promises.REQUIRE_LIVE, "1")
    with pytest.raises(pytest.fail.Exception, match="nothing runs"):
        promises.without_live("nothing runs")


@pytest.mark.parametrize("profile", ["core", "full"])
def test_the_full_profile_is_only_promised_where_it_was_asked_for(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    profiles.record(layout, "core")
    monkeypatch.setenv(promises.REQUIRE_LIVE, "1")
    monkeypatch.setenv(promises.PROFILE, profile)
    expected = pytest.fail.Exception if profile == "full" else pytest.skip.Exception
    with pytest.raises(expected, match="make up PROFILE=full"):
        promises.require_full_profile()


def test_a_full_environment_is_enough(layout: Layout) -> None:
    profiles.record(layout, "full")
    promises.require_full_profile()


def test_only_a_tool_that_was_left_out_is_a_reason_to_skip(layout: Layout) -> None:
    assert promises.left_out(["velero"]) is None
    layout.state.mkdir()
    (layout.state / "toolchain.json").write_text(json.dumps({"left_out": {"vault": "there was no time"}}))
    assert promises.left_out(["velero"]) is None
    assert promises.left_out(["velero", "vault"]) == "vault was left out of the toolchain: there was no time"
