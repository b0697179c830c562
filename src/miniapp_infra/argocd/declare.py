# SPDX-License-Identifier: GPL-3.0-or-later
"""Have applications, application sets, projects and repositories as declared, or not at all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from miniapp_infra.argocd import manifests, repositories
from miniapp_infra.argocd.api import SET_REFRESH_ANNOTATION
from miniapp_infra.argocd.client import API_VERSION, APP_PROJECT, APPLICATION, APPLICATION_SET
from miniapp_infra.argocd.connect import open_door
from miniapp_infra.argocd.models import Application
from miniapp_infra.argocd.transformations import as_result
from miniapp_infra.argocd.waiters import HEALTH, Expectation, describe, wait_for_application
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.diff import render
from miniapp_infra.kube.objects import ObjectRef
from miniapp_infra.waiting import Goal, Patience, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from miniapp_infra.argocd.door import Declared, Door, Raw

Result = dict[str, Any]
LASTING = 30.0
"""Seconds that an error of an ApplicationSet has to stay to count: longer than its controller takes to look again."""


class _Lasting:
    """Returns a text once it has been the same for a while, and nothing before.

    Args:
        seconds: how long.
        clock: replaced in tests.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._text = ""
        self._since = 0.0

    def __call__(self, text: str) -> str:
        if text != self._text:
            self._text, self._since = text, self._clock()
        return text if text and self._clock() - self._since >= self._seconds else ""


def application(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Have an Application as declared, or none; wait until Argo CD has compared it, or it is gone."""
    door = open_door(params, check=check_mode)
    if params["state"] == "present":
        manifests.application(params)  # bad input is found before anything is asked
    live = door.find(APPLICATION, params["name"])
    if live is not None:
        _refuse_owned(Application.from_api(live))
    if params["state"] == "absent":
        return _absent(door, params, APPLICATION, live, check_mode=check_mode, diff_mode=diff_mode)
    declared = door.declare(manifests.application(params, live))
    result = _result(declared, diff_mode=diff_mode)
    after = Application.from_api(declared.after)
    if params["wait"] and not check_mode:
        compared = Expectation(
            "be compared with its sources",
            asks=lambda item: bool(item.reconciled_at) or bool(item.errors),
            matches=lambda item: not item.errors,
            accept_health=HEALTH,
            require_synced=False,
            settled=False,
        )
        waited = wait_for_application(
            lambda: _read(door, params["name"]),
            params["name"],
            compared,
            timeout=params["wait_timeout"],
            interval=params["wait_interval"],
            grace=min(60.0, params["wait_timeout"] / 2),
        )
        after = waited.application
        result["wait"] = {"elapsed": round(waited.elapsed, 3), "polls": waited.polls, "last": describe(after)}
    return {**result, "application": as_result(after)}


def application_set(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Have an ApplicationSet as declared, or none; wait until it has made its applications, or is gone."""
    door = open_door(params, check=check_mode)
    name = params["name"]
    manifest = manifests.application_set(params) if params["state"] == "present" else None
    if manifest is None:
        live = door.find(APPLICATION_SET, name)
        return _absent(door, params, APPLICATION_SET, live, check_mode=check_mode, diff_mode=diff_mode)
    declared = door.declare(manifest)
    result, after = _result(declared, diff_mode=diff_mode), declared.after
    if params["wait"] and not check_mode:
        if declared.changed:
            door.refresh_set(name)
        lasting = _Lasting(min(LASTING, params["wait_timeout"] / 2))
        waited = wait_for(
            lambda: door.find(APPLICATION_SET, name) or {},
            Goal(
                f"ApplicationSet {door.namespace}/{name} to make its applications",
                is_met=lambda raw: _is_read(raw) and not _problem(raw) and _is_up_to_date(raw),
                # It may still be about what was declared before.
                failure=lambda raw: lasting(_problem(raw)),
                describe=lambda raw: _problem(raw) or "its controller has not read it yet",
            ),
            Patience(params["wait_timeout"], params["wait_interval"]),
        )
        after, result["wait"] = waited.value, waited.as_result()
    return {**result, "application_set": _set_result(door, params, after)}


def project(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Have an AppProject as declared, or none. One that still has applications is not deleted."""
    door = open_door(params, check=check_mode)
    name = params["name"]
    if params["state"] == "present":
        manifests.project(params)
    live = door.find(APP_PROJECT, name)
    if params["state"] == "absent":
        users = (
            [item["metadata"]["name"] for item in door.all_of(APPLICATION) if item["spec"].get("project") == name]
            if live
            else []
        )
        if users:
            raise MiniappInfraError(
                f"Failed to delete AppProject {door.namespace}/{name}: it has the applications {', '.join(users)}",
                code=ErrorCode.CONFLICT,
                hint="Delete them, or give them another project: without one Argo CD stops to synchronise them.",
            )
        return _absent(door, params, APP_PROJECT, live, check_mode=check_mode, diff_mode=diff_mode)
    declared = door.declare(manifests.project(params, live))
    shown = {"name": name, "namespace": door.namespace, "spec": declared.after.get("spec") or {}}
    return {**_result(declared, diff_mode=diff_mode), "project": shown}


def repository(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Have a repository or a credential template as declared, or none. Credentials are compared and never shown."""
    door = open_door(params, check=check_mode)
    templates = params["credentials_template"]
    _check_repository(params)
    of_project = "" if templates else params["project"] or ""
    live = repositories.find(door.repositories(templates=templates), params["url"], of_project)
    before = {} if live is None else repositories.shown(live)
    if params["state"] == "absent":
        if live is not None:
            door.remove_repository(live, templates=templates)
        result: Result = {"changed": live is not None}
        return {**result, "diff": {"before": before, "after": {}}} if diff_mode and live else result
    wanted = repositories.from_params(params)
    if live is not None:
        wanted["url"] = live["url"]  # another spelling of the same address is no change
    done = door.declare_repository(wanted, live, templates=templates, renew=params["update_credentials"])
    after = repositories.shown(done.after)
    result = {"changed": done.changed, "repository": after, "warnings": list(done.warnings)}
    if diff_mode and done.changed:
        # Credentials that changed are named in what follows; their values are in neither.
        changed = [
            option
            for option, key in repositories.HIDDEN.items()
            if (done.before or {}).get(key) != done.after.get(key) and done.after.get(key)
        ]
        result["diff"] = {"before": before, "after": {**after, "changed_credentials": changed} if changed else after}
    return result


def _check_repository(params: Mapping[str, Any]) -> None:
    if "://" not in params["url"] and "@" not in params["url"] and "." not in params["url"].partition("/")[0]:
        raise MiniappInfraError(
            f"url: must be the address of a repository, got {params['url']!r}", code=ErrorCode.INVALID_INPUT
        )
    is_chart_repository = params["type"] == "helm" and not params["credentials_template"]
    if params["state"] == "present" and is_chart_repository and not params["name"]:
        raise MiniappInfraError("name: a repository of type helm needs one", code=ErrorCode.INVALID_INPUT)


def _refuse_owned(found: Application) -> None:
    if found.owner:
        raise MiniappInfraError(
            f"Failed to change application {found.namespace}/{found.name}: ApplicationSet {found.owner} makes it and "
            "would put it back",
            code=ErrorCode.CONFLICT,
            hint=f"Change ApplicationSet {found.owner} instead.",
        )


def _absent(
    door: Door, params: Mapping[str, Any], kind: str, live: Raw | None, *, check_mode: bool, diff_mode: bool
) -> Result:
    is_going = live is not None and bool(live["metadata"].get("deletionTimestamp"))
    result: Result = {"changed": live is not None and not is_going}
    if live is not None and not is_going:
        door.remove(kind, live, params.get("cascade") or "")
        if diff_mode:
            result["diff"] = render(ObjectRef(API_VERSION, kind, door.namespace, params["name"]), live, None)
    if live is None or check_mode or not params.get("wait"):
        return result
    waited = wait_for(
        lambda: door.find(kind, params["name"]),
        Goal(
            f"{kind} {door.namespace}/{params['name']} to be gone",
            is_met=lambda raw: raw is None,
            describe=_describe_deletion,
        ),
        Patience(params["wait_timeout"], params["wait_interval"]),
    )
    return {**result, "wait": waited.as_result()}


def _describe_deletion(raw: Raw | None) -> str:
    if raw is None:
        return "is gone"
    conditions = (raw.get("status") or {}).get("conditions") or []
    errors = [f"DeletionError: {item.get('message', '')}" for item in conditions if item.get("type") == "DeletionError"]
    finalizers = raw["metadata"].get("finalizers") or []
    return "; ".join([*errors, f"it is being deleted, finalizers: {', '.join(finalizers) or 'none'}"])


def _read(door: Door, name: str) -> Application | None:
    raw = door.find(APPLICATION, name)
    return None if raw is None else Application.from_api(raw)


def _result(declared: Declared, *, diff_mode: bool) -> Result:
    result: Result = {"changed": declared.changed, "warnings": list(declared.warnings)}
    if diff_mode and declared.changed:
        metadata = declared.after["metadata"]
        ref = ObjectRef(API_VERSION, declared.after["kind"], metadata.get("namespace", ""), metadata["name"])
        result["diff"] = render(ref, declared.before, declared.after)
    return result


def _condition(raw: Raw, kind: str) -> Mapping[str, Any]:
    conditions = (raw.get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item.get("type") == kind), {})


def _problem(raw: Raw) -> str:
    condition = _condition(raw, "ErrorOccurred")
    return str(condition.get("message") or "error without a message") if condition.get("status") == "True" else ""


def _is_read(raw: Raw) -> bool:
    # The controller takes the mark away at the end of a run without an error.
    annotations = (raw.get("metadata") or {}).get("annotations") or {}
    return SET_REFRESH_ANNOTATION not in annotations and bool((raw.get("status") or {}).get("conditions"))


def _is_up_to_date(raw: Raw) -> bool:
    return _condition(raw, "ResourcesUpToDate").get("status") == "True"


def _set_result(door: Door, params: Mapping[str, Any], raw: Raw) -> Result:
    applications = [Application.from_api(item) for item in door.all_of(APPLICATION)]
    conditions = (raw.get("status") or {}).get("conditions") or []
    return {
        "name": params["name"],
        "namespace": door.namespace,
        "conditions": [
            {key: item.get(key, "") for key in ("type", "status", "reason", "message")} for item in conditions
        ],
        "applications": [item.name for item in applications if item.owner == params["name"]],
    }
