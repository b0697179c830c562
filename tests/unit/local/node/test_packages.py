# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.node import packages, profiles

if TYPE_CHECKING:
    from pathlib import Path

    from miniapp_infra.local.layout import Layout


def test_a_machine_without_apt_is_told_what_is_needed(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.shutil, "which", lambda _: None)
    with pytest.raises(MiniappInfraError, match=r"no apt-get on this machine; needed are .*runc") as caught:
        packages.ensure(layout)
    assert caught.value.code is ErrorCode.UNSUPPORTED_HOST


def test_nothing_is_installed_where_nothing_is_missing(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(packages, "missing", lambda _: [])
    monkeypatch.setattr(packages, "_install", lambda *_: pytest.fail("installed something"))
    assert packages.ensure(layout) == []


def test_packages_of_the_full_profile_are_needed_there_only(layout: Layout) -> None:
    core = packages.needed(layout)
    profiles.record(layout, "core")
    assert packages.needed(layout) == core
    profiles.record(layout, "full")
    assert packages.needed(layout).keys() - core.keys() == {"postgresql"}


def policy(path: Path, code: int) -> str:
    text = f"#!/bin/sh\nexit {code}\n"
    path.write_text(text)
    path.chmod(0o755)
    return text


def test_service_starts_are_forbidden_only_meanwhile(tmp_path: Path) -> None:
    file = tmp_path / "policy-rc.d"
    with packages.no_service_starts(file):
        assert packages._forbids(file)
    assert not file.exists()


def test_the_owners_policy_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "policy-rc.d"
    text = policy(file, 0)
    with packages.no_service_starts(file):
        assert packages._forbids(file)
    assert file.read_text() == text


def test_the_owners_forbidding_policy_stays_untouched(tmp_path: Path) -> None:
    file = tmp_path / "policy-rc.d"
    text = policy(file, 101)
    with packages.no_service_starts(file):
        assert file.read_text() == text


def test_the_owners_policy_comes_back_after_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "policy-rc.d"
    text = policy(file, 0)
    killed = packages.no_service_starts(file)
    killed.__enter__()  # and never left
    with packages.no_service_starts(file):
        pass
    assert file.read_text() == text
