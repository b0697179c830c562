# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL of the distribution; every finished WAL segment is archived, so a base backup goes to any moment."""

from __future__ import annotations

import secrets
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.layout import HOST_ADDRESS, NODE_ADDRESS, POSTGRESQL_PORT
from miniapp_infra.local.node import mounts
from miniapp_infra.local.node.commands import run
from miniapp_infra.local.node.component import Component, ExecProbe, as_user
from miniapp_infra.local.node.files import PUBLIC, SECRET, write

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout

NAME = "postgresql"
USER = "postgres"
FERRETDB = "ferretdb"
"""Role and database of FerretDB, which connects from the loopback interface of the namespace."""
_VERSIONS = Path("/usr/lib/postgresql")
_ARCHIVE_SECONDS = 5
_SEGMENT_MEGABYTES = 1
"""A segment is archived whole, however little of it is used; small ones keep the archive small."""
_SECONDS = 120

# FerretDB needs no password: only the node's own processes are in the namespace, and they belong to root. From the host
# everybody on the machine could connect, and a superuser of PostgreSQL can start programs.
_ACCESS = f"""# Written at each start.
host  {FERRETDB}    {FERRETDB}  127.0.0.1/32         trust
host  all         {USER}  127.0.0.1/32         scram-sha-256
host  all         {USER}  {HOST_ADDRESS}/32        scram-sha-256
host  all         {USER}  {NODE_ADDRESS}/32        scram-sha-256
host  replication {USER}  {HOST_ADDRESS}/32        scram-sha-256
host  replication {USER}  {NODE_ADDRESS}/32        scram-sha-256
"""


def programs() -> Path:
    """Return the directory of the newest server that is installed.

    Raises:
        MiniappInfraError: missing_tool, when there is none.
    """
    found = [path.parent for path in _VERSIONS.glob("*/bin/postgres") if path.parent.parent.name.isdigit()]
    if not found:
        raise MiniappInfraError(
            f"Failed to find PostgreSQL: there is no server below {_VERSIONS}",
            code=ErrorCode.MISSING_TOOL,
            hint="make up PROFILE=full installs the package postgresql",
        )
    return max(found, key=lambda path: int(path.parent.name))


def prepare(layout: Layout) -> None:
    """Make what the server needs before its first start; complete what a killed run left half made."""
    home = layout.data / NAME
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    layout.postgresql.mkdir(mode=0o711, parents=True, exist_ok=True)
    if not mounts.is_point(layout.postgresql):
        run(["mount", "--bind", str(home), str(layout.postgresql)], f"mount {layout.postgresql}")
    archive = home / "archive"
    archive.mkdir(exist_ok=True)
    shutil.chown(archive, USER, USER)
    archive.chmod(0o750)
    if not layout.postgresql_passwords.is_file():
        # One superuser, whatever the address; the form is that of libpq's password file.
        write(layout.postgresql_passwords, f"*:*:*:{USER}:{secrets.token_urlsafe(32)}\n", SECRET)
    write(home / "pg_hba.conf", _ACCESS, PUBLIC)
    if not (home / "data").is_dir():
        _create(layout, home)


def _create(layout: Layout, home: Path) -> None:
    """Make the cluster with FerretDB's role and database, under another name until it is complete."""
    draft, password = home / "data.part", home / "password"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    write(password, layout.postgresql_passwords.read_text().rpartition(":")[2], SECRET)
    try:
        shutil.chown(draft, USER, USER)
        shutil.chown(password, USER, USER)
        mounted = layout.postgresql / draft.name
        _as_user(
            [
                "initdb",
                f"--pgdata={mounted}",
                f"--pwfile={layout.postgresql / password.name}",
                "--encoding=UTF8",
                "--locale=C",
                "--auth=scram-sha-256",
                f"--wal-segsize={_SEGMENT_MEGABYTES}",
            ],
            "create the PostgreSQL cluster",
        )
        statements = f"CREATE ROLE {FERRETDB} LOGIN;\nCREATE DATABASE {FERRETDB} OWNER {FERRETDB};\n"
        _as_user(["postgres", "--single", "-D", str(mounted), "postgres"], "create FerretDB's database", statements)
    finally:
        password.unlink()
    draft.rename(home / "data")


def _as_user(command: list[str], purpose: str, stdin: str = "") -> None:
    program, *arguments = command
    # In a directory that the user may be in, which the caller's need not be.
    prefix = ("env", "--chdir=/", *as_user(USER))
    run([*prefix, str(programs() / program), *arguments], purpose, stdin=stdin, timeout=_SECONDS)


def component(layout: Layout) -> Component:
    """Return the server as a component of the node."""
    archive = layout.postgresql / "archive"
    access = layout.data / NAME / "pg_hba.conf"
    settings = {
        "listen_addresses": f"127.0.0.1,{NODE_ADDRESS}",
        "port": POSTGRESQL_PORT,
        "unix_socket_directories": "",
        "hba_file": layout.postgresql / access.name,
        "wal_level": "replica",
        "archive_mode": "on",
        # The name appears when the copy is complete, as whoever restores takes every name for a complete segment.
        "archive_command": f"cp %p {archive}/.%f && mv {archive}/.%f {archive}/%f",
        "archive_timeout": _ARCHIVE_SECONDS,
        "max_wal_size": "64MB",
        "min_wal_size": "16MB",
        "timezone": "UTC",
    }
    server = programs()
    options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
    return Component(
        name=NAME,
        argv=(str(server / "postgres"), "-D", str(layout.postgresql / "data"), *options),
        needs=(),
        probe=ExecProbe(
            (
                *(str(server / "pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={POSTGRESQL_PORT}"),
                # Somebody who may connect; for anybody else the server would write a complaint each time.
                *(f"--username={FERRETDB}", f"--dbname={FERRETDB}"),
            )
        ),
        ports=(POSTGRESQL_PORT,),
        files=(access,),
        stop_signal=signal.SIGINT,  # SIGTERM would wait for clients to leave by themselves
        user=USER,
    )
