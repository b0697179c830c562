# SPDX-License-Identifier: GPL-3.0-or-later
"""One thread per collection that reports its objects: a LIST, then a WATCH from there, until it is stopped."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.kube.errors import ApiError
from miniapp_infra.kube.live import typed

if TYPE_CHECKING:
    import queue
    from collections.abc import Mapping

    from miniapp_infra.kube.client import Client, Watch
    from miniapp_infra.kube.discovery import Resource
    from miniapp_infra.kube.objects import KubeObject

WATCH_SECONDS = 300.0
RECONNECT = 1.0
"""Seconds between two attempts, so that a server that closes every watch at once is not flooded."""


@dataclass(frozen=True)
class Snapshot:
    """All objects of a collection; those that are not in it do not exist."""

    resource: Resource
    namespace: str
    objects: tuple[KubeObject, ...]


@dataclass(frozen=True)
class Changed:
    """One object has a new state; ``exists`` is False when the state is its last one."""

    resource: Resource
    obj: KubeObject
    exists: bool


@dataclass(frozen=True)
class Collection:
    """What is watched; an empty namespace stands for all of them.

    Args:
        version: resource version from which on to watch; empty: list first.
    """

    resource: Resource
    namespace: str = ""
    selectors: Mapping[str, str] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True)
class Broken:
    """The collection cannot be read."""

    error: MiniappInfraError
    collection: Collection


Event = Snapshot | Changed | Broken


class Watcher(threading.Thread):
    """Puts events into a queue until it is stopped; goes on after disconnects and expired resource versions."""

    def __init__(self, client: Client, collection: Collection, events: queue.Queue[Event]) -> None:
        super().__init__(name=f"watch {collection.resource.plural}", daemon=True)
        self._client = client
        self._collection = collection
        self._events = events
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._watch: Watch | None = None

    def stop(self) -> None:
        with self._lock:
            self._stopped.set()
            if self._watch is not None:
                self._watch.close()

    def run(self) -> None:
        version = self._collection.version
        try:
            while not self._stopped.is_set():
                version = self._follow(version or self._list())
        except MiniappInfraError as error:
            if not self._stopped.is_set():
                self._events.put(Broken(error, self._collection))

    def _list(self) -> str:
        place = self._collection
        path = place.resource.collection(place.namespace)
        objects: list[KubeObject] = []
        version = ""
        for page in self._client.pages(path, action=f"list {place.resource.plural}", query=place.selectors):
            objects += typed(page, place.resource)
            version = page["metadata"]["resourceVersion"]
        self._events.put(Snapshot(place.resource, place.namespace, tuple(objects)))
        return version

    def _follow(self, version: str) -> str:
        """Report events until the watch ends; return where to go on, empty to list again."""
        place = self._collection
        action = f"watch {place.resource.plural}"
        query = {**place.selectors, "resourceVersion": version}
        try:
            watch = self._client.open_watch(
                place.resource.collection(place.namespace), action=action, query=query, seconds=WATCH_SECONDS
            )
            with self._lock:
                if self._stopped.is_set():
                    watch.close()
                    return version
                self._watch = watch
            for event in watch:
                obj = event["object"]
                if event["type"] == "ERROR":
                    # Mostly 410: the version is too old. Listing again is right after any other one as well.
                    return ""
                version = obj["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self._events.put(Changed(place.resource, obj, exists=event["type"] != "DELETED"))
        except ApiError as error:
            if error.status == HTTPStatus.GONE:
                return ""
            if not error.retryable:
                raise
        except MiniappInfraError as error:
            if not error.retryable:
                raise
        self._stopped.wait(random.uniform(RECONNECT / 2, RECONNECT))  # noqa: S311 - jitter needs no secrecy
        return version


def event_key(obj: Mapping[str, Any]) -> tuple[str, str]:
    """Return namespace and name of an object of a collection."""
    return (obj["metadata"].get("namespace") or "", obj["metadata"]["name"])
