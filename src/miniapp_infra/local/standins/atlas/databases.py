# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases behind the clusters: FerretDB in front of a PostgreSQL with an archive of its WAL.

A restore copies a base backup of the source over the data of the target and replays the archived WAL up to the wanted
time. PostgreSQL is reached through a socket that only its own user may use; FerretDB has a role without other rights.
"""

from __future__ import annotations

import math
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.node.commands import run
from miniapp_infra.local.node.component import as_user
from miniapp_infra.local.node.files import PUBLIC, SECRET, write
from miniapp_infra.local.standins import postgresql
from miniapp_infra.local.standins.atlas.world import new_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from miniapp_infra.local.standins.atlas.world import Object

LOOPBACK = "127.0.0.1"
_SECONDS = 120
_PAUSE = 0.1
_LONGEST_SOCKET_DIRECTORY = 90
"""Of the 107 bytes that the path of a socket may have; the name of the socket itself needs the rest."""
_ACCESS = f"""# Written at each start.
local all          {postgresql.USER}      peer
local replication  {postgresql.USER}      peer
host  {postgresql.FERRETDB} {postgresql.FERRETDB} {LOOPBACK}/32 trust
"""


@dataclass(frozen=True)
class Ports:
    """Where a cluster answers.

    Args:
        mongodb: FerretDB.
        health: what FerretDB tells about itself.
        postgresql: the data through its other door.
    """

    mongodb: int
    health: int
    postgresql: int


class Database:
    """The database of one cluster.

    Args:
        home: directory for its data; the user of PostgreSQL must be able to reach it.
        host: address that FerretDB listens at.
        ports: where it answers.
        ferretdb: the program.
    """

    def __init__(self, home: Path, host: str, ports: Ports, ferretdb: Path) -> None:
        self.home = home
        self.ports = ports
        self._host = host
        self._ferretdb = ferretdb
        self._running: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []

    @property
    def archive(self) -> Path:
        return self.home / "archive"

    @property
    def url(self) -> str:
        return f"mongodb://{self._host}:{self.ports.mongodb}/"

    def prepare(self) -> None:
        """Make the directories and an empty database.

        Raises:
            MiniappInfraError: it cannot be made.
        """
        if len(str(self.home)) > _LONGEST_SOCKET_DIRECTORY:
            raise MiniappInfraError(f"data-dir: {self.home} is too long for a socket", code=ErrorCode.INVALID_INPUT)
        self.home.mkdir(mode=0o711, parents=True, exist_ok=True)
        for name in ("archive", "base", "socket"):
            _owned(self.home / name)
        write(self.home / "pg_hba.conf", _ACCESS, PUBLIC)
        if self._data.is_dir():
            return
        draft = self.home / "data.part"
        shutil.rmtree(draft, ignore_errors=True)
        _owned(draft)
        options = ("--encoding=UTF8", "--locale=C", "--auth=reject", "--no-sync", "--wal-segsize=1")
        self._do("initdb", f"--pgdata={draft}", *options, purpose="create a database")
        name = postgresql.FERRETDB
        statements = f"CREATE ROLE {name} LOGIN;\nCREATE DATABASE {name} OWNER {name};\n"
        self._do("postgres", "--single", "-D", str(draft), "postgres", purpose="create a role", stdin=statements)
        draft.rename(self._data)

    def start(self) -> None:
        """Start both programs and wait until documents can be written.

        Raises:
            MiniappInfraError: they do not come up.
        """
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.ports.postgresql,
            "unix_socket_directories": self._socket,
            "hba_file": self.home / "pg_hba.conf",
            "wal_level": "replica",
            "archive_mode": "on",
            # The name appears when the copy is complete, as a restore takes every name for a complete segment.
            "archive_command": f"cp %p {self.archive}/.%f && mv {self.archive}/.%f {self.archive}/%f",
            "archive_timeout": 5,
            "max_wal_size": "64MB",
            "min_wal_size": "16MB",
            "timezone": "UTC",
        }
        options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
        if (self._data / "postmaster.pid").exists():
            # Of a server that outlived its supervisor.
            stop = ("stop", "--mode=immediate", f"--pgdata={self._data}")
            subprocess.run([*_user(), _program("pg_ctl"), *stop], check=False, capture_output=True, timeout=_SECONDS)
        server = [*_user(), _program("postgres"), "-D", str(self._data), *options]
        self._launch("postgresql", server, signal.SIGINT)
        self._until(self._is_primary, "PostgreSQL to take writes")
        name = postgresql.FERRETDB
        ferretdb = [
            str(self._ferretdb),
            f"-listen={self._host}:{self.ports.mongodb}",
            f"-health={LOOPBACK}:{self.ports.health}",
            f"-postgresql-url=postgres://{name}@{LOOPBACK}:{self.ports.postgresql}/{name}",
        ]
        self._launch("ferretdb", ferretdb, signal.SIGTERM)
        self._until(self._is_healthy, "FerretDB to accept connections")

    def stop(self) -> None:
        """Stop both programs, FerretDB first."""
        while self._running:
            process, how = self._running.pop()
            process.send_signal(how)
            try:
                process.wait(timeout=_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def back_up(self, ident: str) -> datetime:
        """Take a base backup, and return from when on it can be restored to any time.

        Raises:
            MiniappInfraError: it cannot be taken.
        """
        draft = self.home / "base" / f".{ident}"
        self._do(
            "pg_basebackup",
            f"--pgdata={draft}",
            f"--host={self._socket}",
            f"--port={self.ports.postgresql}",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--no-sync",
            purpose="take a base backup",
        )
        end = math.ceil(time.time())
        draft.rename(self.home / "base" / f"{end}-{ident}")
        return datetime.fromtimestamp(end, UTC)

    def base_for(self, at: int | None, ident: str) -> Path:
        """Return the base backup to begin with.

        Args:
            at: seconds since 1970; None for exactly the backup ``ident``.
            ident: of a snapshot.

        Raises:
            MiniappInfraError: not_found, when there is none that is old enough.
        """
        found = []
        for path in (self.home / "base").iterdir():
            end, _, name = path.name.partition("-")
            if end.isdigit() and (name == ident if at is None else int(end) <= at):
                found.append((int(end), path))
        if not found:
            raise MiniappInfraError("Failed to restore: there is no base backup for it", code=ErrorCode.NOT_FOUND)
        return max(found)[1]

    def flush(self) -> None:
        """Archive all that was written up to now.

        Raises:
            MiniappInfraError: it does not get into the archive.
        """
        # A transaction of its own, because replay stops at the first one after the wanted time.
        self._sql("SELECT pg_current_xact_id()")
        segment = self._sql("SELECT pg_walfile_name(pg_switch_wal())")
        self._until((self.archive / segment).exists, f"segment {segment} to be archived")

    def replace_by(self, base: Path, archive: Path, at: int | None) -> None:
        """Replace all data by a base backup and what followed it up to a time; the database must be stopped.

        Raises:
            MiniappInfraError: the backup cannot be copied.
        """
        shutil.rmtree(self._data, ignore_errors=True)
        run(["cp", "--archive", str(base), str(self._data)], "copy a base backup", timeout=_SECONDS)
        moment = "" if at is None else datetime.fromtimestamp(at, UTC).isoformat(sep=" ")
        target = f"recovery_target_time = '{moment}'" if moment else "recovery_target = 'immediate'"
        # The whole file, because an earlier restore may have left another target in it, and there can be one only.
        settings = f"restore_command = 'cp {archive}/%f %p'\n{target}\nrecovery_target_action = 'promote'\n"
        for name, content in (("postgresql.auto.conf", settings), ("recovery.signal", "")):
            write(self._data / name, content, SECRET)
            shutil.chown(self._data / name, postgresql.USER, postgresql.USER)
        if archive != self.archive:
            # They belong to data that is lost.
            for name in ("archive", "base"):
                shutil.rmtree(self.home / name)
                _owned(self.home / name)

    @property
    def _data(self) -> Path:
        return self.home / "data"

    @property
    def _socket(self) -> Path:
        return self.home / "socket"

    def _launch(self, name: str, argv: list[str], how: signal.Signals) -> None:
        with (self.home / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        self._running.append((process, how))

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + _SECONDS
        while not holds():
            for process, _ in self._running:
                if process.poll() is not None:
                    raise MiniappInfraError(f"Failed to wait for {what}: a program has ended; see {self.home}/*.log")
            if time.monotonic() > end:
                raise MiniappInfraError(f"Timed out waiting for {what}; see {self.home}/*.log", code=ErrorCode.TIMEOUT)
            time.sleep(_PAUSE)

    def _is_primary(self) -> bool:
        try:
            return self._sql("SELECT pg_is_in_recovery()") == "f"
        except MiniappInfraError:
            return False

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.ports.health}/healthz", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _sql(self, statement: str) -> str:
        return self._do(
            "psql",
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            f"--host={self._socket}",
            f"--port={self.ports.postgresql}",
            f"--command={statement}",
            "postgres",
            purpose="ask PostgreSQL",
        ).strip()

    def _do(self, program: str, *arguments: str, purpose: str, stdin: str = "") -> str:
        return self._as_owner(_program(program), *arguments, purpose=purpose, stdin=stdin)

    def _as_owner(self, *command: str, purpose: str, stdin: str = "") -> str:
        return run([*_user(), *command], purpose, stdin=stdin, timeout=_SECONDS)


class RealDatabases:
    """All databases; implements ``world.Databases``.

    Args:
        home: directory for their data.
        host: address that they listen at.
        ferretdb: the program.
    """

    def __init__(self, home: Path, host: str, ferretdb: Path) -> None:
        self._home = home
        self._host = host
        self._ferretdb = ferretdb
        self._databases: dict[str, Database] = {}

    def add(self, name: str, ports: Ports) -> tuple[Database, tuple[str, datetime] | None]:
        """Start the database of a cluster, and return the base backup that a new one gets: ID and time."""
        database = Database(self._home / name, self._host, ports, self._ferretdb)
        self._databases[name] = database
        database.prepare()
        database.start()
        if any((database.home / "base").iterdir()):
            return database, None
        ident = new_id()
        return database, (ident, database.back_up(ident))

    def stop(self) -> None:
        """Stop all of them."""
        for database in self._databases.values():
            database.stop()

    def restore(self, source: str, target: str, job: Object, end: Callable[[bool], None]) -> None:
        """Replace the data of one cluster by that of another, beside the caller."""
        threading.Thread(target=self._restore, args=(source, target, dict(job), end), daemon=True).start()

    def looked_at(self, job: Object) -> None:
        """Do nothing: a restore goes on by itself."""

    def _restore(self, source: str, target: str, job: Object, end: Callable[[bool], None]) -> None:
        at = job.get("pointInTimeUTCSeconds") or job.get("oplogTs")
        origin, database = self._databases[source], self._databases[target]
        well = False
        try:
            base = origin.base_for(at, job.get("snapshotId", ""))
            origin.flush()
            database.stop()
            database.replace_by(base, origin.archive, at)
            database.start()
            database.back_up(new_id())
            well = True
        except (MiniappInfraError, OSError) as error:
            with (database.home / "restore.log").open("a", encoding="utf-8") as log:
                log.write(f"{job['id']}: {error}\n")
        finally:
            end(well)


def _owned(path: Path) -> None:
    """Make a directory of PostgreSQL's user."""
    path.mkdir(mode=0o700, exist_ok=True)
    shutil.chown(path, postgresql.USER, postgresql.USER)


def _user() -> tuple[str, ...]:
    # In a directory that the user may be in, which the caller's need not be.
    return ("env", "--chdir=/", *as_user(postgresql.USER))


def _program(name: str) -> str:
    return str(postgresql.programs() / name)
