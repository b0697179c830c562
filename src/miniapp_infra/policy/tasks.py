# SPDX-License-Identifier: GPL-3.0-or-later
"""What the policy modules do: options in, result out. The options are described in the modules themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.custom import CustomObjects
from miniapp_infra.kube.models import report
from miniapp_infra.kube.objects import ObjectRef, flatten
from miniapp_infra.kube.tasks.results import shown
from miniapp_infra.policy import admission, audit, gatekeeper, gator
from miniapp_infra.policy.images import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miniapp_infra.kube.models import Outcome

Params = dict[str, Any]
Result = dict[str, Any]


def cluster_image_policy(params: Params, *, check_mode: bool, diff_mode: bool) -> Result:
    """Have a ClusterImagePolicy, or have none of this name.

    Raises:
        MiniappInfraError: ``invalid_input`` before anything is asked; or what the server refuses.
    """
    if params["state"] == "absent":
        objects = CustomObjects.of(params, check_mode=check_mode)
        gone = objects.absent(ObjectRef(API_VERSION, admission.KIND, "", params["name"]))
        return {**_treated([gone], with_diff=diff_mode), "policy": {}}
    images = params["images"] or ()
    declared = admission.manifest(
        params["name"],
        images=images,
        authorities=params["authorities"] or (),
        mode=params["mode"],
        match=params["match"] or (),
        policy=params["policy"],
        labels=_texts(params["labels"]),
        allow_docker_hub=params["allow_docker_hub"],
    )
    outcome = CustomObjects.of(params, check_mode=check_mode).present(declared)
    result = _treated([outcome], with_diff=diff_mode)
    result["warnings"] = [*admission.advice(images), *result.get("warnings", ())]
    return {**result, "policy": shown(outcome.after or declared)}


def gatekeeper_constraint(params: Params, *, check_mode: bool, diff_mode: bool) -> Result:
    """Have a constraint with its template, or have neither.

    Raises:
        MiniappInfraError: ``invalid_input`` before anything is asked; or what the server refuses or never finishes.
    """
    pair = gatekeeper.guardrail(params["constraint"], params["constraint_template"], params["enforcement_action"])
    objects = CustomObjects.of(params, check_mode=check_mode)
    if params["state"] == "absent":
        removal = gatekeeper.ensure_absent(objects, pair, wait=params["wait"], timeout=params["wait_timeout"])
        return {
            **_treated(removal.outcomes, with_diff=diff_mode),
            "constraint": {},
            "template_kept_for": list(removal.kept_for),
        }
    outcomes = gatekeeper.ensure_present(objects, pair, wait=params["wait"], timeout=params["wait_timeout"])
    declared = outcomes[-1].after or pair.constraint
    return {
        **_treated(outcomes, with_diff=diff_mode),
        "constraint": {key: value for key, value in shown(declared).items() if key != "status"},
        "template_kept_for": [],
    }


def gatekeeper_audit_info(params: Params, *, check_mode: bool, diff_mode: bool) -> Result:
    """Return what the audit found, and fail where that is more than allowed.

    Raises:
        TooManyViolationsError: there are more violations than ``max_violations``, or the audit is stale.
        MiniappInfraError: there is no such constraint, or none was audited in time.
    """
    del check_mode, diff_mode  # nothing is changed either way
    for name in ("max_violations", "max_age"):
        if params[name] is not None and params[name] < 0:
            raise MiniappInfraError(f"{name}: must not be negative", code=ErrorCode.INVALID_INPUT)
    objects = CustomObjects.of(params)
    found = audit.constraints(objects, params["kind"], params["name"])
    if params["wait"] and found:
        found = audit.wait_until_audited(objects, found, max_age=params["max_age"], timeout=params["wait_timeout"])
    now = datetime.now(UTC)
    audited = [audit.Audited.of(item, max_age=params["max_age"], now=now) for item in found]
    if params["max_violations"] is not None:
        audit.require_at_most(params["max_violations"], audited)
    return {"changed": False, **audit.summary(audited)}


def gator_test(params: Params, *, check_mode: bool, diff_mode: bool) -> Result:
    """Return which manifests break which policies.

    Raises:
        DeniedError: something is denied, and ``fail_on_denied`` is set.
        MiniappInfraError: an input cannot be read, or gator cannot evaluate it.
    """
    del check_mode, diff_mode  # nothing is changed either way
    policies = gator.policies_of(_objects(params, "policies", "policy_files"))
    manifests = _objects(params, "manifests", "manifest_files")
    if not manifests:
        raise MiniappInfraError("manifests: there is no object to test", code=ErrorCode.INVALID_INPUT)
    violations = gator.Gator(params["gator_binary"], timeout=params["timeout"]).test(policies, manifests)
    denied = [violation for violation in violations if violation.denies]
    listed = denied if params["deny_only"] else violations
    answer = {"violations": [violation.as_dict() for violation in listed], "denied": len(denied)}
    if denied and params["fail_on_denied"]:
        first = denied[0]
        subject = "/".join(filter(None, (first.subject["namespace"], first.subject["name"])))
        raise gator.DeniedError(
            f"Failed to pass the policies: {len(denied)} violations are denied, first of {first.subject['kind']} "
            f"{subject} by {first.constraint['kind']} {first.constraint['name']}: {first.message}",
            answer,
        )
    return {"changed": False, **answer}


def _objects(params: Params, given: str, files: str) -> list[dict[str, Any]]:
    objects = flatten((f"{given}[{position}]", item) for position, item in enumerate(params[given] or ()))
    return [*objects, *gator.read_objects(files, params[files] or (), policies_only=files == "policy_files")]


def _treated(outcomes: Sequence[Outcome], *, with_diff: bool) -> Result:
    result = report(outcomes, with_diff=with_diff)
    return {key: value for key, value in result.items() if key != "counts"}


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: str(value) for name, value in (values or {}).items()}
