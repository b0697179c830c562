# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.local.node import githost

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout


def test_a_repository_is_made_once_and_kept(layout: Layout) -> None:
    assert githost.ensure_repository(layout, "platform") == "https://198.18.0.2:3000/platform.git"
    home = layout.repositories / "platform.git"
    assert (home / "HEAD").read_text() == "ref: refs/heads/main\n"
    (home / "description").write_text("kept")
    githost.ensure_repository(layout, "platform")
    assert (home / "description").read_text() == "kept"


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", "a b", "platform.git"])
def test_a_name_that_is_no_url_part_is_refused(layout: Layout, name: str) -> None:
    with pytest.raises(MiniappInfraError, match="name must match"):
        githost.ensure_repository(layout, name)
    assert not layout.repositories.exists()


def test_the_password_is_kept_and_secret(layout: Layout) -> None:
    githost.prepare(layout)
    password = layout.git_password.read_text()
    githost.prepare(layout)
    assert layout.git_password.read_text() == password
    assert len(password) >= 40
    for path in (layout.git_password, layout.config / "git-users"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
