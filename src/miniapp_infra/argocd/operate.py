# SPDX-License-Identifier: GPL-3.0-or-later
"""Synchronise applications and roll them back: decide, start once, follow to the end."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miniapp_infra.argocd.client import APPLICATION
from miniapp_infra.argocd.connect import open_door
from miniapp_infra.argocd.models import Application
from miniapp_infra.argocd.transformations import as_result
from miniapp_infra.argocd.waiters import HEALTH, Expectation, describe, wait_for_application
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from miniapp_infra.argocd.door import Door, SyncRequest
    from miniapp_infra.argocd.waiters import WaitResult

_FIXED = re.compile(r"[0-9a-f]{40}|sha256:[0-9a-f]{64}|v?\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?")


def is_fixed(revision: str) -> bool:
    """Whether a revision is always the same content: a commit, a digest or a version, and no branch or range."""
    return _FIXED.fullmatch(revision) is not None


@dataclass(frozen=True)
class Operator:
    """Starts operations of one application and follows them.

    Args:
        door: to Argo CD.
        name: of the application.
        params: the options that synchronisation and rollback share.
        check: change nothing.
        clock: seconds, monotonic; replaced in tests.
        sleep: waits for seconds; replaced in tests.
    """

    door: Door
    name: str
    params: Mapping[str, Any]
    check: bool
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, params: Mapping[str, Any], *, check: bool) -> Operator:
        """Return the operator of the application that the options of a module name."""
        return cls(open_door(params, check=check, project=params["project"] or ""), params["name"], params, check)

    def read(self) -> Application | None:
        raw = self.door.find(APPLICATION, self.name)
        return None if raw is None else Application.from_api(raw)

    def required(self) -> Application:
        """Return the application.

        Raises:
            MiniappInfraError: ``NOT_FOUND``, also when it is in another project than the given one.
        """
        found = self.read()
        project = self.params["project"]
        where = f"{self.door.namespace}/{self.name}"
        if found is None:
            raise MiniappInfraError(
                f"Failed to find application {where}: there is none of this name"
                + (f" in project {project}" if project else ""),
                code=ErrorCode.NOT_FOUND,
            )
        if project and found.project != project:
            raise MiniappInfraError(
                f"Failed to find application {where}: it is in project {found.project}, not in {project}",
                code=ErrorCode.NOT_FOUND,
            )
        if found.is_deleting:
            raise MiniappInfraError(
                f"Failed to synchronise application {where}: it is being deleted", code=ErrorCode.CONFLICT
            )
        return found

    def wait(self, expectation: Expectation) -> WaitResult:
        return wait_for_application(
            self.read,
            self.name,
            expectation,
            timeout=self.params["wait_timeout"],
            interval=self.params["wait_interval"],
            clock=self.clock,
            sleep=self.sleep,
        )

    def refreshed(self, application: Application, how: str) -> Application:
        """Compare with the newest sources and return the application as it is then."""
        if how == "none" or self.check:
            return application
        self.door.refresh(application, hard=how == "hard")
        return self.wait(
            Expectation("be compared", accept_health=HEALTH, require_synced=False, settled=False)
        ).application

    def idle(self, application: Application) -> Application:
        """Treat an operation that runs as ``on_running`` says, and return the application as it is then.

        Raises:
            MiniappInfraError: ``CONFLICT`` with ``fail``; ``FROZEN`` when the operation waits for a sync window.
        """
        if not application.is_running:
            return application
        how = self.params["on_running"]
        if how == "fail":
            raise MiniappInfraError(
                f"Failed to synchronise application {self.name}: another operation is in progress: "
                f"{_phase(application)}",
                code=ErrorCode.CONFLICT,
                retryable=True,
                hint="Wait for its end, or set on_running to wait or terminate.",
            )
        if self.check:
            return application
        if how == "terminate":
            self.door.terminate(application)
        return self.wait(_ENDED).application

    def refuse_frozen(self, application: Application) -> None:
        """Report a sync window that is in the way, before anything is started.

        Raises:
            MiniappInfraError: ``FROZEN``.
        """
        if not self.params["respect_sync_windows"]:
            return
        verdict = self.door.windows(application)
        if not verdict.can_sync:
            raise MiniappInfraError(
                f"Failed to synchronise application {self.name}: blocked by sync window of AppProject "
                f"{application.project}: {verdict.describe()}",
                code=ErrorCode.FROZEN,
                hint="Nothing was started. Run it again when the window allows it.",
            )

    def start(self, application: Application, begin: Callable[[Application], None]) -> None:
        """Start an operation; one that came in between, such as an automatic one, is treated as ``on_running`` says."""
        attempts = 3
        for attempt in range(1, attempts + 1):
            try:
                return begin(application)
            except MiniappInfraError as error:
                if error.code is not ErrorCode.CONFLICT or attempt == attempts:
                    raise
            application = self.idle(self.required())
        return None

    def follow(self, expectation: Expectation, request: SyncRequest | None) -> WaitResult:
        """Wait for the end of an operation; terminate one of ours that is not to go on by itself.

        Raises:
            MiniappInfraError: as ``wait_for_application``.
        """
        try:
            return self.wait(expectation)
        except MiniappInfraError as error:
            is_over = error.code is ErrorCode.TIMEOUT and self.params["terminate_on_timeout"]
            if request is not None and (error.code is ErrorCode.FROZEN or is_over):
                present = self.read()
                mine = present is not None and present.is_running and expectation.is_ours(present.operation)
                if present is not None and mine:
                    # Else it would begin some day, when the window opens and nobody expects it any more.
                    self.door.terminate(present)
                    error.message += "; the operation was terminated"
                    error.args = (error.message,)
            raise


_ENDED = Expectation("end the operation that runs", accept_health=HEALTH, require_synced=False)


def reported(waited: WaitResult) -> dict[str, Any]:
    """Return the results of a wait."""
    return {
        "application": as_result(waited.application),
        "wait": {"elapsed": round(waited.elapsed, 3), "polls": waited.polls, "last": describe(waited.application)},
    }


def _phase(application: Application) -> str:
    operation = application.operation
    if operation is None:
        return "it has not begun yet"
    pending = " (waits to be tried again)" if operation.finished_at and not operation.is_final else ""
    return f"phase {operation.phase}{pending}: {operation.message}"
