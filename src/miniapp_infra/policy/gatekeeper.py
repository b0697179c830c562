# SPDX-License-Identifier: GPL-3.0-or-later
"""A guardrail of Gatekeeper: the template that defines a kind, and the constraint of that kind, as one thing.

The order is Gatekeeper's: it makes the kind of a constraint from the template, so that the constraint can be declared
only after that; and with the template go all constraints of the kind.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.discovery import from_definitions
from miniapp_infra.kube.models import Action, Outcome
from miniapp_infra.kube.objects import KubeObject, ObjectRef, lookup, ref_of
from miniapp_infra.kube.predicates import READY, Verdict, failed, for_kind, waiting
from miniapp_infra.kube.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from miniapp_infra.kube.custom import CustomObjects

TEMPLATES = "templates.gatekeeper.sh/v1"
TEMPLATE = "ConstraintTemplate"
CONSTRAINTS = "constraints.gatekeeper.sh/v1beta1"
_DEFINITIONS = "apiextensions.k8s.io/v1"
_DEFINITION = "CustomResourceDefinition"
_SERVED_SOON = 30.0
"""Seconds. A kind that is established may take a moment until every handler of the API server knows it."""


@dataclass(frozen=True)
class Guardrail:
    """A template and a constraint of its kind.

    Args:
        constraint: the constraint.
        template: the template; may be left out to remove the pair.
    """

    constraint: KubeObject
    template: KubeObject | None = None

    @property
    def kind(self) -> str:
        return str(self.constraint["kind"])

    @property
    def template_ref(self) -> ObjectRef:
        """Gatekeeper demands that a template is named like its kind, in lower case."""
        return ObjectRef(TEMPLATES, TEMPLATE, "", self.kind.lower())

    @property
    def definition_ref(self) -> ObjectRef:
        group = CONSTRAINTS.partition("/")[0]
        return ObjectRef(_DEFINITIONS, _DEFINITION, "", f"{self.kind.lower()}.{group}")


@dataclass(frozen=True)
class Removal:
    """What removing a guardrail did, or would do.

    Args:
        outcomes: of the constraint, and of the template when it goes as well.
        kept_for: constraints of the same kind, for which the template stays.
    """

    outcomes: tuple[Outcome, ...]
    kept_for: tuple[str, ...] = ()


@dataclass
class Deadline:
    """One time limit for several waits.

    Args:
        timeout: seconds in all.
        clock: replaced in tests.
    """

    timeout: float
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    def __post_init__(self) -> None:
        self._end = self.clock() + self.timeout

    @property
    def left(self) -> float:
        """Seconds; something is left always, so that the wait itself can say what it waited for."""
        return max(0.1, self._end - self.clock())


def guardrail(
    constraint: Mapping[str, Any], template: Mapping[str, Any] | None = None, enforcement_action: str | None = None
) -> Guardrail:
    """Return a guardrail whose parts belong together.

    Args:
        constraint: with kind and name; its API version may be left out.
        template: the ConstraintTemplate.
        enforcement_action: in place of what the constraint says.

    Raises:
        MiniappInfraError: ``invalid_input``, with the option at fault.
    """
    kind, name = constraint.get("kind"), lookup(constraint, "metadata", "name")
    if not isinstance(kind, str) or not kind:
        raise _invalid("constraint: kind: must be given")
    if not isinstance(name, str) or not name:
        raise _invalid("constraint: metadata.name: must be given")
    version = constraint.get("apiVersion", CONSTRAINTS)
    if version != CONSTRAINTS:
        raise _invalid(f"constraint: apiVersion: must be {CONSTRAINTS}, got {version}")
    spec = constraint.get("spec") or {}
    if enforcement_action:
        spec = {**spec, "enforcementAction": enforcement_action}
    declared = {**constraint, "apiVersion": CONSTRAINTS, "spec": spec}
    if template is None:
        return Guardrail(declared)
    if template.get("kind") != TEMPLATE or not str(template.get("apiVersion", "")).startswith(
        "templates.gatekeeper.sh/"
    ):
        raise _invalid(f"constraint_template: must be a {TEMPLATE} of {TEMPLATES}")
    defined = lookup(template, "spec", "crd", "spec", "names", "kind")
    if defined != kind:
        raise _invalid(f"constraint: kind: must be {defined}, as the template defines it, got {kind}")
    if lookup(template, "metadata", "name") != kind.lower():
        raise _invalid(f"constraint_template: metadata.name: must be {kind.lower()}, the kind in lower case")
    return Guardrail(declared, {**template, "apiVersion": TEMPLATES})


def is_compiled(template: Mapping[str, Any]) -> Verdict:
    """Judge a template: taken in by every pod of Gatekeeper, with its kind made. A mistake in it ends the wait."""
    generation = lookup(template, "metadata", "generation") or 0
    pods = lookup(template, "status", "byPod") or ()
    seen = [pod for pod in pods if pod.get("observedGeneration", generation) >= generation]
    for pod in seen:
        for error in pod.get("errors") or ():
            return failed(f"the template does not compile: {_sentence(error)}")
    if len(seen) < len(pods):
        return waiting(f"{len(pods) - len(seen)} pods of Gatekeeper have not seen the last change of the template")
    return READY if lookup(template, "status", "created") is True else waiting("Gatekeeper has not made its kind yet")


def is_enforced(constraint: Mapping[str, Any]) -> Verdict:
    """Judge a constraint: every pod of Gatekeeper enforces its last change."""
    generation = lookup(constraint, "metadata", "generation") or 0
    pods = lookup(constraint, "status", "byPod") or ()
    seen = [pod for pod in pods if pod.get("observedGeneration", generation) >= generation]
    for pod in seen:
        # A pod that enforces has notices among its errors, such as that it needs no ValidatingAdmissionPolicy.
        for error in () if pod.get("enforced") is True else pod.get("errors") or ():
            return failed(f"Gatekeeper does not take the constraint: {_sentence(error)}")
    if not pods:
        return waiting("no pod of Gatekeeper has seen the constraint yet")
    enforcing = sum(pod.get("enforced") is True for pod in seen)
    return READY if enforcing == len(pods) else waiting(f"{enforcing} of {len(pods)} pods of Gatekeeper enforce it")


def ensure_present(objects: CustomObjects, pair: Guardrail, *, wait: bool, timeout: float) -> list[Outcome]:
    """Have a guardrail: the template, then its kind, then the constraint.

    Args:
        objects: of the cluster.
        pair: with its template.
        wait: whether to wait until the constraint is enforced as well.
        timeout: seconds in all.

    Raises:
        WaitTimeoutError: names the step and what was seen last.
        WaitFailedError: the template does not compile, or the constraint is not taken.
        KubeError: the server refuses one of them.
    """
    if pair.template is None:
        raise _invalid("constraint_template: must be given")
    deadline = Deadline(timeout)
    template = objects.present(pair.template)
    if objects.options.check:
        return [template, _simulated(objects, pair)]
    objects.wait(template.ref, is_compiled, deadline.left, template)
    if template.changed or objects.discovery.find(CONSTRAINTS, pair.kind) is None:
        rule = for_kind(_DEFINITIONS, _DEFINITION)
        definition = objects.wait(pair.definition_ref, rule, deadline.left)
        objects.discovery.add(from_definitions([definition] if definition else []))
    constraint = _declared(objects, pair, deadline)
    if wait:
        objects.wait(constraint.ref, is_enforced, deadline.left, constraint)
    return [template, constraint]


def ensure_absent(objects: CustomObjects, pair: Guardrail, *, wait: bool, timeout: float) -> Removal:
    """Remove a guardrail: the constraint, then the template unless another constraint needs it.

    Args:
        objects: of the cluster.
        pair: names the constraint; its kind names the template.
        wait: whether to wait until both are gone, and the kind with them.
        timeout: seconds in all.

    Raises:
        WaitTimeoutError: something stays, mostly because of a finalizer.
        KubeError: the server refuses it.
    """
    deadline = Deadline(timeout)
    constraint = objects.absent(ref_of(pair.constraint))
    really = wait and not objects.options.check
    if really and constraint.changed:
        objects.wait(constraint.ref, None, deadline.left)
    others = _others(objects, pair)
    if others:
        return Removal((constraint,), others)
    template = objects.absent(pair.template_ref)
    if really and template.changed:
        objects.wait(template.ref, None, deadline.left)
        # Its kind goes a little later; a guardrail of the same kind could not be declared before.
        objects.wait(pair.definition_ref, None, deadline.left)
    if template.changed and not objects.options.check:
        objects.discovery.refresh()
    return Removal((constraint, template))


def _declared(objects: CustomObjects, pair: Guardrail, deadline: Deadline) -> Outcome:
    def declare() -> Outcome:
        try:
            return objects.present(pair.constraint)
        except MiniappInfraError as error:
            if error.code is ErrorCode.NOT_FOUND:
                error.retryable = True
            raise

    patience = RetryPolicy(timeout=min(_SERVED_SOON, deadline.left), base=0.5, sleep=objects.client.retry.sleep)
    return patience.call(declare)


def _simulated(objects: CustomObjects, pair: Guardrail) -> Outcome:
    """Return what declaring the constraint would do; before its kind exists nobody can check more of it."""
    if objects.discovery.find(CONSTRAINTS, pair.kind) is None:
        return Outcome(ref_of(pair.constraint), Action.CREATED, None, pair.constraint, simulated=True)
    return objects.present(pair.constraint)


def _others(objects: CustomObjects, pair: Guardrail) -> tuple[str, ...]:
    if objects.discovery.find(CONSTRAINTS, pair.kind) is None:
        return ()
    try:
        names = [item["metadata"]["name"] for item in objects.list(CONSTRAINTS, pair.kind)]
    except MiniappInfraError as error:
        if error.code is not ErrorCode.NOT_FOUND:  # the remembered list of kinds is older than the removal of this one
            raise
        return ()
    return tuple(name for name in names if name != pair.constraint["metadata"]["name"])


def _sentence(error: Mapping[str, Any]) -> str:
    return ": ".join(str(error[key]) for key in ("code", "message") if error.get(key)) or "no reason given"


def _invalid(problem: str) -> MiniappInfraError:
    return MiniappInfraError(problem, code=ErrorCode.INVALID_INPUT)
