# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits until an application is where it should be, and gives up early when it never will be.

Facts behind the rules (Argo CD 3.5):
- ``sync`` and ``health`` are about ``status.sync.comparedTo``, which lags behind the specification.
- phase Running with a finish time is a retry that is pending, not an end.
- a synchronisation that a sync window blocks stays Running for ever.
- ComparisonError also appears while the repo-server restarts, so an error has to stay for a while to count.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from miniapp_infra.argocd.models import Application, Operation


HEALTH = ("Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown")
"""All that Argo CD knows."""


@dataclass(frozen=True)
class Expectation:
    """What a wait is for.

    Args:
        description: completes "waiting for application NAME to ...".
        asks: whether the specification is the wanted one; until then errors belong to what was before.
        matches: whether the compared state is the wanted one as well.
        accept_health: health states that count as well; ``Suspended`` for a paused rollout.
        require_synced: whether live objects must equal the desired ones.
        run: id of an operation of ours that must have ended well.
        revisions: of an operation of ours that must have ended well, where it cannot carry an id.
        settled: whether no operation may be left to wait for.
    """

    description: str = "be synced and healthy"
    asks: Callable[[Application], bool] = lambda _: True
    matches: Callable[[Application], bool] = lambda _: True
    accept_health: tuple[str, ...] = ("Healthy",)
    require_synced: bool = True
    run: str = ""
    revisions: tuple[str, ...] = ()
    settled: bool = True

    def is_ours(self, operation: Operation | None) -> bool:
        """Whether this is the operation that is waited for."""
        if operation is None:
            return False
        if self.run:
            return operation.run == self.run
        return bool(self.revisions) and operation.requested == self.revisions

    def is_met_by(self, application: Application) -> bool:
        operation = application.operation
        is_awaited = bool(self.run or self.revisions)
        return (
            self.asks(application)
            and application.is_current
            and self.matches(application)
            and (
                not is_awaited or (self.is_ours(operation) and operation is not None and operation.phase == "Succeeded")
            )
            and (not self.settled or (not application.is_running and application.compared_after_operation))
            and (application.sync_status == "Synced" or not self.require_synced)
            and application.health in self.accept_health
        )


@dataclass(frozen=True)
class WaitResult:
    """How a wait ended: the application, seconds and number of looks."""

    application: Application
    elapsed: float
    polls: int


@dataclass
class _Grace:
    """Remembers since when a symptom has been there without a break."""

    seconds: float
    clock: Callable[[], float]
    _since: dict[str, float] = field(default_factory=dict)

    def expired(self, symptom: str, *, present: bool) -> bool:
        if not present:
            self._since.pop(symptom, None)
            return False
        return self.clock() - self._since.setdefault(symptom, self.clock()) >= self.seconds


def wait_for_application(
    read: Callable[[], Application | None],
    name: str,
    expectation: Expectation,
    *,
    timeout: float = 300,
    interval: float = 2,
    grace: float = 60,
    problem: Callable[[], str] = lambda: "",
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> WaitResult:
    """Return when an application meets an expectation.

    Args:
        read: returns the application as it is now, None when there is none yet.
        name: of the application, for messages.
        expectation: what to wait for.
        timeout: seconds after which to give up.
        interval: seconds between two looks.
        grace: seconds that an error condition or Degraded must stay to count; longer than Argo CD needs to look again.
        problem: says why the application is not made or updated, empty when nothing is known.
        clock: seconds, monotonic.
        sleep: waits for seconds.

    Raises:
        MiniappInfraError: ``TIMEOUT`` with what was seen last; ``FROZEN`` when a sync window blocks the operation;
            ``UPSTREAM`` when Argo CD reports an error that will not go away by waiting.
    """
    start = clock()
    patience = _Grace(grace, clock)
    polls = 0
    while True:
        polls += 1
        application = read()
        if application is not None and expectation.is_met_by(application):
            return WaitResult(application, clock() - start, polls)
        outside = problem() if application is None or not expectation.asks(application) else ""
        if patience.expired("problem", present=bool(outside)):
            raise MiniappInfraError(
                f"Failed to deploy application {name}: {outside}", hint="Fix the cause, then run it again."
            )
        if application is not None:
            _raise_if_hopeless(application, expectation, patience)
        if clock() - start >= timeout:
            raise MiniappInfraError(
                f"Timed out after {timeout:g}s waiting for application {name} to {expectation.description}: "
                f"{outside or describe(application)}",
                code=ErrorCode.TIMEOUT,
                retryable=True,
                hint=f"Look at the events and the pods of {name}; running it again continues to wait.",
            )
        sleep(interval)


def describe(application: Application | None) -> str:
    """Return in one line what Argo CD says about an application."""
    if application is None:
        return "the application does not exist"
    parts = [f"sync {application.sync_status}", f"health {application.health}"]
    if application.health_message:
        parts.append(application.health_message)
    if not application.is_current:
        parts.append("not compared with the present specification yet")
    operation = application.operation
    if operation is not None and operation.phase != "Succeeded":
        # Argo CD repeats the messages of the objects in its own.
        failed = [f"{item.kind} {item.name}: {item.message}" for item in operation.failed_resources if item.message]
        parts.append(f"operation {operation.phase}: {'; '.join(failed) or operation.message}")
    parts += [f"{condition.type}: {condition.message}" for condition in application.errors]
    return "; ".join(parts)


def _raise_if_hopeless(application: Application, expectation: Expectation, patience: _Grace) -> None:
    operation = application.operation
    asked = expectation.asks(application)
    if expectation.settled and operation is not None and operation.is_blocked_by_window:
        raise MiniappInfraError(
            f"Failed to synchronise application {application.name}: {operation.message}",
            code=ErrorCode.FROZEN,
            hint="A sync window of the AppProject blocks it; wait for its end.",
        )
    failed = operation is not None and operation.phase in {"Failed", "Error"} and not application.operation_requested
    if failed and expectation.is_ours(operation):
        raise _error(application)
    symptoms = {
        "operation": expectation.settled
        and operation is not None
        and operation.sources == application.sources
        and (failed or operation.is_refused),
        "errors": bool(application.errors),
        "degraded": application.is_current
        and application.health == "Degraded"
        and "Degraded" not in expectation.accept_health,
    }
    for symptom, present in symptoms.items():
        if patience.expired(symptom, present=asked and present):
            raise _error(application)


def _error(application: Application) -> MiniappInfraError:
    return MiniappInfraError(
        f"Failed to synchronise application {application.name}: {describe(application)}",
        hint="Nothing else is changed; fix the cause or roll the service back.",
    )
