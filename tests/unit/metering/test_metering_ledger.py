# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: what a crash at any point of writing leaves, and that only one run has it."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from datetime import UTC, datetime

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.metering.ledger import Ledger
from miniapp_infra.metering.models import Status
from miniapp_infra.metering.transformations import events_from

TARGET = "cloudevents http://payhub"


def events(*subjects):
    items = [
        {
            "type": "t",
            "subject": subject,
            "value": "1.5",
            "window_start": "2026-11-01T10:00:00Z",
            "window_end": "2026-11-01T11:00:00Z",
        }
        for subject in subjects
    ]
    return events_from(items, source="s", now=datetime(2026, 11, 2, tzinfo=UTC))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.jsonl"


def statuses(path, target=TARGET):
    return [(entry.event.subject, entry.status.value) for entry in Ledger.read(path, target).entries.values()]


def written(path, *subjects, settled=()):
    with Ledger.locked(path, TARGET) as ledger:
        made = events(*subjects)
        ledger.begin(made)
        for event in made:
            if event.subject in settled:
                ledger.settle(event, Status.ACCEPTED)


def test_what_was_begun_and_not_settled_is_pending(path):
    written(path, "a", "b", "c", settled="b")
    assert statuses(path) == [("a", "pending"), ("b", "accepted"), ("c", "pending")]
    ledger = Ledger.read(path, TARGET)
    assert ledger.pending() == events("a", "c")


def test_events_are_on_the_disk_before_begin_returns(path, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(path.read_bytes()), fsync(descriptor)))
    with Ledger.locked(path, TARGET) as ledger:
        ledger.begin(events("a"))
        assert synced[-1] == path.read_bytes() != b""
        ledger.settle(events("a")[0], Status.REJECTED, "no such meter")
        assert synced[-1] == path.read_bytes()
    assert json.loads(synced[-1].splitlines()[-1])["reason"] == "no such meter"


def test_others_cannot_read_it(path):
    written(path, "a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_crash_while_a_line_is_written_leaves_the_state_before_it(path, monkeypatch):
    """For every length that the write can be cut off at."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # hundreds of them take seconds
    written(path, "a", settled="a")
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        expected = [("a", "pending")] if length >= first else []
        assert statuses(path) == expected
        with Ledger.locked(path, TARGET) as ledger:
            assert [event.subject for event in ledger.pending()] == [subject for subject, _ in expected]
            ledger.begin(events("b"))
        assert statuses(path) == [*expected, ("b", "pending")]


def test_a_damaged_line_is_named_and_nothing_is_guessed(path):
    written(path, "a", "b")
    lines = path.read_bytes().splitlines(keepends=True)
    for damage in (b"{broken\n", b"[]\n", b"{}\n", lines[1].replace(b'"1.5"', b'"x"')):
        path.write_bytes(lines[0] + damage)
        with pytest.raises(MiniappInfraError, match=r"^ledger_path: line 2 of .* is damaged") as caught:
            Ledger.read(path, TARGET)
        assert caught.value.code is ErrorCode.INVALID_INPUT


def test_each_target_has_its_own_entries(path):
    written(path, "a")
    assert statuses(path, "lago http://lago") == []
    with Ledger.locked(path, "lago http://lago") as ledger:
        ledger.begin(events("b"))
    assert statuses(path) == [("a", "pending")]
    assert statuses(path, "lago http://lago") == [("b", "pending")]


def test_reading_changes_nothing(path):
    assert Ledger.read(path, TARGET).entries == {}
    assert not path.exists()
    path.write_bytes(b"torn")
    Ledger.read(path, TARGET)
    assert path.read_bytes() == b"torn"


def test_without_a_path_nothing_is_remembered(tmp_path):
    with Ledger.locked(None, TARGET) as ledger:
        ledger.begin(events("a"))
        ledger.settle(events("a")[0], Status.ACCEPTED)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_is_named(tmp_path):
    for broken in (tmp_path / "absent" / "ledger.jsonl", tmp_path):
        with pytest.raises(MiniappInfraError, match=r"^ledger_path: .* cannot be used"), Ledger.locked(broken, TARGET):
            pass


def test_a_second_run_waits_and_then_gives_up(path):
    written(path, "a")
    with Ledger.locked(path, TARGET):
        with (
            pytest.raises(MiniappInfraError, match=r"^Timed out after 0.3 s .*: another run holds it$") as caught,
            Ledger.locked(path, TARGET, timeout=0.3),
        ):
            pass
        assert caught.value.code is ErrorCode.TIMEOUT
    with Ledger.locked(path, TARGET, timeout=0) as ledger:
        assert len(ledger.pending()) == 1


def _append(path, subject):
    with Ledger.locked(path, TARGET, timeout=60) as ledger:
        ledger.begin(events(subject))
        ledger.settle(events(subject)[0], Status.ACCEPTED)


def test_runs_at_the_same_time_do_not_mix_their_lines(path):
    context = multiprocessing.get_context("spawn")
    runs = [context.Process(target=_append, args=(path, f"run-{number}")) for number in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
        assert run.exitcode == 0
    assert sorted(statuses(path)) == [(f"run-{number}", "accepted") for number in range(3)]
    ends = [json.loads(line)["status"] for line in path.read_text().splitlines()]
    assert ends == ["pending", "accepted"] * 3


def test_a_full_disk_stops_everything_before_it_is_sent(path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with Ledger.locked(path, TARGET) as ledger:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(MiniappInfraError, match=r"Failed to write the ledger of metering events: .*No space left"):
            ledger.begin(events("a"))
