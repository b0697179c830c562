# SPDX-License-Identifier: GPL-3.0-or-later
"""A Velero whose every move a test decides: it writes statuses through a real API server, as Velero's controllers do.

What it does by itself follows the controllers of Velero 1.18: who deletes what, which fields they fill in, and that
``skipImmediately`` is turned back. Where a test has scripted an object, each look writes the next step of its script.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from live_apiserver import Raw

Object = dict[str, Any]
Step = Object | Callable[[Object], None]
LOOK = 0.05
"""Seconds between two looks."""
PASSING = {429, 500, 503}
"""What the API server answers while it begins to serve new definitions."""
START, END = "2026-11-24T02:00:00Z", "2026-11-24T02:00:07Z"
SIGNATURE = "X-Amz-Signature=5ecre7"


def status(phase: str, **fields: Any) -> Object:
    return {"status": {"phase": phase, **fields}}


def progress(kind: str, done: int, total: int) -> Object:
    return {"totalItems": total, ("itemsBackedUp" if kind == "backups" else "itemsRestored"): done}


def completed(kind: str = "backups", **fields: Any) -> Object:
    return status(
        fields.pop("phase", "Completed"),
        startTimestamp=START,
        completionTimestamp=END,
        progress=fields.pop("progress", progress(kind, 3, 3)),
        **fields,
    )


GOOD = {
    "backups": [status("Queued", queuePosition=1), status("InProgress", startTimestamp=START), completed()],
    "restores": [status("InProgress", startTimestamp=START), completed("restores")],
}


class Files:
    """An object store that serves what tests put into it, packed, to who shows the signature."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.requests: list[str] = []
        files = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                files.requests.append(self.path)
                path, _, query = self.path.partition("?")
                found = files.content.get(path) if query == SIGNATURE else None
                data = b"<Error>no</Error>" if found is None else found
                self.send_response(403 if query != SIGNATURE else 404 if found is None else 200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name of the base class
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def put(self, kind: str, name: str, content: Any) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.content[f"/{kind}/{name}"] = gzip.compress(data)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _LaterError(Exception):
    """The API server cannot answer at this moment."""


class ScriptedVelero:
    """The controllers of one namespace. A context manager.

    Args:
        raw: plain requests to the API server.
        namespace: the one that Velero runs in.
        files: the object store.
    """

    def __init__(self, raw: Raw, namespace: str, files: Files) -> None:
        self.raw = raw
        self.namespace = namespace
        self.files = files
        self.scripts: dict[tuple[str, str], list[Step]] = {}
        self.deletion_errors: list[str] = []
        self.hands_out_addresses = True
        self.validates = True
        self.deletes = True
        self.errors: list[str] = []
        self._seconds = 0
        self._seen_locations: dict[str, Any] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._stopped.set()
        self._thread.join(timeout=60)
        assert not self.errors, self.errors

    def script(self, plural: str, name: str, *steps: Step) -> None:
        """Decide what becomes of an object; after the last step nothing does."""
        self.scripts[plural, name] = list(steps)

    def path(self, plural: str, name: str = "") -> str:
        return f"/apis/velero.io/v1/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def items(self, plural: str) -> list[Object]:
        code, answer = self.raw.send("GET", self.path(plural))
        if code in PASSING:
            raise _LaterError
        assert code == 200, answer
        return list(answer["items"])

    def find(self, plural: str, name: str) -> Object | None:
        found, body = self.raw.send("GET", self.path(plural, name))
        return body if found == 200 else None

    def make(self, kind: str, plural: str, name: str, spec: Object, **parts: Any) -> Object:
        """Make an object that was there before."""
        body = {
            "apiVersion": "velero.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace, **parts.pop("metadata", {})},
            "spec": spec,
            **parts,
        }
        code, answer = self.raw.send("POST", self.path(plural), body)
        assert code == 201, answer
        return answer

    def patch(self, plural: str, name: str, change: Object) -> None:
        content_type = "application/merge-patch+json"
        code, answer = self.raw.send("PATCH", self.path(plural, name), change, content_type=content_type)
        if code in PASSING:
            raise _LaterError
        assert code in {200, 404}, answer

    def _run(self) -> None:
        while not self._stopped.wait(LOOK):
            try:
                self._look()
            except _LaterError:
                continue
            except Exception as error:  # noqa: BLE001 - reported by the test that owns this controller
                self.errors.append(repr(error))
                return

    def _look(self) -> None:
        for plural in ("backups", "restores"):
            for item in self.items(plural):
                self._play(plural, item)
        for item in self.items("deletebackuprequests"):
            self._delete(item)
        for item in self.items("downloadrequests"):
            self._hand_out(item)
        for item in self.items("schedules"):
            self._play("schedules", item) if ("schedules", item["metadata"]["name"]) in self.scripts else self._accept(
                item
            )
        for item in self.items("backupstoragelocations"):
            self._validate(item)

    def _play(self, plural: str, item: Object) -> None:
        name, phase = item["metadata"]["name"], item.get("status", {}).get("phase")
        steps = self.scripts.get((plural, name))
        if steps is None:
            if phase:
                return  # it was there before
            steps = self.scripts[plural, name] = list(GOOD[plural])
        if not steps:
            return
        step = steps.pop(0)
        if callable(step):
            step(item)
        else:
            self.patch(plural, name, step)

    def _delete(self, request: Object) -> None:
        name, backup = request["metadata"]["name"], request["spec"]["backupName"]
        if not self.deletes or request.get("status", {}).get("phase") == "Processed":
            return
        if self.deletion_errors:
            self.patch("deletebackuprequests", name, status("Processed", errors=list(self.deletion_errors)))
            return
        self.patch("backups", backup, status("Deleting"))
        for plural, found in (("backups", backup), ("deletebackuprequests", name)):
            self.raw.send("DELETE", self.path(plural, found))
        self.scripts.pop(("backups", backup), None)

    def _hand_out(self, request: Object) -> None:
        if self.hands_out_addresses and not request.get("status", {}).get("downloadURL"):
            target = request["spec"]["target"]
            address = f"{self.files.url}/{target['kind']}/{target['name']}?{SIGNATURE}"
            self.patch("downloadrequests", request["metadata"]["name"], status("Processed", downloadURL=address))

    def _accept(self, schedule: Object) -> None:
        spec, change = schedule["spec"], {}
        if schedule.get("status", {}).get("phase") != "Enabled" and not spec.get("paused"):
            change |= status("Enabled", validationErrors=None)
        if spec.get("skipImmediately"):
            change["spec"] = {"skipImmediately": False}
            change.setdefault("status", {})["lastSkipped"] = START
        if change:
            self.patch("schedules", schedule["metadata"]["name"], change)

    def _validate(self, location: Object) -> None:
        name, spec = location["metadata"]["name"], location["spec"]
        if ("backupstoragelocations", name) in self.scripts:
            self._play("backupstoragelocations", location)
        elif self.validates and self._seen_locations.get(name) != spec:
            self._seen_locations[name] = spec
            self.patch("backupstoragelocations", name, status("Available", lastValidationTime=self.now()))

    def now(self) -> str:
        """Return a time that is later than every one before."""
        self._seconds += 1
        moment = dt.datetime(2026, 11, 24, 3, tzinfo=dt.UTC) + dt.timedelta(seconds=self._seconds)
        return moment.isoformat().replace("+00:00", "Z")


@contextlib.contextmanager
def paused(velero: ScriptedVelero) -> Any:
    """Let no request for deletion be answered."""
    velero.deletes = False
    try:
        yield
    finally:
        velero.deletes = True
