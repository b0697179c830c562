# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until every object of a set is ready, or gone: one watch per kind for the whole set."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.errors import WaitFailedError, WaitTimeoutError
from miniapp_infra.kube.pods import failing_reason
from miniapp_infra.kube.predicates import READY, Predicate, Verdict, describe_conditions, for_kind, waiting
from miniapp_infra.kube.watching import Broken, Collection, Event, Snapshot, Watcher, event_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Resource
    from miniapp_infra.kube.live import Target
    from miniapp_infra.kube.objects import KubeObject, ObjectRef

SHOWN = 10
"""Objects that a message describes."""


@dataclass(frozen=True)
class WaitOptions:
    """How long to wait, and for what.

    Args:
        timeout: seconds in all.
        predicate: None: the rule of each kind.
        absent: wait until the objects are gone instead.
        grace: seconds that a repeated failure of a pod, such as ``ImagePullBackOff``, is watched before it counts.
        diagnose_every: seconds between two looks at the pods of what is not ready.
        clock: replaced in tests.
    """

    timeout: float = 120.0
    predicate: Predicate | None = None
    absent: bool = False
    grace: float = 20.0
    diagnose_every: float = 5.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)


def wait(client: Client, targets: Sequence[Target], options: WaitOptions) -> dict[ObjectRef, KubeObject]:
    """Wait for a set.

    Returns:
        The last state of each object; empty when waiting for their absence.

    Raises:
        WaitTimeoutError: names what is not ready, with its last conditions.
        WaitFailedError: an object can no longer become ready; names the reason.
        KubeError: the server does not answer, or does not allow watching.
    """
    if not targets:
        return {}
    progress = Progress(targets, options)
    deadline = options.clock() + options.timeout
    events: queue.Queue[Event] = queue.Queue()
    watchers = [Watcher(client, collection, events) for collection in _collections(targets)]
    diagnosis = _Diagnosis(client, options)
    for watcher in watchers:
        watcher.start()
    try:
        while not progress.is_done:
            now = options.clock()
            if now >= deadline:
                raise progress.timed_out()
            try:
                event = events.get(timeout=max(0.01, min(deadline, diagnosis.next_look) - now))
            except queue.Empty:
                pass
            else:
                if isinstance(event, Broken):
                    raise event.error
                progress.take(event)
            diagnosis.look(progress)
    finally:
        for watcher in watchers:
            watcher.stop()
    return progress.objects


class Progress:
    """What is known about the objects of a set. Pure: takes events, answers questions."""

    def __init__(self, targets: Sequence[Target], options: WaitOptions) -> None:
        self._options = options
        self._refs = {(target.resource, target.ref.namespace, target.ref.name): target.ref for target in targets}
        self.objects: dict[ObjectRef, KubeObject] = {}
        self.verdicts: dict[ObjectRef, Verdict] = dict.fromkeys(self._refs.values(), waiting("was not seen yet"))

    @property
    def is_done(self) -> bool:
        return all(verdict.ready for verdict in self.verdicts.values())

    @property
    def pending(self) -> dict[ObjectRef, Verdict]:
        return {ref: verdict for ref, verdict in self.verdicts.items() if not verdict.ready}

    def take(self, event: Event) -> None:
        """Take an event in.

        Raises:
            WaitFailedError: an object can no longer become ready.
        """
        if isinstance(event, Snapshot):
            states = {event_key(obj): obj for obj in event.objects}
            for (resource, namespace, name), ref in self._refs.items():
                if resource == event.resource and event.namespace in {"", namespace}:
                    self._judge(ref, states.get((namespace, name)))
        elif not isinstance(event, Broken):
            ref_or_none = self._refs.get((event.resource, *event_key(event.obj)))
            if ref_or_none is not None:
                self._judge(ref_or_none, event.obj if event.exists else None)

    def timed_out(self) -> WaitTimeoutError:
        pending = self.pending
        lines = [self._line(ref, verdict) for ref, verdict in sorted(pending.items())[:SHOWN]]
        if len(pending) > SHOWN:
            lines.append(f"and {len(pending) - SHOWN} more")
        goal = "gone" if self._options.absent else "ready"
        return WaitTimeoutError(
            f"Timed out after {self._options.timeout:g} s waiting until {len(self.verdicts)} objects are {goal}: "
            + "; ".join(lines),
            retryable=True,
        )

    def _judge(self, ref: ObjectRef, obj: KubeObject | None) -> None:
        if obj is None:
            self.objects.pop(ref, None)
            self.verdicts[ref] = READY if self._options.absent else waiting("does not exist")
            return
        self.objects[ref] = obj
        if self._options.absent:
            finalizers = obj["metadata"].get("finalizers")
            self.verdicts[ref] = waiting(f"still has finalizers {finalizers}" if finalizers else "still exists")
            return
        verdict = (self._options.predicate or for_kind(ref.api_version, ref.kind))(obj)
        self.verdicts[ref] = verdict
        if verdict.failed:
            raise failure(ref, verdict.reason)

    def _line(self, ref: ObjectRef, verdict: Verdict) -> str:
        conditions = describe_conditions(self.objects.get(ref, {}))
        return f"{ref} {verdict.reason}" + (f" [{conditions}]" if conditions else "")


class _Diagnosis:
    """Looks at the pods of what is not ready, and fails when the same failure has lasted for the grace period."""

    def __init__(self, client: Client, options: WaitOptions) -> None:
        self._client = client
        self._options = options
        self._since: dict[ObjectRef, float] = {}
        self.next_look = options.clock() + options.diagnose_every

    def look(self, progress: Progress) -> None:
        now = self._options.clock()
        if now < self.next_look:
            return
        self.next_look = now + self._options.diagnose_every
        if self._options.absent or self._options.predicate is not None:
            return
        for ref in progress.pending:
            obj = progress.objects.get(ref)
            if obj is None:
                continue
            try:
                reason = failing_reason(self._client, ref, obj)
            except MiniappInfraError as error:
                # Without the right to read pods the wait itself can still go on; the time limit ends it.
                if not error.retryable and error.code is not ErrorCode.FORBIDDEN:
                    raise
                reason = ""
            if not reason:
                self._since.pop(ref, None)
            elif now - self._since.setdefault(ref, now) >= self._options.grace:
                raise failure(ref, reason)


def failure(ref: ObjectRef, reason: str) -> WaitFailedError:
    return WaitFailedError(f"Failed to wait for {ref}: it cannot become ready: {reason}")


def _collections(targets: Sequence[Target]) -> list[Collection]:
    """Return one collection per kind: the namespace when it is only one, else all namespaces."""
    namespaces: dict[Resource, set[str]] = {}
    for target in targets:
        namespaces.setdefault(target.resource, set()).add(target.ref.namespace)
    names: Mapping[Resource, set[str]] = namespaces
    return [_collection(resource, found, targets) for resource, found in names.items()]


def _collection(resource: Resource, namespaces: set[str], targets: Sequence[Target]) -> Collection:
    selectors: dict[str, Any] = {}
    mine = [target.ref for target in targets if target.resource == resource]
    if len(mine) == 1:
        # Works for every kind, and makes the rights needed as narrow as the question.
        selectors["fieldSelector"] = f"metadata.name={mine[0].name}"
    return Collection(resource, namespaces.pop() if len(namespaces) == 1 else "", selectors)
