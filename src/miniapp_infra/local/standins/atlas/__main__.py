# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the stand-in: ``python -m miniapp_infra.local.standins.atlas --port 4580 --data-dir DIR``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.local.standins.atlas.authentication import Credentials, Gate
from miniapp_infra.local.standins.atlas.databases import Ports, RealDatabases
from miniapp_infra.local.standins.atlas.server import Context, Server
from miniapp_infra.local.standins.atlas.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

PROJECT = "32b6e34b3d91647abb20e7b8"
CLUSTERS = ("miniapp-local:27117:27118:5532", "miniapp-restore:27217:27218:5533")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="atlas", description="Stands in for the Atlas Administration API.")
    parser.add_argument("--host", default="127.0.0.1", help="address of the API and of the databases")
    parser.add_argument("--port", type=int, default=4580, help="port of the API")
    parser.add_argument("--data-dir", type=Path, required=True, help="where everything is kept; postgres must reach it")
    parser.add_argument("--ferretdb", type=Path, default=Path(sys.prefix) / "bin" / "ferretdb", help="the program")
    parser.add_argument("--project", default=PROJECT, help="ID of the project")
    parser.add_argument(
        "--cluster",
        action="append",
        help="NAME:MONGODB_PORT:HEALTH_PORT:POSTGRESQL_PORT, several times; by default one and one to restore to",
    )
    given = parser.parse_args(arguments)
    home: Path = given.data_dir
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    databases = RealDatabases(home, given.host, given.ferretdb)
    world = World(given.project, databases, home / "state.json")
    server = Server((given.host, given.port), Context(world, Gate(Credentials.kept_in(home / "credentials.json"))))
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: threading.Thread(target=server.shutdown).start())
    try:
        for text in given.cluster or CLUSTERS:
            name, *numbers = text.split(":")
            database, backup = databases.add(name, Ports(*(int(number) for number in numbers)))
            world.add_cluster(name, database.url)
            if backup:
                world.add_snapshot(name, backup[1], ident=backup[0])
        server.serve_forever()
    finally:
        server.server_close()
        databases.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
