# SPDX-License-Identifier: GPL-3.0-or-later
"""What Velero keeps beside a backup in the bucket: logs, results and lists. Velero hands out a signed address for each.

The address is that of the object store as Velero reaches it, or ``config.publicUrl`` of the location.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import re
import tempfile
import uuid
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.http import HttpOptions, JsonClient
from miniapp_infra.kube.objects import KubeObject, lookup
from miniapp_infra.kube.predicates import READY, Verdict, waiting
from miniapp_infra.redaction import redact
from miniapp_infra.velero.models import ref
from miniapp_infra.velero.transformations import manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.kube.custom import CustomObjects
    from miniapp_infra.velero.models import StorageLocation

ADDRESS_TIMEOUT = 30.0
"""Seconds that Velero may take to hand an address out; it does at once, unless the location is not available."""
LOG_LINES = 50
_MAGIC = b"\x1f\x8b"
_ENTRY = re.compile(r"(?P<name>.*)\((?P<action>[a-z]*)\)")
NAMESPACE_KIND = "v1/Namespace"


@dataclass(frozen=True)
class RestoredItems:
    """What a restore did with each object.

    Args:
        by_action: number of objects for each of created, updated, skipped and failed. Namespaces are not counted: they
            are made for what they hold.
        by_kind: the objects of each kind, such as ``{"v1/ConfigMap": ["shop/a(created)"]}``.
    """

    by_action: Mapping[str, int]
    by_kind: Mapping[str, list[str]]

    @property
    def written(self) -> int:
        return self.by_action.get("created", 0) + self.by_action.get("updated", 0)

    def describe(self) -> str:
        """Return the counts in one line."""
        return ", ".join(f"{number} {action}" for action, number in sorted(self.by_action.items())) or "no objects"


def read(objects: CustomObjects, namespace: str, kind: str, name: str, location: StorageLocation | None) -> bytes:
    """Return a file of a backup or a restore, unpacked.

    Args:
        objects: of the server.
        namespace: of Velero.
        kind: such as ``BackupLog``, ``BackupResults``, ``RestoreResults``, ``RestoreResourceList``.
        name: of the backup or the restore.
        location: where its backup is; for its certificate authority.

    Raises:
        MiniappInfraError: Velero hands out no address, or the store cannot be reached.
    """
    request = manifest(
        "DownloadRequest", namespace, f"{name}-{uuid.uuid4().hex[:8]}", {"target": {"kind": kind, "name": name}}
    )
    where = ref("DownloadRequest", namespace, request["metadata"]["name"])
    objects.create(request)
    try:
        done = objects.wait(where, _has_address, ADDRESS_TIMEOUT)
        return unpacked(_get(str(lookup(done, "status", "downloadURL")), kind, name, location))
    finally:
        with contextlib.suppress(MiniappInfraError):  # Velero deletes those that nobody deletes
            objects.absent(where)


def _has_address(obj: Any) -> Verdict:
    return READY if lookup(obj, "status", "downloadURL") else waiting("Velero has handed out no address yet")


def _get(address: str, kind: str, name: str, location: StorageLocation | None) -> bytes:
    parts = urlsplit(address)
    spec = location.spec if location is not None else {}
    authority = lookup(spec, "objectStorage", "caCert") or ""
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        if authority:
            file.write(base64.b64decode(authority))
            file.flush()
        options = HttpOptions(
            url=f"{parts.scheme}://{parts.netloc}",
            ca_cert=file.name if authority else "",
            validate_certs=lookup(spec, "config", "insecureSkipTLSVerify") != "true",
        )
        # The query is the signature: it must not be written anew, and not be shown.
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return JsonClient(options, server="the object store").request("GET", path, action=f"read {kind} of {name}").data


def unpacked(data: bytes) -> bytes:
    """Return the content of a file, which stores may have unpacked already.

    Raises:
        MiniappInfraError: it is damaged.
    """
    if not data.startswith(_MAGIC):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise MiniappInfraError(f"Failed to unpack what the object store holds: {error}") from error


def parsed(data: bytes) -> Any:
    """Return the JSON of a file.

    Raises:
        MiniappInfraError: it is none.
    """
    try:
        return json.loads(data)
    except ValueError as error:
        raise MiniappInfraError(f"Failed to read what the object store holds: {error}") from error


def results_of(data: bytes) -> dict[str, Any]:
    """Return errors and warnings, each for Velero itself, for the cluster and for each namespace; secrets hidden."""
    content = parsed(data) or {}
    return {
        level: {
            "velero": redact(list(lookup(content, level, "velero") or ())),
            "cluster": redact(list(lookup(content, level, "cluster") or ())),
            "namespaces": {
                name: redact(list(texts)) for name, texts in (lookup(content, level, "namespaces") or {}).items()
            },
        }
        for level in ("errors", "warnings")
    }


def messages(results: Mapping[str, Any], level: str) -> list[str]:
    """Return the texts of one level in one list."""
    found = results.get(level) or {}
    inner = [f"{name}: {text}" for name, texts in sorted(found.get("namespaces", {}).items()) for text in texts]
    return [*found.get("velero", ()), *found.get("cluster", ()), *inner]


def items_of(data: bytes) -> RestoredItems:
    """Count what a restore did, from the list that Velero writes: ``{"v1/ConfigMap": ["namespace/name(created)"]}``."""
    content: KubeObject = parsed(data) or {}
    counts: dict[str, int] = {}
    for kind, entries in content.items():
        for entry in entries or ():
            match = _ENTRY.fullmatch(entry)
            if match is not None and kind != NAMESPACE_KIND:
                action = match["action"] or "unknown"
                counts[action] = counts.get(action, 0) + 1
    return RestoredItems(counts, {kind: list(entries or ()) for kind, entries in content.items()})


def tail(data: bytes, lines: int = LOG_LINES) -> list[str]:
    """Return the last lines of a log; secrets hidden."""
    return [str(redact(line)) for line in data.decode(errors="replace").splitlines()[-lines:]]
