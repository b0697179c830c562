# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for Atlas inside the test process, with restores that go on as often as somebody looks."""

from __future__ import annotations

import threading

from miniapp_infra.local.standins.atlas.authentication import Credentials, Gate
from miniapp_infra.local.standins.atlas.server import Context, Server
from miniapp_infra.local.standins.atlas.world import World, now_text

from .contract import Contract

PROJECT = "32b6e34b3d91647abb20e7b8"
CONTRACT = Contract()


class ScriptedDatabases:
    """Ends each restore after some looks at its job; implements ``world.Databases``.

    Attributes:
        looks: after which a restore ends.
        outcome: finished, failed, cancelled or expired.
        state_after: of the target, when the job has finished.
        started: sources and targets, in order.
    """

    def __init__(self):
        self.looks = 2
        self.outcome = "finished"
        self.state_after = "IDLE"
        self.started = []
        self.world = None
        self._ends = {}
        self._looked = {}

    def restore(self, source, target, job, end):
        self.started.append((source, target))
        self._ends[job["id"]], self._looked[job["id"]] = end, 0

    def looked_at(self, job):
        if job["id"] not in self._ends:
            return
        self._looked[job["id"]] += 1
        if self._looked[job["id"]] >= self.looks:
            end = self._ends.pop(job["id"])
            if self.outcome in {"cancelled", "expired"}:
                job[self.outcome] = True
                self.world.clusters[job["targetClusterName"]]["stateName"] = "IDLE"
            else:
                end(self.outcome == "finished")
                self.world.clusters[job["targetClusterName"]]["stateName"] = self.state_after


class Emulator:
    """The server. A context manager that fails when an exchange broke MongoDB's description."""

    def __init__(self):
        self.databases = ScriptedDatabases()
        self.world = World(PROJECT, self.databases)
        self.databases.world = self.world
        self.credentials = Credentials.fresh()
        self.exchanges = []
        self.context = Context(self.world, Gate(self.credentials), observer=self.exchanges.append)
        self.server = Server(("127.0.0.1", 0), self.context)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        for name in ("prod", "drill"):
            self.world.add_cluster(name, f"mongodb://{name}.invalid:27017/")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self.server.shutdown()
        self.server.server_close()
        if kind is None:
            assert [problem for exchange in self.exchanges for problem in CONTRACT.problems(exchange)] == []

    @property
    def account(self):
        """The options that connect with the service account."""
        return {
            "url": self.server.url,
            "client_id": self.credentials.client_id,
            "client_secret": self.credentials.client_secret,
        }

    @property
    def key(self):
        """The options that connect with the API key."""
        return {
            "url": self.server.url,
            "public_key": self.credentials.public_key,
            "private_key": self.credentials.private_key,
        }

    @property
    def changes(self):
        """Methods and paths of the requests that change something."""
        return [(item.method, item.path.rpartition("/")[2]) for item in self.exchanges if item.method != "GET"]

    def finished_job(self, **changes):
        """Add a job of an earlier restore."""
        job = {
            "id": "5" * 24,
            "deliveryType": "pointInTime",
            "targetGroupId": PROJECT,
            "targetClusterName": "drill",
            "cancelled": False,
            "expired": False,
            "failed": False,
            "finishedAt": now_text(),
            **changes,
        }
        self.world.jobs["prod"].append(job)
        return job
