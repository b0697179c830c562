# SPDX-License-Identifier: GPL-3.0-or-later
"""When an object counts as ready: one pure function per kind, and two that callers can ask for.

The rules for workloads are those of ``kubectl rollout status``. Each needs ``status.observedGeneration`` to have caught
up, because until then the status is about the previous declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.objects import group_of, lookup

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """Whether an object is ready.

    Args:
        ready: nothing is left to wait for.
        reason: why not, for the error message.
        failed: it will not become ready without a change.
    """

    ready: bool
    reason: str = ""
    failed: bool = False


READY = Verdict(ready=True)
Predicate = Callable[[Object], Verdict]


def waiting(reason: str) -> Verdict:
    return Verdict(ready=False, reason=reason)


def failed(reason: str) -> Verdict:
    return Verdict(ready=False, reason=reason, failed=True)


def is_observed(obj: Object) -> bool:
    """Whether the status is about the present declaration; kinds that do not report it always are."""
    observed = lookup(obj, "status", "observedGeneration")
    if isinstance(observed, str):
        # A Rollout of Argo has the number as text. Before its version 0.10 it had a hash there, which tells nothing.
        observed = int(observed) if observed.isdecimal() else None
    return observed is None or observed >= lookup(obj, "metadata", "generation")


def find_condition(obj: Object, kind: str) -> Mapping[str, Any] | None:
    for condition in lookup(obj, "status", "conditions") or ():
        if condition.get("type", "").lower() == kind.lower():
            found: Mapping[str, Any] = condition
            return found
    return None


def describe_conditions(obj: Object) -> str:
    """Return the conditions of an object in one line, for messages."""
    texts = []
    for condition in lookup(obj, "status", "conditions") or ():
        details = " ".join(filter(None, (condition.get("reason"), condition.get("message"))))
        texts.append(f"{condition.get('type')}={condition.get('status')}" + (f" ({details})" if details else ""))
    return ", ".join(texts)


def for_kind(api_version: str, kind: str) -> Predicate:
    """Return the rule of a kind; kinds without one are ready when they exist."""
    return _BY_KIND.get((group_of(api_version), kind), lambda _: READY)


def for_condition(kind: str, status: str = "True", reason: str | None = None) -> Predicate:
    """Return a rule that a condition has a status, and a reason when one is given."""

    def check(obj: Object) -> Verdict:
        condition = find_condition(obj, kind)
        if condition is None:
            return waiting(f"has no condition {kind} yet")
        generation = condition.get("observedGeneration")
        if not is_observed(obj) or (generation is not None and generation < lookup(obj, "metadata", "generation")):
            return waiting("the controller has not seen the last change yet")
        if condition.get("status") != status or (reason is not None and condition.get("reason") != reason):
            return waiting(describe_conditions({"status": {"conditions": [condition]}}))
        return READY

    return check


def for_value(path: str, value: str) -> Predicate:
    """Return a rule that a path such as ``status.phase`` or ``status.conditions.0.type`` has a value.

    Numbers and booleans are compared as YAML writes them.
    """
    steps = path.removeprefix(".").removeprefix("{.").removesuffix("}").split(".")

    def check(obj: Object) -> Verdict:
        found: Any = obj
        for step in steps:
            if isinstance(found, list) and step.isdigit() and int(step) < len(found):
                found = found[int(step)]
            else:
                found = lookup(found, step)
        text = str(found).lower() if isinstance(found, bool) else str(found)
        if steps[0] == "status" and not is_observed(obj):
            return waiting("the controller has not seen the last change yet")
        return READY if found is not None and text == value else waiting(f"{path} is {text}, not {value}")

    return check


def parse(text: str) -> Predicate:
    """Read the ``wait_for`` grammar: ``condition=Type``, ``condition=Type:Status`` or ``path=value``.

    Raises:
        KubeError: it is neither.
    """
    left, separator, right = text.partition("=")
    left, right = left.strip(), right.strip()
    if not separator or not left or not right:
        raise KubeError(
            f"wait_for: must be condition=Type, condition=Type:Status or path=value, got {text!r}",
            code=ErrorCode.INVALID_INPUT,
        )
    if left == "condition":
        kind, _, status = right.partition(":")
        return for_condition(kind, status or "True")
    return for_value(left, right)


def _deployment(obj: Object) -> Verdict:
    if not is_observed(obj) or lookup(obj, "status") in (None, {}):
        return waiting("the controller has not seen the last change yet")
    progressing = find_condition(obj, "Progressing")
    if progressing and progressing.get("reason") == "ProgressDeadlineExceeded":
        return failed(str(progressing.get("message", "the progress deadline is exceeded")))
    wanted = _number(obj, 1, "spec", "replicas")
    updated, total = _number(obj, 0, "status", "updatedReplicas"), _number(obj, 0, "status", "replicas")
    available = _number(obj, 0, "status", "availableReplicas")
    if updated < wanted:
        return waiting(f"{updated} of {wanted} replicas are updated")
    if total > updated:
        return waiting(f"{total - updated} old replicas are still there")
    if available < wanted:
        return waiting(f"{available} of {wanted} replicas are available")
    return READY


def _daemon_set(obj: Object) -> Verdict:
    if lookup(obj, "status", "observedGeneration") is None or not is_observed(obj):
        return waiting("the controller has not seen the last change yet")
    wanted = _number(obj, 0, "status", "desiredNumberScheduled")
    updated = _number(obj, 0, "status", "updatedNumberScheduled")
    available = _number(obj, 0, "status", "numberAvailable")
    if updated < wanted and lookup(obj, "spec", "updateStrategy", "type") != "OnDelete":
        return waiting(f"{updated} of {wanted} pods are updated")
    return READY if available >= wanted else waiting(f"{available} of {wanted} pods are available")


def _stateful_set(obj: Object) -> Verdict:
    if lookup(obj, "status", "observedGeneration") is None or not is_observed(obj):
        return waiting("the controller has not seen the last change yet")
    wanted = _number(obj, 1, "spec", "replicas")
    ready = _number(obj, 0, "status", "readyReplicas")
    if ready < wanted:
        return waiting(f"{ready} of {wanted} replicas are ready")
    if lookup(obj, "spec", "updateStrategy", "type") == "OnDelete":
        return READY
    updated = _number(obj, 0, "status", "updatedReplicas")
    expected = wanted - _number(obj, 0, "spec", "updateStrategy", "rollingUpdate", "partition")
    if updated < expected:
        return waiting(f"{updated} of {expected} replicas are updated")
    return READY


def _job(obj: Object) -> Verdict:
    for kind in ("Failed", "FailureTarget"):
        condition = find_condition(obj, kind)
        if condition and condition.get("status") == "True":
            return failed(f"{condition.get('reason', kind)}: {condition.get('message', '')}".rstrip(": "))
    complete = find_condition(obj, "Complete")
    if complete and complete.get("status") == "True":
        return READY
    if lookup(obj, "spec", "suspend"):
        return failed("is suspended")
    active, succeeded = _number(obj, 0, "status", "active"), _number(obj, 0, "status", "succeeded")
    return waiting(f"{active} pods are active, {succeeded} have succeeded")


def _pod(obj: Object) -> Verdict:
    phase = lookup(obj, "status", "phase")
    if phase == "Succeeded":
        return READY
    if phase == "Failed":
        return failed(str(lookup(obj, "status", "message") or lookup(obj, "status", "reason") or "has failed"))
    return for_condition("Ready")(obj)


def _definition(obj: Object) -> Verdict:
    names = find_condition(obj, "NamesAccepted")
    if names and names.get("status") == "False":
        return failed(f"names are not accepted: {names.get('message', '')}")
    return for_condition("Established")(obj)


def _namespace(obj: Object) -> Verdict:
    phase = lookup(obj, "status", "phase")
    return READY if phase == "Active" else waiting(f"phase is {phase}")


def _claim(obj: Object) -> Verdict:
    phase = lookup(obj, "status", "phase")
    if phase == "Lost":
        return failed("its volume is lost")
    return READY if phase == "Bound" else waiting(f"phase is {phase}")


def _webhooks(obj: Object) -> Verdict:
    """Ready when every webhook has a CA: controllers that make their own certificates fill it in after their start."""
    for webhook in obj.get("webhooks") or ():
        config = webhook.get("clientConfig", {})
        if "service" in config and not config.get("caBundle"):
            return waiting(f"webhook {webhook.get('name')} has no caBundle yet")
    return READY


def _constraint_template(obj: Object) -> Verdict:
    """Gatekeeper sets ``status.created`` when the kind that the template declares can be used."""
    for pod in lookup(obj, "status", "byPod") or ():
        for error in pod.get("errors") or ():
            return failed(f"{error.get('code')}: {error.get('message')}")
    return READY if lookup(obj, "status", "created") is True else waiting("its kind was not created yet")


def _number(obj: Object, default: int, *path: str) -> int:
    value = lookup(obj, *path)
    return default if value is None else int(value)


_BY_KIND: dict[tuple[str, str], Predicate] = {
    ("", "Namespace"): _namespace,
    ("", "Node"): for_condition("Ready"),
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _webhooks,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _webhooks,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apiregistration.k8s.io", "APIService"): for_condition("Available"),
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): _job,
    ("templates.gatekeeper.sh", "ConstraintTemplate"): _constraint_template,
}
