# SPDX-License-Identifier: GPL-3.0-or-later
"""A Rollout as its controller reports it, reduced to what decisions are made on.

Rules and field names are those of ``GetRolloutPhase`` (argo-rollouts ``utils/rollout/rolloututil.go``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.objects import ObjectRef, lookup
from miniapp_infra.kube.predicates import find_condition, is_observed

if TYPE_CHECKING:
    from collections.abc import Mapping

API_VERSION = "argoproj.io/v1alpha1"
KIND = "Rollout"
HASH_LABEL = "rollouts-pod-template-hash"
"""Label of the pods and of the ReplicaSet of one version, and what the controller adds to the selector of a Service."""

AWAITS_PROMOTION = "BlueGreenPause"
"""Reason of the pause between preview and promotion."""

_WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"
# How the message of phase Degraded begins after an abort.
_ABORTED = "RolloutAborted"
# Reason of the condition Progressing when the ReplicaSet of a new version was refused.
_NOT_CREATED = "ReplicaSetCreateError"
# Admission decided; in other words it could not be asked, which passes.
_REFUSED = re.compile(r"denied the request|is forbidden|is invalid")
_PASSING = re.compile(r"deadline exceeded|timed? ?out|connection re|EOF|no endpoints|i/o", re.IGNORECASE)


class Strategy(StrEnum):
    """How a new version replaces the old one; empty when the Rollout does not say."""

    BLUE_GREEN = "blue_green"
    CANARY = "canary"
    NONE = ""


class Goal(StrEnum):
    """What a Rollout is brought to."""

    PROMOTED = "promoted"
    FULLY_PROMOTED = "fully_promoted"
    ABORTED = "aborted"
    RETRIED = "retried"
    RESTARTED = "restarted"

    @property
    def verb(self) -> str:
        """The word for messages: "Failed to <verb> Rollout ..."."""
        return {
            Goal.PROMOTED: "promote",
            Goal.FULLY_PROMOTED: "fully promote",
            Goal.ABORTED: "abort",
            Goal.RETRIED: "retry",
            Goal.RESTARTED: "restart",
        }[self]


@dataclass(frozen=True)
class Guard:
    """Which version is meant. Empty fields are not compared.

    Args:
        image: of a container of the new version.
        pod_hash: of the pod template of the new version.
    """

    image: str = ""
    pod_hash: str = ""


@dataclass(frozen=True)
class Rollout:
    """One Rollout.

    Args:
        ref: which one.
        version: resource version.
        strategy: how a new version replaces the old one.
        observed: whether the status is about the present declaration.
        phase: Healthy, Progressing, Paused or Degraded; Progressing while the controller has something to notice.
        message: the controller's own explanation.
        pause_reasons: why the controller has paused it.
        paused_by_hand: ``spec.paused``.
        aborted: an abort is asked for, or done.
        promote_full: a full promotion is asked for.
        current_hash: of the pod template that is asked for.
        stable_hash: of the version that was promoted last; empty before the first one.
        active_hash: of the version that the active Service leads to; blue/green only.
        preview_hash: of the version that the preview Service leads to; blue/green only.
        images: of the containers of the pod template; empty where another object has the template.
        replicas: desired, updated, ready and available pods.
        restart_at: RFC 3339 time of the restart that is asked for; empty when there is none.
        restarted_at: RFC 3339 time of the last one that was carried out.
        not_created: why the ReplicaSet of the version that is asked for was refused; empty when it was not.
        raw: the object.
    """

    ref: ObjectRef
    version: str
    strategy: Strategy
    observed: bool
    phase: str
    message: str
    pause_reasons: tuple[str, ...]
    paused_by_hand: bool
    aborted: bool
    promote_full: bool
    current_hash: str
    stable_hash: str
    active_hash: str
    preview_hash: str
    images: tuple[str, ...]
    replicas: Mapping[str, int]
    restart_at: str
    restarted_at: str
    not_created: str
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def is_finished(self) -> bool:
        """Whether the version that is asked for is the only one in service."""
        active = self.strategy is not Strategy.BLUE_GREEN or self.active_hash == self.current_hash
        known = self.observed and bool(self.current_hash) and not self.not_created
        return known and self.current_hash == self.stable_hash and active

    @property
    def is_degraded(self) -> bool:
        """Whether it failed. What an abort left behind does not count once a retry is asked for."""
        return self.phase == "Degraded" and (self.aborted or not self.message.startswith(_ABORTED))

    @property
    def awaits_promotion(self) -> bool:
        """Whether the new version is in preview and only the promotion is missing."""
        return self.observed and self.phase == "Paused" and AWAITS_PROMOTION in self.pause_reasons

    @property
    def is_settled(self) -> bool:
        """Whether the controller has nothing left to do by itself."""
        if not self.observed:
            return False
        if self.aborted:
            old = self.strategy is not Strategy.BLUE_GREEN or self.active_hash == self.stable_hash
            return self.is_degraded and old
        if self.is_degraded:
            return True
        if self.promote_full and not self.is_finished:
            return False
        return self.phase == "Paused" or (self.phase == "Healthy" and self.is_finished)

    @property
    def restart_pending(self) -> bool:
        """Whether a restart is asked for that was not carried out yet."""
        return parse_time(self.restarted_at) < parse_time(self.restart_at)

    def describe(self) -> str:
        """Return phase and message in one line, for messages."""
        return f"{self.phase}: {self.message}" if self.message else self.phase

    @classmethod
    def from_api(cls, raw: Mapping[str, Any]) -> Rollout:
        """Read a Rollout object."""
        metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
        observed = status.get("observedGeneration") is not None and is_observed(raw) and _sees_workload(raw)
        pauses = tuple(str(item.get("reason", "")) for item in status.get("pauseConditions") or ())
        not_created = _not_created(raw)
        phase, message = _phase(status, pauses, not_created, observed=observed)
        blue_green = status.get("blueGreen") or {}
        containers = lookup(spec, "template", "spec", "containers") or ()
        return cls(
            ref=ObjectRef(API_VERSION, KIND, metadata.get("namespace", ""), metadata["name"]),
            version=metadata.get("resourceVersion", ""),
            strategy=_strategy(spec.get("strategy") or {}),
            observed=observed,
            phase=phase,
            message=message,
            pause_reasons=pauses,
            paused_by_hand=bool(spec.get("paused")),
            aborted=bool(status.get("abort")),
            promote_full=bool(status.get("promoteFull")),
            current_hash=status.get("currentPodHash") or "",
            stable_hash=status.get("stableRS") or "",
            active_hash=blue_green.get("activeSelector") or "",
            preview_hash=blue_green.get("previewSelector") or "",
            images=tuple(str(container.get("image", "")) for container in containers),
            replicas={
                "desired": int(spec.get("replicas", 1)),
                "updated": int(status.get("updatedReplicas") or 0),
                "ready": int(status.get("readyReplicas") or 0),
                "available": int(status.get("availableReplicas") or 0),
            },
            restart_at=spec.get("restartAt") or "",
            restarted_at=status.get("restartedAt") or "",
            not_created=not_created,
            raw=raw,
        )


def parse_time(text: str) -> datetime:
    """Return an RFC 3339 time; the beginning of time for an empty text.

    Raises:
        ValueError: it is no such time, or has no time zone.
    """
    moment = datetime.fromisoformat(text or "0001-01-01T00:00:00+00:00")
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def _strategy(spec: Mapping[str, Any]) -> Strategy:
    if spec.get("blueGreen") is not None:
        return Strategy.BLUE_GREEN
    return Strategy.CANARY if spec.get("canary") is not None else Strategy.NONE


def _sees_workload(raw: Mapping[str, Any]) -> bool:
    """Whether the status is about the present template of the object that ``spec.workloadRef`` names."""
    wanted = lookup(raw, "metadata", "annotations", _WORKLOAD_GENERATION)
    seen = lookup(raw, "status", "workloadObservedGeneration")
    return wanted is None or seen is None or str(wanted) == str(seen)


def _not_created(raw: Mapping[str, Any]) -> str:
    condition = find_condition(raw, "Progressing") or {}
    failed = condition.get("status") == "False" and condition.get("reason") == _NOT_CREATED
    return str(condition.get("message") or _NOT_CREATED) if failed else ""


def _phase(status: Mapping[str, Any], pauses: tuple[str, ...], not_created: str, *, observed: bool) -> tuple[str, str]:
    if not observed:
        return "Progressing", "the controller has not seen the last change yet"
    if status.get("controllerPause") and not pauses:
        # Clearing the pause conditions does not change the generation; this is how it can be noticed.
        return "Progressing", "the controller has not noticed the end of the pause yet"
    if not_created:
        # The controller then reports the version before as if it were the one that is asked for, and Healthy as a rule.
        refused = _REFUSED.search(not_created) and not _PASSING.search(not_created)
        return "Degraded" if refused else "Progressing", f"{_NOT_CREATED}: {not_created}"
    return str(status.get("phase") or "Progressing"), str(status.get("message") or "")
