# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered under an idempotency key."""

from __future__ import annotations

import threading

import pytest

from miniapp_infra.atlas.ledger import Entry, Ledger
from miniapp_infra.errors import MiniappInfraError

ENTRY = Entry({"source": "p/prod"}, ("a", "b"), "c")


def test_nothing_is_known_at_first(tmp_path):
    assert Ledger(tmp_path / "none", "k").read() is None
    assert not (tmp_path / "none").exists()


def test_an_entry_is_found_again(tmp_path):
    ledger = Ledger(tmp_path / "ledger", "k")
    with ledger.held():
        ledger.write(ENTRY)
    assert Ledger(tmp_path / "ledger", "k").read() == ENTRY
    assert Ledger(tmp_path / "ledger", "other").read() is None


def test_keys_do_not_get_into_names_of_files(tmp_path):
    ledger = Ledger(tmp_path, "../../incident")
    with ledger.held():
        ledger.write(ENTRY)
    assert {path.parent for path in tmp_path.rglob("*")} == {tmp_path}
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_a_damaged_entry_is_no_permission_to_start(tmp_path):
    ledger = Ledger(tmp_path, "k")
    with ledger.held():
        ledger.write(ENTRY)
    (path,) = tmp_path.glob("*.json")
    path.write_text('{"restore":')
    with pytest.raises(MiniappInfraError, match="Failed to read what was started"):
        ledger.read()


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(MiniappInfraError, match="ledger_directory: cannot be written"),
        Ledger(tmp_path / "file", "k").held(),
    ):
        pass


def test_two_runs_with_one_key_wait_for_each_other(tmp_path):
    inside, order = threading.Event(), []

    def second():
        inside.wait(60)
        with Ledger(tmp_path, "k").held():
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with Ledger(tmp_path, "k").held():
        inside.set()
        thread.join(0.2)  # gives a lock that does not hold the chance to show
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]
