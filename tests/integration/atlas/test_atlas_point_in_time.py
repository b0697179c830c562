# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore to a point in time with real databases: FerretDB on PostgreSQL, whose archived WAL is replayed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pymongo
import pytest
import urllib3

from live_apiserver import free_port
from miniapp_infra.local.standins.postgresql import programs
from promises import LAYOUT, without_live

from .emulator import PROJECT

pytestmark = [pytest.mark.live, pytest.mark.full, pytest.mark.tool("ferretdb")]
FERRETDB = LAYOUT.bin / "ferretdb"
SECONDS = 120


class Standin:
    """The stand-in as a process of its own, with two clusters. A context manager."""

    def __init__(self, home):
        self.home = home
        self.port = free_port()
        self.ports = {name: [free_port() for _ in range(3)] for name in ("prod", "drill")}
        self._process = None

    def __enter__(self):
        clusters = [f"--cluster={name}:{':'.join(map(str, ports))}" for name, ports in self.ports.items()]
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "miniapp_infra.local.standins.atlas", f"--port={self.port}"),
                *(f"--data-dir={self.home}", f"--ferretdb={FERRETDB}", f"--project={PROJECT}", *clusters),
            ]
        )
        end = time.monotonic() + SECONDS
        while not self._is_up():
            assert self._process.poll() is None, "the stand-in has ended"
            assert time.monotonic() < end, "the stand-in does not answer"
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(SECONDS)

    def _is_up(self):
        try:
            return (
                urllib3.request("GET", f"http://127.0.0.1:{self.port}/healthz", retries=False, timeout=5).status == 200
            )
        except urllib3.exceptions.HTTPError:
            return False

    def access(self):
        credentials = json.loads((self.home / "credentials.json").read_text())
        names = ("public_key", "private_key")
        return {"url": f"http://127.0.0.1:{self.port}", **{name: credentials[name] for name in names}}

    def documents(self, cluster):
        """Return the collection of a cluster, through MongoDB's protocol."""
        return pymongo.MongoClient(f"mongodb://127.0.0.1:{self.ports[cluster][0]}/")["shop"]["games"]

    def rows(self, cluster):
        """Return the numbers of a cluster's documents through the other door, PostgreSQL."""
        table = self._psql(
            cluster, "SELECT _jsonb->>'table' FROM shop._ferretdb_database_metadata WHERE _jsonb->>'_id'='games'"
        )
        found = self._psql(cluster, f"SELECT _jsonb->>'_id' FROM shop.\"{table}\"")  # noqa: S608 - FerretDB's own name
        return sorted(int(line) for line in found.split())

    def _psql(self, cluster, statement):
        command = [programs() / "psql", "-h", "127.0.0.1", "-p", str(self.ports[cluster][2]), "-U", "ferretdb"]
        return subprocess.run(
            [*command, "-Atc", statement, "ferretdb"], check=True, capture_output=True, text=True
        ).stdout.strip()


@pytest.fixture
def standin():
    if not FERRETDB.exists():
        without_live("FerretDB is not there (it comes with: make up PROFILE=full)")
    # Not below pytest's directories, which PostgreSQL's user may not enter.
    home = Path(tempfile.mkdtemp(prefix="miniapp-atlas-", dir="/var/tmp"))
    home.chmod(0o711)
    try:
        with Standin(home) as running:
            yield running
    finally:
        shutil.rmtree(home)


def test_exactly_the_documents_of_that_time_are_restored(standin, module_process):
    games = standin.documents("prod")
    games.insert_many([{"_id": number} for number in range(100)])
    point = int(time.time()) + 1
    while time.time() <= point:
        time.sleep(0.05)
    games.insert_many([{"_id": number} for number in range(100, 150)])
    games.delete_many({"_id": {"$lt": 50}})
    standin.documents("drill").insert_one({"_id": -1})
    given = {
        **standin.access(),
        "source_project_id": PROJECT,
        "source_cluster_name": "prod",
        "target_cluster_name": "drill",
        "confirm_target": "drill",
        "point_in_time": datetime.fromtimestamp(point, UTC).isoformat(),
        "lag": 0,
        "wait_interval": 0.2,
        "wait_timeout": SECONDS,
    }
    done = module_process("mongodb_atlas_restore_job", given)
    assert done.get("changed"), done
    assert (done["job"]["phase"], done["target"]["state"]) == ("finished", "IDLE")
    assert sorted(found["_id"] for found in standin.documents("drill").find()) == list(range(100))
    assert standin.rows("drill") == list(range(100))
    # The source has gone on, and stays as it is.
    assert standin.rows("prod") == list(range(50, 150))
    assert not module_process("mongodb_atlas_restore_job", given)["changed"]
    # The target can be written to, and is a cluster like any other.
    standin.documents("drill").insert_one({"_id": 1000})
    assert standin.documents("drill").count_documents({}) == 101
