# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules ``k8s_apply``, ``k8s_info`` and ``k8s_wait`` do: parameters in, result out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube import manifests, render
from miniapp_infra.kube.apply import apply
from miniapp_infra.kube.client import Client
from miniapp_infra.kube.connection import ConnectionOptions
from miniapp_infra.kube.delete import delete, targets_of
from miniapp_infra.kube.discovery import Discovery, Resource
from miniapp_infra.kube.errors import KubeError, SeveralError, WaitTimeoutError
from miniapp_infra.kube.live import Target, read_one, typed
from miniapp_infra.kube.models import Action, ApplyOptions, Outcome, report
from miniapp_infra.kube.normalise import redact
from miniapp_infra.kube.objects import KubeObject, ObjectRef, flatten, ref_of
from miniapp_infra.kube.predicates import Predicate, for_condition, for_kind, parse
from miniapp_infra.kube.wait import WaitOptions, wait

Params = Mapping[str, Any]
APPEAR_POLL = 1.0
"""Seconds between two looks for a kind or an object that is waited for and does not exist yet."""


def run_apply(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Apply or delete a set of objects.

    Raises:
        KubeError: nothing was changed, or the set was treated in part; ``result()`` of the error tells how far.
    """
    started = time.monotonic()
    objects = _declared(params)
    predicate = _predicate(params)
    client, discovery = _connected(params)
    options = ApplyOptions(
        namespace=params.get("namespace") or "default",
        field_manager=params["field_manager"],
        force_conflicts=params["force_conflicts"],
        check=check_mode,
        missing_kind_timeout=params["missing_kind_timeout"],
        propagation_policy=params["propagation_policy"],
    )
    absent = params["state"] == "absent"
    outcomes = (delete if absent else apply)(client, discovery, objects, options)
    result = report(outcomes, with_diff=diff_mode)
    if params["wait"] and not check_mode:
        targets = _targets(discovery, outcomes)
        try:
            wait(client, targets, WaitOptions(timeout=params["wait_timeout"], predicate=predicate, absent=absent))
        except MiniappInfraError as error:
            raise SeveralError([error], result) from error
    return {**result, "duration": _since(started)}


def run_info(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Read objects. Nothing that matches, or a kind that does not exist, is an empty list.

    Raises:
        KubeError: the server does not answer, or does not allow it.
    """
    del check_mode, diff_mode  # reading changes nothing
    started = time.monotonic()
    client, discovery = _connected(params)
    resource = discovery.find(params["api_version"], params["kind"])
    found = [] if resource is None else _read(client, resource, params)
    resources = [redact(_without_managed_fields(obj)) for obj in found]
    return {
        "changed": False,
        "api_found": resource is not None,
        "resources": resources,
        "duration": _since(started),
    }


def run_wait(params: Params, *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Wait for objects that others make.

    In check mode nothing is waited for, because what would make them ready was not done: the result tells how they are.

    Raises:
        WaitTimeoutError: they are not ready in time, or never appeared.
        WaitFailedError: one of them cannot become ready.
        KubeError: the server does not answer, or does not allow it.
    """
    del diff_mode  # waiting changes nothing
    started = time.monotonic()
    predicate = _predicate(params)
    absent = params["state"] == "absent"
    client, discovery = _connected(params)
    deadline = started + params["wait_timeout"]
    targets, states, missing = _matching(client, discovery, params)
    if not check_mode:
        while missing and not absent:
            _pause(params, deadline, missing)
            discovery.refresh()
            targets, states, missing = _matching(client, discovery, params)
        left = max(0.0, deadline - time.monotonic())
        states = wait(client, targets, WaitOptions(timeout=left, predicate=predicate, absent=absent))
    rules = {ref: predicate or for_kind(ref.api_version, ref.kind) for ref in states}
    is_ready = not states if absent else not missing and all(rules[ref](obj).ready for ref, obj in states.items())
    return {
        "changed": False,
        "ready": is_ready,
        "resources": [
            redact(_without_managed_fields(obj)) for _, obj in sorted(states.items(), key=lambda item: item[0])
        ],
        "duration": _since(started),
    }


def _connected(params: Params) -> tuple[Client, Discovery]:
    client = Client.connect(ConnectionOptions.from_params(params))
    return client, Discovery(client)


def _declared(params: Params) -> list[KubeObject]:
    if params.get("definition") is not None:
        definition = params["definition"]
        texts = isinstance(definition, list) and any(isinstance(item, str) for item in definition)
        if isinstance(definition, str):
            return manifests.parse(definition, "definition")
        if texts:
            return [obj for item in definition for obj in _declared({"definition": item})]
        return flatten([("definition", definition)])
    if params.get("src"):
        return manifests.read(params["src"])
    if params.get("kustomize"):
        return render.kustomize(params["kustomize"], params["kubectl_path"])
    chart = params["helm_template"]
    template = render.HelmTemplate(
        chart=chart["chart"],
        release_name=chart["release_name"],
        namespace=chart.get("namespace") or params.get("namespace") or "default",
        repository=chart.get("repository"),
        version=chart.get("version"),
        values_files=tuple(chart.get("values_files") or ()),
        values=chart.get("values") or {},
        include_crds=chart.get("include_crds", True),
        ca_file=chart.get("ca_file"),
        kube_version=chart.get("kube_version"),
        api_versions=tuple(chart.get("api_versions") or ()),
    )
    return render.helm_template(template, params["helm_path"])


def _predicate(params: Params) -> Predicate | None:
    if params.get("wait_for"):
        return parse(params["wait_for"])
    condition = params.get("wait_condition")
    if condition:
        if not condition.get("type"):
            raise KubeError("wait_condition: type: must be given", code=ErrorCode.INVALID_INPUT)
        return for_condition(condition["type"], condition.get("status") or "True", condition.get("reason"))
    return None


def _targets(discovery: Discovery, outcomes: Sequence[Outcome]) -> list[Target]:
    existing = [item for item in outcomes if item.after is not None or item.action is Action.DELETED]
    return targets_of(discovery, [_stub(item.ref) for item in existing])


def _stub(ref: ObjectRef) -> KubeObject:
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}


def _matching(
    client: Client, discovery: Discovery, params: Params
) -> tuple[list[Target], dict[ObjectRef, KubeObject], list[str]]:
    """Return what of the question exists, and descriptions of what does not."""
    targets: list[Target] = []
    states: dict[ObjectRef, KubeObject] = {}
    missing: list[str] = []
    for question in params.get("objects") or [params]:
        resource = discovery.find(question["api_version"], question["kind"])
        found = [] if resource is None else _read(client, resource, question)
        if resource is None or not found:
            place = "/".join(filter(None, (question.get("namespace"), question.get("name"))))
            missing.append(f"{question['kind']} {place}".rstrip())
            continue
        states.update({ref_of(obj): obj for obj in found})
        targets += [Target(ref_of(obj), resource) for obj in found]
    return targets, states, missing


def _pause(params: Params, deadline: float, missing: Sequence[str]) -> None:
    """Wait a moment for something to appear.

    Raises:
        WaitTimeoutError: the time is over.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise WaitTimeoutError(
            f"Timed out after {params['wait_timeout']:g} s: does not exist: {', '.join(missing)}", retryable=True
        )
    time.sleep(min(APPEAR_POLL, left))


def _read(client: Client, resource: Resource, params: Params) -> list[KubeObject]:
    namespace = params.get("namespace") or ""
    if params.get("name"):
        place = (namespace or "default") if resource.namespaced else ""
        ref = ObjectRef(resource.api_version, resource.kind, place, params["name"])
        obj = read_one(client, resource, ref)
        return [] if obj is None else [obj]
    query = {}
    for option, parameter in (("label_selectors", "labelSelector"), ("field_selectors", "fieldSelector")):
        if params.get(option):
            query[parameter] = ",".join(params[option])
    pages = client.pages(resource.collection(namespace), action=f"list {resource.plural}", query=query)
    return [obj for page in pages for obj in typed(page, resource)]


def _without_managed_fields(obj: KubeObject) -> KubeObject:
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "managedFields"}}


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
