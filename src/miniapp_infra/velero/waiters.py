# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for the end of a backup or a restore by watching it, and gives up early when nothing moves any more.

Velero has ways to stop without saying so: a server that does not run, and item operations that never end (velero issues
6913, 8367, 9973). So the whole status counts as a sign of life, and beside it the progress of the volumes, because a
backup's own status stands still while one large volume is copied.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.errors import KubeError, WaitTimeoutError
from miniapp_infra.kube.objects import lookup
from miniapp_infra.kube.predicates import READY, Verdict, failed, waiting
from miniapp_infra.velero.models import BACKUP_LABEL, DELETING, QUEUED, RESTORE_LABEL, Run
from miniapp_infra.velero.transformations import label_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from miniapp_infra.kube.custom import CustomObjects
    from miniapp_infra.kube.objects import ObjectRef

SLICE = 30.0
"""Seconds after which a watch is begun anew, to see that the object is still there."""
SHORTEST = 0.05
"""Seconds of a watch at least, so that each sees one state."""
VOLUMES = {
    "Backup": (BACKUP_LABEL, (("velero.io/v1", "PodVolumeBackup"), ("velero.io/v2alpha1", "DataUpload"))),
    "Restore": (RESTORE_LABEL, (("velero.io/v1", "PodVolumeRestore"), ("velero.io/v2alpha1", "DataDownload"))),
}


@dataclass(frozen=True)
class Patience:
    """How long to wait.

    Args:
        timeout: seconds in all.
        stall_timeout: seconds without any progress; 0 for no limit. Waiting in the queue behind others is no stall.
        clock: replaced in tests.
    """

    timeout: float
    stall_timeout: float = 0.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)


@dataclass
class Movement:
    """Remembers the last state, and when it last changed."""

    last: Run
    clock: Callable[[], float]
    volumes: str | None = None
    _since: float = 0.0

    def __post_init__(self) -> None:
        self._since = self.clock()

    def see(self, run: Run) -> None:
        """Take in a state."""
        if run.raw.get("status") != self.last.raw.get("status"):
            self.moved()
        self.last = run

    def moved(self) -> None:
        """Begin to count anew."""
        self._since = self.clock()

    @property
    def quiet(self) -> float:
        """Seconds without a change."""
        return self.clock() - self._since


def judge(run: Run) -> Verdict:
    """Tell whether a run is over. Whether it went well is not asked here: what Velero says about it is read first."""
    if run.phase == DELETING:
        return failed("it is being deleted")
    return READY if run.is_over else waiting(run.describe())


def wait_until_over(objects: CustomObjects, first: Run, patience: Patience) -> Run:
    """Wait for the end of a backup or a restore.

    Args:
        objects: of the server.
        first: its state as far as it is known.
        patience: how long.

    Returns:
        The last state, in a phase that is final.

    Raises:
        MiniappInfraError: ``TIMEOUT`` with the last phase and progress, after ``timeout`` or when nothing has moved for
            ``stall_timeout``; ``NOT_FOUND``, when the object was deleted.
    """
    ref, movement = first.ref, Movement(first, patience.clock)
    deadline = patience.clock() + patience.timeout

    def look(obj: Any) -> Verdict:
        movement.see(Run.from_api(obj))
        return judge(movement.last)

    while True:
        limits = [deadline - patience.clock(), SLICE]
        if patience.stall_timeout and movement.last.phase != QUEUED:
            limits.append(patience.stall_timeout - movement.quiet)
        try:
            objects.wait(ref, look, max(SHORTEST, min(limits)))
        except WaitTimeoutError:
            # Asked directly, because a short watch may have ended before it saw anything.
            now = objects.get(ref)
            if now is None or not look(now).ready:
                _give_up(objects, movement, patience, deadline, exists=now is not None)
                continue
        return movement.last


def _give_up(objects: CustomObjects, movement: Movement, patience: Patience, deadline: float, *, exists: bool) -> None:
    """Raise unless there is a reason to wait on."""
    ref, state = movement.last.ref, movement.last.describe()
    if not exists:
        raise MiniappInfraError(
            f"Failed to wait for {ref}: it was deleted meanwhile; its last state was {state}",
            code=ErrorCode.NOT_FOUND,
        )
    if patience.clock() >= deadline:
        raise MiniappInfraError(
            f"Timed out after {patience.timeout:g} s waiting for the end of {ref}: {state}",
            code=ErrorCode.TIMEOUT,
            retryable=True,
            hint="It goes on by itself; running it again continues to wait.",
        )
    if not patience.stall_timeout or movement.last.phase == QUEUED or movement.quiet < patience.stall_timeout:
        return
    before, movement.volumes = movement.volumes, volume_progress(objects, ref)
    if movement.volumes and movement.volumes != before:
        movement.moved()
        return
    raise MiniappInfraError(
        f"Failed to wait for {ref}: nothing has moved for {patience.stall_timeout:g} s: {state}",
        code=ErrorCode.TIMEOUT,
        retryable=True,
        hint="Does the Velero server run, and what does its log say? Running it again continues to wait.",
    )


def volume_progress(objects: CustomObjects, ref: ObjectRef) -> str:
    """Return how far the volumes of a run are, in a form that can be compared; empty when it has none that are read."""
    label, kinds = VOLUMES[ref.kind]
    found: dict[str, Any] = {}
    for api_version, kind in kinds:
        try:
            items = objects.list(api_version, kind, ref.namespace, f"{label}={label_value(ref.name)}")
        except KubeError:
            continue  # the kind is not installed, or may not be read
        for item in items:
            found[f"{kind}/{item['metadata']['name']}"] = [
                lookup(item, "status", "phase"),
                lookup(item, "status", "progress"),
            ]
    return json.dumps(found, sort_keys=True) if found else ""
