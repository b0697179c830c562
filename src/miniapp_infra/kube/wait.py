# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until every object of a set is ready, or gone: one watch per kind for the whole set.

What an apply has just seen needs not be read again: the watches begin at its resource versions, and a set that was
ready costs no request.
"""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.errors import WaitFailedError, WaitTimeoutError
from miniapp_infra.kube.objects import lookup
from miniapp_infra.kube.pods import failing_reason
from miniapp_infra.kube.predicates import READY, Predicate, Verdict, describe_conditions, for_kind, waiting
from miniapp_infra.kube.watching import Broken, Changed, Collection, Event, Snapshot, Watcher, event_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Resource
    from miniapp_infra.kube.live import Target
    from miniapp_infra.kube.models import Outcome
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


def wait(
    client: Client, targets: Sequence[Target], options: WaitOptions, known: Iterable[Outcome] = ()
) -> dict[ObjectRef, KubeObject]:
    """Wait for a set.

    Args:
        client: of the server.
        targets: the set.
        options: how long, and for what.
        known: what an apply of a moment ago did with objects of the set.

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
    seen = {outcome.ref: outcome for outcome in known if outcome.version}
    for outcome in seen.values():
        progress.know(outcome)
    deadline = options.clock() + options.timeout
    diagnosis = _Diagnosis(client, options)
    watchers = _Watchers(client, [target for target in targets if target.ref in progress.pending], seen)
    try:
        while not progress.is_done:
            now = options.clock()
            if now >= deadline:
                raise progress.timed_out()
            event = watchers.next_event(max(0.01, min(deadline, diagnosis.next_look) - now))
            if event is not None:
                progress.take(event)
            diagnosis.look(progress)
    finally:
        watchers.stop()
    return progress.objects


class _Watchers:
    """One watcher per collection, and one per namespace where the others must not be seen."""

    def __init__(self, client: Client, targets: Sequence[Target], seen: Mapping[ObjectRef, Outcome]) -> None:
        self._client = client
        self._targets = targets
        self._seen = seen
        self._events: queue.Queue[Event] = queue.Queue()
        self._threads: list[Watcher] = []
        self._start(_collections(targets, seen))

    def next_event(self, seconds: float) -> Snapshot | Changed | None:
        """Return what happened next, None when nothing did for so long.

        Raises:
            KubeError: a collection cannot be read.
        """
        try:
            event = self._events.get(timeout=seconds)
        except queue.Empty:
            return None
        if not isinstance(event, Broken):
            return event
        if not _is_refused_everywhere(event):
            raise event.error
        mine = [target for target in self._targets if target.resource == event.collection.resource]
        self._start(_per_namespace(mine, self._seen))
        return None

    def stop(self) -> None:
        for thread in self._threads:
            thread.stop()

    def _start(self, collections: Iterable[Collection]) -> None:
        for collection in collections:
            thread = Watcher(self._client, collection, self._events)
            self._threads.append(thread)
            thread.start()


class Progress:
    """What is known about the objects of a set. Pure: takes events, answers questions."""

    def __init__(self, targets: Sequence[Target], options: WaitOptions) -> None:
        self._options = options
        self._refs = {(target.resource, target.ref.namespace, target.ref.name): target.ref for target in targets}
        self.objects: dict[ObjectRef, KubeObject] = {}
        self.verdicts: dict[ObjectRef, Verdict] = dict.fromkeys(self._refs.values(), waiting("was not seen yet"))

    def know(self, outcome: Outcome) -> None:
        """Take in what an apply has seen.

        Raises:
            WaitFailedError: an object can no longer become ready.
        """
        if outcome.ref in self.verdicts:
            self._judge(outcome.ref, outcome.after)

    @property
    def is_done(self) -> bool:
        return all(verdict.ready for verdict in self.verdicts.values())

    @property
    def pending(self) -> dict[ObjectRef, Verdict]:
        return {ref: verdict for ref, verdict in self.verdicts.items() if not verdict.ready}

    def take(self, event: Snapshot | Changed) -> None:
        """Take an event in.

        Raises:
            WaitFailedError: an object can no longer become ready.
        """
        if isinstance(event, Snapshot):
            states = {event_key(obj): obj for obj in event.objects}
            for (resource, namespace, name), ref in self._refs.items():
                if resource == event.resource and event.namespace in {"", namespace}:
                    self._judge(ref, states.get((namespace, name)))
            return
        known = self._refs.get((event.resource, *event_key(event.obj)))
        if known is not None and not self._is_outdated(known, event.obj):
            self._judge(known, event.obj if event.exists else None)

    def _is_outdated(self, ref: ObjectRef, obj: KubeObject) -> bool:
        """Tell whether an event is older than what is known, because the watch begins at the oldest state of a set."""
        known, new = (_number_of(state) for state in (self.objects.get(ref), obj))
        return known is not None and new is not None and new < known

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


def _collections(targets: Sequence[Target], seen: Mapping[ObjectRef, Outcome]) -> list[Collection]:
    """Return one collection per kind: the namespace when it is only one, else all namespaces."""
    kinds: dict[Resource, list[Target]] = {}
    for target in targets:
        kinds.setdefault(target.resource, []).append(target)
    return [_collection(members, seen) for members in kinds.values()]


def _per_namespace(targets: Sequence[Target], seen: Mapping[ObjectRef, Outcome]) -> list[Collection]:
    """Return one collection per namespace, for those who must not see the others."""
    namespaces: dict[str, list[Target]] = {}
    for target in targets:
        namespaces.setdefault(target.ref.namespace, []).append(target)
    return [_collection(members, seen) for members in namespaces.values()]


def _collection(targets: Sequence[Target], seen: Mapping[ObjectRef, Outcome]) -> Collection:
    selectors: dict[str, Any] = {}
    if len(targets) == 1:
        # Works for every kind, and makes the rights needed as narrow as the question.
        selectors["fieldSelector"] = f"metadata.name={targets[0].ref.name}"
    namespaces = {target.ref.namespace for target in targets}
    namespace = namespaces.pop() if len(namespaces) == 1 else ""
    return Collection(targets[0].resource, namespace, selectors, _oldest(targets, seen))


def _oldest(targets: Sequence[Target], seen: Mapping[ObjectRef, Outcome]) -> str:
    """Return the version from which on a watch tells everything new about a set; empty when not all of it is known."""
    versions = [seen[target.ref].version if target.ref in seen else "" for target in targets]
    # Versions are opaque by contract until Kubernetes 1.35, which declares them to be numbers that can be compared.
    return min(versions, key=int) if all(version.isdigit() for version in versions) else ""


def _number_of(obj: KubeObject | None) -> int | None:
    version = str(lookup(obj, "metadata", "resourceVersion") or "")
    return int(version) if version.isdigit() else None


def _is_refused_everywhere(event: Broken) -> bool:
    place = event.collection
    return event.error.code is ErrorCode.FORBIDDEN and place.resource.namespaced and not place.namespace
