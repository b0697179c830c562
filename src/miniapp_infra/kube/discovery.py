# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kinds the API server serves, and under which path: two requests, remembered on disk per server."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.errors import KubeError, UnknownKindError
from miniapp_infra.kube.objects import group_of, lookup
from miniapp_infra.local.layout import cache_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from miniapp_infra.kube.client import Client

# Aggregated discovery (KEP-3352): the whole list in one document, since Kubernetes 1.30.
ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
ROOTS = ("/api", "/apis")
MAX_AGE = 600.0
"""Seconds. Unknown kinds refresh the list at once, so this only bounds how long a removed kind is remembered."""


@dataclass(frozen=True)
class Resource:
    """A kind and its place in the API."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def collection(self, namespace: str = "") -> str:
        """Return the path of all objects, or of those in a namespace."""
        root = "/apis" if group_of(self.api_version) else "/api"
        inside = f"/namespaces/{_segment('namespace', namespace)}" if self.namespaced and namespace else ""
        return f"{root}/{self.api_version}{inside}/{self.plural}"

    def path(self, namespace: str, name: str) -> str:
        return f"{self.collection(namespace)}/{_segment('name', name)}"


def _segment(option: str, text: str) -> str:
    """Return a name as a part of a path, in which it cannot stand for another place."""
    if text in {".", ".."}:
        raise KubeError(f"{option}: must not be {text!r}", code=ErrorCode.INVALID_INPUT)
    return quote(text, safe="")


Table = dict[tuple[str, str], Resource]


class Discovery:
    """Answers which resource a kind is. May be used from several threads.

    Args:
        client: of the server.
        directory: where the list is kept; None: the user's cache.
    """

    def __init__(self, client: Client, directory: Path | None = None) -> None:
        self._client = client
        self._file = (directory or cache_directory() / "discovery") / f"{client.credentials.fingerprint[:32]}.json"
        self._lock = threading.Lock()
        self._table: Table | None = None
        self._is_fresh = False
        self._version = ""

    def resolve(self, api_version: str, kind: str) -> Resource:
        """Find a kind; asks the server again, once, when the remembered list does not have it.

        Raises:
            UnknownKindError: the server does not serve it.
            KubeError: the server did not answer.
        """
        found = self.find(api_version, kind)
        if found is None:
            raise UnknownKindError(
                f"Failed to find {kind} in {api_version}: the API server does not serve this kind",
                hint="Is the name right, and is its CustomResourceDefinition installed?",
            )
        return found

    def find(self, api_version: str, kind: str) -> Resource | None:
        """Find a kind, None when the server does not serve it. Raises KubeError as ``resolve`` does."""
        with self._lock:
            if self._table is None:
                self._table = self._remembered()
            if self._table is None or ((api_version, kind) not in self._table and not self._is_fresh):
                self._table = self._fetched()
            return self._table.get((api_version, kind))

    def add(self, kinds: Table) -> None:
        """Remember kinds whose definitions were established a moment ago."""
        with self._lock:
            if self._table is not None and not kinds.keys() <= self._table.keys():
                self._table = {**self._table, **kinds}
                self._remember(self._table)

    def server_version(self) -> str:
        """Return the version of the API server, such as ``v1.36.3``; remembered as long as the kinds are.

        Raises:
            KubeError: the server did not answer.
        """
        with self._lock:
            if self._table is None:
                self._table = self._remembered()
            if not self._version:
                answer = self._client.get("/version", action=f"read the version of {self._client.credentials.host}")
                self._version = str(answer.body.get("gitVersion", ""))
                if self._table is not None:
                    self._remember(self._table)
            return self._version

    def api_versions(self) -> list[str]:
        """Return the group versions that the server serves, such as ``apps/v1``, in alphabetical order.

        Raises:
            KubeError: the server did not answer.
        """
        with self._lock:
            if self._table is None:
                self._table = self._remembered() or self._fetched()
            return sorted({api_version for api_version, _ in self._table})

    def capabilities(self) -> list[str]:
        """Return what a chart may find in ``.Capabilities.APIVersions``: group versions, and each with its kinds.

        Raises:
            KubeError: the server did not answer.
        """
        versions = self.api_versions()
        with self._lock:
            return [*versions, *sorted(f"{api_version}/{kind}" for api_version, kind in self._table or ())]

    def refresh(self) -> None:
        """Make the next look-up ask the server, after kinds were added or removed."""
        with self._lock:
            self._table, self._is_fresh = None, False
            with contextlib.suppress(FileNotFoundError):
                self._file.unlink()

    def _fetched(self) -> Table:
        table: Table = {}
        with ThreadPoolExecutor(2, thread_name_prefix="discovery") as executor:
            answers = list(executor.map(self._listing, ROOTS))
        for root, answer in zip(ROOTS, answers, strict=True):
            if answer.get("kind") == "APIGroupDiscoveryList":
                table.update(_aggregated(answer))
            else:
                table.update(self._one_by_one(root, answer))
        self._is_fresh = True
        self._remember(table)
        return table

    def _listing(self, root: str) -> dict[str, Any]:
        action = f"read the kinds of {self._client.credentials.host}"
        listing: dict[str, Any] = self._client.get(root, action=action, accept=ACCEPT).body
        return listing

    def _one_by_one(self, root: str, answer: Mapping[str, Any]) -> Table:
        """Read each group version by itself, for servers before 1.30."""
        versions = list(answer.get("versions", ()))
        versions += [version["groupVersion"] for group in answer.get("groups", ()) for version in group["versions"]]
        table: Table = {}
        for version in versions:
            listing = self._client.get(f"{root}/{version}", action=f"read the kinds of {version}").body
            for item in listing["resources"]:
                if "/" not in item["name"]:
                    table[version, item["kind"]] = Resource(version, item["kind"], item["name"], item["namespaced"])
        return table

    def _remembered(self) -> Table | None:
        try:
            if time.time() - self._file.stat().st_mtime > MAX_AGE:
                return None
            document = json.loads(self._file.read_bytes())
            resources = [Resource(*row) for row in document["resources"]]
            self._version = str(document["version"])
        except (OSError, ValueError, TypeError, KeyError):
            return None  # missing, cut short or of another version: as good as never written
        return {(resource.api_version, resource.kind): resource for resource in resources}

    def _remember(self, table: Table) -> None:
        # A cache that cannot be written costs two requests per run and nothing else.
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.parent.chmod(0o700)
            handle, temporary = tempfile.mkstemp(dir=self._file.parent)
            with os.fdopen(handle, "w") as file:
                json.dump({"version": self._version, "resources": [astuple(row) for row in table.values()]}, file)
            Path(temporary).replace(self._file)


def from_definitions(definitions: Iterable[Mapping[str, Any]]) -> Table:
    """Read kinds out of CustomResourceDefinitions that are about to be applied."""
    table: Table = {}
    for definition in definitions:
        group, scope = lookup(definition, "spec", "group"), lookup(definition, "spec", "scope")
        kind, plural = lookup(definition, "spec", "names", "kind"), lookup(definition, "spec", "names", "plural")
        if not (group and scope and kind and plural):
            continue  # what is missing is the server's to say
        for version in lookup(definition, "spec", "versions") or ():
            if lookup(version, "served") and lookup(version, "name"):
                api_version = f"{group}/{version['name']}"
                table[api_version, kind] = Resource(api_version, kind, plural, scope == "Namespaced")
    return table


def _aggregated(answer: Mapping[str, Any]) -> Table:
    table: Table = {}
    for group in answer["items"]:
        name = group["metadata"].get("name", "")
        for version in group["versions"]:
            api_version = f"{name}/{version['version']}" if name else version["version"]
            for item in version.get("resources", ()):
                # An aggregated API server that does not answer lists its resources without a kind.
                kind = (item.get("responseKind") or {}).get("kind")
                if kind:
                    table[api_version, kind] = Resource(
                        api_version, kind, item["resource"], item["scope"] == "Namespaced"
                    )
    return table
