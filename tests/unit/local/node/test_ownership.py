# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.node import ownership
from miniapp_infra.local.node.ownership import FORMAT, Record

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout


def own(layout: Layout) -> Record:
    return Record(str(layout.root), FORMAT, ownership.boot_id(), {"kernel.panic": "1"})


def test_what_is_saved_is_read(layout: Layout) -> None:
    ownership.save(layout.state_file, own(layout))
    assert ownership.read(layout.state_file) == own(layout)


def test_a_fresh_and_an_own_state_pass(layout: Layout) -> None:
    ownership.refuse_stale(layout)
    ownership.save(layout.state_file, own(layout))
    ownership.save(layout.owner_file, own(layout))
    ownership.refuse_stale(layout)


def test_a_copied_state_is_refused(layout: Layout) -> None:
    ownership.save(layout.state_file, replace(own(layout), checkout="/somewhere/else"))
    with pytest.raises(MiniappInfraError, match=r"stale.*/somewhere/else, not for") as caught:
        ownership.refuse_stale(layout)
    assert caught.value.code is ErrorCode.CONFLICT
    assert "make down" in caught.value.hint


def test_another_format_is_refused(layout: Layout) -> None:
    ownership.save(layout.state_file, replace(own(layout), format=FORMAT + 1))
    with pytest.raises(MiniappInfraError, match=f"has format {FORMAT + 1}, this version uses {FORMAT}"):
        ownership.refuse_stale(layout)


def test_a_living_environment_of_another_checkout_is_refused(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    ownership.save(layout.owner_file, replace(own(layout), checkout="/other"))
    ownership.refuse_stale(layout)  # a dead one is taken over
    monkeypatch.setattr(ownership, "is_alive", lambda _: True)
    with pytest.raises(MiniappInfraError, match="the one of checkout /other is up"):
        ownership.refuse_stale(layout)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"checkout": "/a", "format": "x", "boot": ""})])
def test_a_broken_record_is_refused(layout: Layout, text: str) -> None:
    layout.state_file.parent.mkdir(parents=True)
    layout.state_file.write_text(text)
    with pytest.raises(MiniappInfraError, match="is not a state file"):
        ownership.read(layout.state_file)
