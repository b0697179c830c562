# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that a question by kind, name and selectors means."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube import live as live_module
from miniapp_infra.kube.errors import WaitTimeoutError
from miniapp_infra.kube.live import Target, typed
from miniapp_infra.kube.models import Action, Outcome
from miniapp_infra.kube.objects import KubeObject, ObjectRef, ref_of
from miniapp_infra.kube.tasks.kinds import api_version_of
from miniapp_infra.kube.width import MOST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miniapp_infra.kube.client import Client
    from miniapp_infra.kube.discovery import Discovery, Resource
    from miniapp_infra.kube.live import Survey

Params = Mapping[str, Any]
APPEAR_POLL = 1.0
"""Seconds between two looks for a kind or an object that is waited for and does not exist yet."""

METADATA_ONLY = (
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
)


@dataclass
class Matches:
    """What was found.

    Args:
        seen: what exists, each with its state and the resource version as of which it is so.
        missing: descriptions of the questions that nothing answers.
    """

    targets: dict[ObjectRef, Target] = field(default_factory=dict)
    seen: dict[ObjectRef, Outcome] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def states(self) -> dict[ObjectRef, KubeObject]:
        return {ref: outcome.after for ref, outcome in self.seen.items() if outcome.after is not None}

    def add(self, resource: Resource, obj: KubeObject, version: str) -> None:
        ref = ref_of(obj)
        self.targets[ref] = Target(ref, resource)
        self.seen[ref] = Outcome(ref, Action.UNCHANGED, obj, obj, version=version)


def matching(client: Client, discovery: Discovery, params: Params) -> Matches:
    """Answer the questions of a task. Objects that are asked for by name are read together.

    Raises:
        KubeError: the server does not answer, or does not allow it.
    """
    questions = [(question, resource_of(discovery, question)) for question in params.get("objects") or [params]]
    named = [named_target(question, resource) for question, resource in questions if resource and question.get("name")]
    with ThreadPoolExecutor(MOST, thread_name_prefix="read") as executor:
        survey = live_module.survey(client, named, executor)
    matches = Matches()
    for question, resource in questions:
        if resource is not None and (found := _answers(client, question, resource, survey)):
            for obj, version in found:
                matches.add(resource, obj, version)
        else:
            place = "/".join(filter(None, (question.get("namespace"), question.get("name"))))
            matches.missing.append(f"{question['kind']} {place}".rstrip())
    return matches


def _answers(client: Client, question: Params, resource: Resource, survey: Survey) -> list[tuple[KubeObject, str]]:
    """Return what a question means, each with the version as of which it is so."""
    if question.get("name"):
        ref = named_target(question, resource).ref
        return [(survey.objects[ref], survey.versions.get(ref, ""))] if ref in survey.objects else []
    return [
        (obj, page["metadata"].get("resourceVersion", ""))
        for page in _pages(client, resource, question)
        for obj in typed(page, resource)
    ]


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


def resource_of(discovery: Discovery, question: Params) -> Resource | None:
    kind = question["kind"]
    return discovery.find(api_version_of(question["api_version"], kind), kind)


def named_target(question: Params, resource: Resource) -> Target:
    place = (question.get("namespace") or "default") if resource.namespaced else ""
    return Target(ObjectRef(resource.api_version, resource.kind, place, question["name"]), resource)


def _pages(client: Client, resource: Resource, question: Params) -> Iterator[dict[str, Any]]:
    path = resource.collection(question.get("namespace") or "")
    return client.pages(path, action=f"list {resource.plural}", query=_selectors(question))


def read_metadata(client: Client, resource: Resource, question: Params) -> list[KubeObject]:
    """Read the metadata of what a question means, and nothing else: the API server leaves the rest out."""
    query = _selectors(question)
    if question.get("name"):
        target = named_target(question, resource)
        path, query = resource.collection(target.ref.namespace), {"fieldSelector": f"metadata.name={target.ref.name}"}
    else:
        path = resource.collection(question.get("namespace") or "")
    body = client.get(path, action=f"list {resource.plural}", query=query, accept=METADATA_ONLY).body
    identity = {"apiVersion": resource.api_version, "kind": resource.kind}
    return [{**identity, "metadata": item["metadata"]} for item in body.get("items") or ()]


def _selectors(question: Params) -> dict[str, str]:
    query = {}
    for option, parameter in (("label_selectors", "labelSelector"), ("field_selectors", "fieldSelector")):
        if question.get(option):
            query[parameter] = ",".join(question[option])
    return query
