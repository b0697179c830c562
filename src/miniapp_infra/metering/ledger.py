# SPDX-License-Identifier: GPL-3.0-or-later
"""The outbox: every event is on the disk before it is sent, and its end after.

One JSON object a line. A crash at any point leaves either nothing, or an event that the next run asks the back end for.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.instants import as_text, parse_instant
from miniapp_infra.metering.models import Status, UsageEvent, utc_now
from miniapp_infra.metering.transformations import as_record, from_record
from miniapp_infra.waiting import Goal, Patience, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

LOCK_TIMEOUT = 60.0
"""Seconds to wait for another run that uses the same ledger."""


@dataclass(frozen=True)
class Entry:
    """The last that is known of an event.

    Attributes:
        event: as it was first written.
        status: its end, or pending.
        at: when that was written.
    """

    event: UsageEvent
    status: Status
    at: datetime


@dataclass
class Ledger:
    """The entries of one target; without a file it remembers nothing.

    Attributes:
        target: back end and address; a ledger may hold several.
        entries: by ``UsageEvent.key``.
    """

    target: str
    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    _descriptor: int | None = field(default=None, repr=False)

    @classmethod
    @contextmanager
    def locked(cls, path: Path | None, target: str, *, timeout: float = LOCK_TIMEOUT) -> Iterator[Ledger]:
        """Open a ledger for writing; nobody else has it until the end.

        Raises:
            MiniappInfraError: invalid_input, when the file cannot be opened or is damaged; timeout, when another run
                holds it.
        """
        if path is None:
            yield cls(target)
            return
        descriptor = _open(path)
        try:
            _lock(descriptor, path, timeout)
            data = _whole_lines(descriptor)
            yield cls(target, _entries(data, target, path), descriptor)
        finally:
            os.close(descriptor)  # gives the lock back

    @classmethod
    def read(cls, path: Path | None, target: str) -> Ledger:
        """Return a ledger as it is, without making, locking or mending the file."""
        if path is None or not path.exists():
            return cls(target)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _unusable(path, error) from error
        return cls(target, _entries(data[: data.rfind(b"\n") + 1], target, path))

    def pending(self) -> tuple[UsageEvent, ...]:
        """Return the events whose end is unknown, oldest first."""
        return tuple(entry.event for entry in self.entries.values() if entry.status is Status.PENDING)

    def begin(self, events: Iterable[UsageEvent]) -> None:
        """Write events down before they are sent. When this returns, they are on the disk."""
        moment = utc_now()
        lines = []
        for event in events:
            self.entries.pop(event.key, None)
            self.entries[event.key] = Entry(event, Status.PENDING, moment)
            lines.append({"status": Status.PENDING.value, "event": as_record(event)})
        self._append(lines, moment)

    def settle(self, event: UsageEvent, status: Status, reason: str = "") -> None:
        """Write down the end of an event that was begun."""
        moment = utc_now()
        entry = self.entries.get(event.key)
        if entry is not None:
            self.entries[event.key] = replace(entry, status=status, at=moment)
        line = {"status": status.value, "source": event.source, "id": event.id}
        self._append([{**line, "reason": reason} if reason else line], moment)

    def _append(self, lines: list[dict[str, Any]], moment: datetime) -> None:
        if self._descriptor is None or not lines:
            return
        common = {"at": as_text(moment), "target": self.target}
        data = memoryview("".join(json.dumps({**common, **line}) + "\n" for line in lines).encode())
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise MiniappInfraError(
                f"Failed to write the ledger of metering events: {error}",
                hint="Nothing was sent that is not in the ledger. Make room and run it again.",
            ) from error


def _open(path: Path) -> int:
    try:
        made = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if made:
            directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)  # or the file itself could be gone after a power failure
            finally:
                os.close(directory)
    except OSError as error:
        raise _unusable(path, error) from error
    return descriptor


def _lock(descriptor: int, path: Path, timeout: float) -> None:
    def acquired() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    free = Goal(f"the ledger {path} to be free", is_met=bool, describe=lambda _: "another run holds it")
    wait_for(acquired, free, Patience(timeout, interval=0.2))


def _whole_lines(descriptor: int) -> bytes:
    """Return the content, and cut off a last line that a crash left unfinished.

    What it would have said did not happen: sending begins only after the line is on the disk.
    """
    size = os.fstat(descriptor).st_size
    data = b""
    while len(data) < size and (part := os.pread(descriptor, size - len(data), len(data))):
        data += part
    end = data.rfind(b"\n") + 1
    if end < len(data):
        os.ftruncate(descriptor, end)
    return data[:end]


def _entries(data: bytes, target: str, path: Path) -> dict[tuple[str, str], Entry]:
    entries: dict[tuple[str, str], Entry] = {}
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            record = json.loads(line)
            if record["target"] != target:
                continue
            status, at = Status(record["status"]), parse_instant(record["at"], "at")
            if "event" in record:
                event = from_record(record["event"])
                entries.pop(event.key, None)
                entries[event.key] = Entry(event, status, at)
            elif (key := (record["source"], record["id"])) in entries:
                entries[key] = replace(entries[key], status=status, at=at)
        except (ValueError, KeyError, TypeError, AttributeError, MiniappInfraError) as error:
            raise MiniappInfraError(
                f"ledger_path: line {number} of {path} is damaged: {error}",
                code=ErrorCode.INVALID_INPUT,
                hint="Move the file away only when its pending events are known to be stored.",
            ) from error
    return entries


def _unusable(path: Path, error: OSError) -> MiniappInfraError:
    return MiniappInfraError(f"ledger_path: {path} cannot be used: {error}", code=ErrorCode.INVALID_INPUT)
