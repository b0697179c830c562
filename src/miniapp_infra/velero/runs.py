# SPDX-License-Identifier: GPL-3.0-or-later
"""What backups and restores have in common: they are started once, followed to their end, and judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.diff import render
from miniapp_infra.velero import downloads
from miniapp_infra.velero.errors import RunError, invalid
from miniapp_infra.velero.models import API_VERSION, KEY_LABEL, Run, StorageLocation, ref
from miniapp_infra.velero.transformations import check_name, differences, digest, name_for
from miniapp_infra.velero.waiters import Patience, wait_until_over

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.kube.custom import CustomObjects
    from miniapp_infra.kube.objects import KubeObject

Result = dict[str, Any]
DEFAULT_LOCATION = "default"
"""Name of the location that the Velero server uses when no location says that it is the default."""


@dataclass(frozen=True)
class Server:
    """One Velero.

    Args:
        objects: of the cluster that it runs in.
        namespace: its own; all its objects are there.
    """

    objects: CustomObjects
    namespace: str

    def find(self, kind: str, name: str) -> KubeObject | None:
        """Return an object by name, None when there is none."""
        return self.objects.get(ref(kind, self.namespace, name))

    def runs(self, kind: str, labels: str = "") -> list[Run]:
        """Return backups or restores."""
        return [Run.from_api(item) for item in self.objects.list(API_VERSION, kind, self.namespace, labels)]

    def location(self, name: str) -> StorageLocation | None:
        """Return a storage location; without a name the default one. None when there is none."""
        if name:
            raw = self.find("BackupStorageLocation", name)
            return None if raw is None else StorageLocation.from_api(raw)
        found = [
            StorageLocation.from_api(item)
            for item in self.objects.list(API_VERSION, "BackupStorageLocation", self.namespace)
        ]
        default = [item for item in found if item.is_default] or [
            item for item in found if item.name == DEFAULT_LOCATION
        ]
        return default[0] if default else None


@dataclass(frozen=True)
class Options:
    """How a run is followed and judged.

    Args:
        wait: whether to follow it to its end.
        patience: how long.
        accept_partial: whether single errors are accepted.
        fetch_log: ``always``, ``never`` or ``on_failure``.
    """

    wait: bool
    patience: Patience
    accept_partial: bool
    fetch_log: str

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Options:
        """Return the options of a module."""
        return cls(
            wait=params["wait"],
            patience=Patience(params["wait_timeout"], params["stall_timeout"]),
            accept_partial=params["accept_partial"],
            fetch_log=params["fetch_log"],
        )


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Args:
        kind: ``Backup`` or ``Restore``.
        name: of the object.
        key: the idempotency key; empty for none.
        hash: of the options.
        spec: the fields that are asked for.
    """

    kind: str
    name: str
    key: str
    hash: str
    spec: Mapping[str, Any]

    @property
    def noun(self) -> str:
        return self.kind.lower()


def requested(
    kind: str, params: Mapping[str, Any], spec: Mapping[str, Any], also: Mapping[str, Any], base: str
) -> Request:
    """Return what the options of a module ask for.

    Args:
        kind: ``Backup`` or ``Restore``.
        params: of the module, of which at least one of ``name`` and ``idempotency_key`` is given.
        spec: the fields that are asked for.
        also: what else makes a difference, such as the schedule that a backup is taken from.
        base: beginning of the name where only a key is given. The name follows from the key, so that the API server
            refuses a second one even when two runs come at the same moment.

    Raises:
        MiniappInfraError: invalid_input.
    """
    key = params.get("idempotency_key") or ""
    name = params.get("name") or (name_for(base, key) if key else "")
    if not name:
        raise invalid("name: one of name and idempotency_key must be given")
    check_name(name)
    return Request(kind, name, key, digest([dict(spec), dict(also)]), spec)


def located(server: Server, request: Request) -> Run | None:
    """Return what stands under the name or the key of a request, None when nothing does.

    Raises:
        MiniappInfraError: conflict, when what has this name was started with another key.
    """
    raw = server.find(request.kind, request.name)
    found = None if raw is None else Run.from_api(raw)
    if not request.key:
        return found
    marked = server.runs(request.kind, f"{KEY_LABEL}={digest(request.key)}")
    if found is None:
        return marked[0] if marked else None
    if found.name not in {item.name for item in marked}:
        raise MiniappInfraError(
            f"Failed to start {found.ref}: there is one of this name, started without this idempotency_key",
            code=ErrorCode.CONFLICT,
            hint="Take another name: those of backups and restores are not used twice.",
        )
    return found


def find(server: Server, request: Request) -> Run | None:
    """Return what an earlier run has started for the same request, None when nothing was.

    Raises:
        MiniappInfraError: conflict, when the name or the key stands for something else.
    """
    found = located(server, request)
    if found is not None and (different := differences(request.spec, request.hash, found)):
        raise MiniappInfraError(
            f"Failed to start {found.ref}: it exists and was started with other options: {', '.join(different)}",
            code=ErrorCode.CONFLICT,
            hint=f"A {request.noun} is never changed. Take another name or key, or delete it first (state: absent).",
        )
    return found


def start(server: Server, request: Request, manifest: KubeObject) -> tuple[Run, bool]:
    """Start what is asked for, unless another run was faster by a moment.

    Returns:
        The run, and whether it was this call that started it.

    Raises:
        MiniappInfraError: the API server refuses it.
    """
    try:
        return Run.from_api(server.objects.create(manifest)), True
    except MiniappInfraError as error:
        found = find(server, request) if error.code is ErrorCode.CONFLICT else None
        if found is None:
            raise
        return found, False


def follow(server: Server, run: Run, options: Options, progress: Result) -> tuple[Run, Result]:
    """Wait for the end of a run.

    Returns:
        The run at its end, and what modules report of the wait.

    Raises:
        RunError: it did not end in time, or stopped moving; carries the progress.
    """
    if run.is_over:
        return run, {"elapsed": 0.0, "last": run.describe()}
    began = options.patience.clock()
    try:
        ended = wait_until_over(server.objects, run, options.patience)
    except MiniappInfraError as error:
        raise RunError(error.message, progress, code=error.code, retryable=error.retryable, hint=error.hint) from error
    return ended, {"elapsed": round(options.patience.clock() - began, 3), "last": ended.describe()}


def results(server: Server, run: Run, location: StorageLocation | None, warnings: list[str]) -> Result | None:
    """Return what Velero says about a run in detail; None, with a warning, when it cannot be read."""
    if run.phase == "FailedValidation":
        return None  # it was never begun, so there is nothing in the bucket
    data = download(server, run, f"{run.kind}Results", location, warnings)
    return None if data is None else downloads.results_of(data)


def download(
    server: Server, run: Run, kind: str, location: StorageLocation | None, warnings: list[str]
) -> bytes | None:
    """Return a file of a run; None, with a warning, when it cannot be read: that says nothing about the run itself."""
    try:
        return downloads.read(server.objects, server.namespace, kind, run.name, location)
    except MiniappInfraError as error:
        warnings.append(f"{kind} of {run.name} could not be read, and the result is without it: {error.message}")
        return None


def log_tail(
    server: Server, run: Run, location: StorageLocation | None, options: Options, warnings: list[str], *, failed: bool
) -> list[str]:
    """Return the end of the log of a run, where that is asked for."""
    wanted = options.fetch_log == "always" or (options.fetch_log == "on_failure" and failed)
    if not wanted or run.phase == "FailedValidation":
        return []
    data = download(server, run, f"{run.kind}Log", location, warnings)
    return [] if data is None else downloads.tail(data)


def made_diff(manifest: KubeObject) -> dict[str, str]:
    """Return the difference that starting makes."""
    metadata = manifest["metadata"]
    return render(ref(manifest["kind"], metadata["namespace"], metadata["name"]), None, manifest)


def gone_diff(run: Run) -> dict[str, str]:
    """Return the difference that deleting makes."""
    return render(run.ref, run.raw, None)
