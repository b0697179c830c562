# SPDX-License-Identifier: GPL-3.0-or-later
"""One function per call: read, refresh and synchronise Applications."""

from __future__ import annotations

import copy
import uuid
from typing import TYPE_CHECKING, Any, TypeVar

import tenacity

from miniapp_infra.argocd import transformations
from miniapp_infra.argocd.client import APPLICATION, APPLICATION_SET
from miniapp_infra.argocd.models import REFRESH_ANNOTATION, Application
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from miniapp_infra.argocd.client import ObjectClient
    from miniapp_infra.argocd.models import Deployment

T = TypeVar("T")

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
    strategy: str = "",
    past: Deployment | None = None,
    run: str = "",
) -> str:
    """Start a synchronisation.

    The arguments are those of ``transformations.with_operation``.

    Returns:
        The id that the operation carries; ``Expectation(run=...)`` waits for exactly this one.

    Raises:
        MiniappInfraError: ``NOT_FOUND``; ``CONFLICT`` while another operation runs.
    """
    run = run or str(uuid.uuid4())

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
                strategy=strategy,
                past=past,
            )
        )

    _present_state(attempt)
    return run


def terminate(client: ObjectClient, name: str, *, namespace: str = "argocd") -> bool:
    """Ask for the end of the operation that runs; it ends a little later.

    Returns:
        Whether there was one.
    """

    def attempt() -> bool:
        raw = copy.deepcopy(_require(client, name, namespace))
        if not raw.get("operation"):
            return False
        state = (raw.get("status") or {}).get("operationState")
        if state:
            state["phase"] = "Terminating"
        else:
            del raw["operation"]  # the controller has not taken it up yet
        client.replace(raw)
        return True

    return _present_state(attempt)


def set_cascade(client: ObjectClient, name: str, cascade: str, *, namespace: str = "argocd") -> None:
    """Say how the objects of an application go when it is deleted: ``foreground``, ``background`` or ``orphan``."""

    def attempt() -> None:
        raw = copy.deepcopy(_require(client, name, namespace))
        finalizers = raw["metadata"].get("finalizers") or []
        wanted = transformations.with_cascade(finalizers, cascade)
        # Kubernetes lets nobody add one to an object that is going already.
        if sorted(wanted) != sorted(finalizers) and not raw["metadata"].get("deletionTimestamp"):
            raw["metadata"]["finalizers"] = wanted
            client.replace(raw)

    _present_state(attempt)


def set_auto_sync(client: ObjectClient, name: str, *, enabled: bool, namespace: str = "argocd") -> None:
    """Switch automatic synchronisation on or off; the rest of its settings stays."""
    patch = {"spec": {"syncPolicy": {"automated": {"enabled": enabled}}}}
    client.merge_patch(APPLICATION, name, namespace, patch)


def _present_state(attempt: Callable[[], T]) -> T:
    """Decide on the present object, and again when the controller has written it in between, as it often does."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_changed_meanwhile),
        stop=tenacity.stop_after_attempt(5),
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=2),
        reraise=True,
    )
    return retrying(attempt)


def _changed_meanwhile(error: BaseException) -> bool:
    """A lost race passes; a running operation, in contrast, does not end at once."""
    return isinstance(error, MiniappInfraError) and error.code is ErrorCode.CONFLICT and error.retryable


def _require(client: ObjectClient, name: str, namespace: str) -> dict[str, Any]:
    raw = client.get(APPLICATION, name, namespace)
    if raw is None:
        raise MiniappInfraError(
            f"Failed to find application {namespace}/{name}: there is none of this name", code=ErrorCode.NOT_FOUND
        )
    return raw
