# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that a question by kind, name and selectors means."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.errors import WaitTimeoutError
from miniapp_infra.kube.live import Target, read_one, typed
from miniapp_infra.kube.objects import KubeObject, ObjectRef, ref_of

if TYPE_CHECKING:
    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Discovery, Resource

Params = Mapping[str, Any]
APPEAR_POLL = 1.0
"""Seconds between two looks for a kind or an object that is waited for and does not exist yet."""


def matching(
    client: Client, discovery: Discovery, params: Params
) -> tuple[list[Target], dict[ObjectRef, KubeObject], list[str]]:
    """Return what of the question exists, and descriptions of what does not."""
    targets: list[Target] = []
    states: dict[ObjectRef, KubeObject] = {}
    missing: list[str] = []
    for question in params.get("objects") or [params]:
        resource = discovery.find(question["api_version"], question["kind"])
        found = [] if resource is None else read(client, resource, question)
        if resource is None or not found:
            place = "/".join(filter(None, (question.get("namespace"), question.get("name"))))
            missing.append(f"{question['kind']} {place}".rstrip())
            continue
        states.update({ref_of(obj): obj for obj in found})
        targets += [Target(ref_of(obj), resource) for obj in found]
    return targets, states, missing


def pause(params: Params, deadline: float, missing: Sequence[str]) -> None:
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


def read(client: Client, resource: Resource, params: Params) -> list[KubeObject]:
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
