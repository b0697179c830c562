# SPDX-License-Identifier: GPL-3.0-or-later
"""Remembers under which idempotency key which restore was started.

Atlas keeps no such key with a job. The entry is written before the request and completed after it, so that a run that
was killed in between finds out which job is its own: the one of the same kind that was not there before.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PRIVATE_DIRECTORY = 0o700
_PRIVATE_FILE = 0o600


@dataclass(frozen=True)
class Entry:
    """What was started under a key.

    Args:
        restore: what is restored to where.
        known: jobs of the same kind that were there before.
        job: the job that was started; empty as long as the answer is not known.
    """

    restore: Mapping[str, Any]
    known: tuple[str, ...] = ()
    job: str = ""


@dataclass(frozen=True)
class Ledger:
    """The entry of one key, in a file of its own.

    Args:
        directory: of all entries.
        key: the idempotency key.
    """

    directory: Path
    key: str
    _file: Path = field(init=False, repr=False)

    def __post_init__(self) -> None:
        name = hashlib.sha256(self.key.encode()).hexdigest()[:32]
        object.__setattr__(self, "_file", self.directory / f"{name}.json")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs with the same key out, until it is known what was started.

        Raises:
            MiniappInfraError: the directory cannot be written (invalid_input).
        """
        try:
            self.directory.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            lock = os.open(self._file.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, _PRIVATE_FILE)
        except OSError as error:
            raise MiniappInfraError(
                f"ledger_directory: cannot be written: {error}", code=ErrorCode.INVALID_INPUT
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def read(self) -> Entry | None:
        """Return the entry; None when nothing was started under the key.

        Raises:
            MiniappInfraError: the file is damaged.
        """
        try:
            raw = json.loads(self._file.read_text(encoding="utf-8"))
            return Entry(raw["restore"], tuple(raw["known"]), raw["job"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MiniappInfraError(
                f"Failed to read what was started under the idempotency key: {self._file}: {error}",
                hint="Look at the restore jobs of the cluster before you delete the file.",
            ) from error

    def write(self, entry: Entry) -> None:
        """Replace the entry; it is on the disk when this returns.

        Raises:
            MiniappInfraError: it cannot be written.
        """
        new = self._file.with_suffix(".new")
        try:
            with os.fdopen(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, _PRIVATE_FILE), "w") as file:
                json.dump(asdict(entry), file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._file)
            directory = os.open(self.directory, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise MiniappInfraError(
                f"ledger_directory: cannot be written: {error}", code=ErrorCode.INVALID_INPUT
            ) from error
