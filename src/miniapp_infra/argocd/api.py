# SPDX-License-Identifier: GPL-3.0-or-later
"""One function per call: read, refresh and synchronise Applications."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import tenacity

from miniapp_infra.argocd import transformations
from miniapp_infra.argocd.client import APPLICATION, APPLICATION_SET
from miniapp_infra.argocd.models import REFRESH_ANNOTATION, Application
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miniapp_infra.argocd.client import ObjectClient

SET_REFRESH_ANNOTATION = "argocd.argoproj.io/application-set-refresh"


def find_application(client: ObjectClient, name: str, *, namespace: str = "argocd") -> Application | None:
    """Return an Application, or None when there is none."""
    raw = client.get(APPLICATION, name, namespace)
    return Application.from_api(raw) if raw is not None else None


def list_applications(client: ObjectClient, *, namespace: str = "argocd") -> tuple[Application, ...]:
    """Return every Application by name."""
    found = [Application.from_api(raw) for raw in client.list(APPLICATION, namespace)]
    return tuple(sorted(found, key=lambda application: application.name))


def refresh(client: ObjectClient, name: str, *, namespace: str = "argocd", hard: bool = False) -> None:
    """Ask for a comparison with the newest commit; ``hard`` also drops rendered manifests from the cache."""
    patch = {"metadata": {"annotations": {REFRESH_ANNOTATION: "hard" if hard else "normal"}}}
    client.merge_patch(APPLICATION, name, namespace, patch)


def refresh_set(client: ObjectClient, name: str, *, namespace: str = "argocd") -> None:
    """Ask an ApplicationSet to read its generators now instead of at its next interval."""
    patch = {"metadata": {"annotations": {SET_REFRESH_ANNOTATION: "true"}}}
    client.merge_patch(APPLICATION_SET, name, namespace, patch)


def set_exists(client: ObjectClient, name: str, *, namespace: str = "argocd") -> bool:
    """Tell whether there is an ApplicationSet of this name."""
    return client.get(APPLICATION_SET, name, namespace) is not None


def set_problem(client: ObjectClient, name: str, *, namespace: str = "argocd") -> str:
    """Return why an ApplicationSet cannot make its applications, empty when it can."""
    raw = client.get(APPLICATION_SET, name, namespace)
    if raw is None:
        return f"there is no ApplicationSet {namespace}/{name}"
    for condition in (raw.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "ErrorOccurred" and condition.get("status") == "True":
            return f"ApplicationSet {name}: {condition.get('message', 'error without a message')}"
    return ""


def sync(
    client: ObjectClient,
    name: str,
    *,
    namespace: str = "argocd",
    user: str = "miniapp-infra",
    prune: bool = False,
    revisions: Sequence[str] = (),
    sync_options: Sequence[str] = (),
    resources: Sequence[dict[str, str]] = (),
    retry_limit: int = 0,
) -> str:
    """Start a synchronisation.

    Returns:
        The id that the operation carries; ``Expectation(run=...)`` waits for exactly this one.

    Raises:
        MiniappInfraError: ``NOT_FOUND``; ``CONFLICT`` while another operation runs.
    """
    run = str(uuid.uuid4())

    @tenacity.retry(
        retry=tenacity.retry_if_exception(_changed_meanwhile),
        stop=tenacity.stop_after_attempt(5),
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=2),
        reraise=True,
    )
    def attempt() -> None:
        raw = _require(client, name, namespace)
        if raw.get("operation"):
            raise MiniappInfraError(
                f"Failed to synchronise application {name}: another operation is in progress",
                code=ErrorCode.CONFLICT,
                hint="Wait for its end, or terminate it.",
            )
        client.replace(
            transformations.with_operation(
                raw,
                run=run,
                user=user,
                prune=prune,
                revisions=revisions,
                sync_options=sync_options,
                resources=resources,
                retry_limit=retry_limit,
            )
        )

    attempt()
    return run


def _changed_meanwhile(error: BaseException) -> bool:
    """The controller writes Applications all the time; a running operation, in contrast, does not end at once."""
    return isinstance(error, MiniappInfraError) and error.code is ErrorCode.CONFLICT and error.retryable


def _require(client: ObjectClient, name: str, namespace: str) -> dict[str, Any]:
    raw = client.get(APPLICATION, name, namespace)
    if raw is None:
        raise MiniappInfraError(
            f"Failed to find application {namespace}/{name}: there is none of this name", code=ErrorCode.NOT_FOUND
        )
    return raw
