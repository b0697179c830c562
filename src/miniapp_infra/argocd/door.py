# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ways to Argo CD: its objects in the Kubernetes API, or the REST interface of its API server."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.argocd.models import Application, Deployment
    from miniapp_infra.argocd.windows import Verdict

Raw = dict[str, Any]


@dataclass(frozen=True)
class Declared:
    """What declaring an object did.

    Args:
        before: None when there was none.
        after: as it is now, or in check mode would be.
        changed: whether the two differ in what is declared.
        warnings: of the server.
    """

    before: Raw | None = field(repr=False)
    after: Raw = field(repr=False)
    changed: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SyncRequest:
    """A synchronisation.

    Args:
        run: marks the operation, so that it is recognised later.
        revisions: one per source; empty for those of the specification.
        prune: delete objects that are no longer wanted.
        sync_options: in addition to those of the application.
        resources: only these; empty for all.
        retry_limit: how often Argo CD tries again; zero for what the application says.
        strategy: ``apply`` or ``hook``; empty for Argo CD's default.
    """

    run: str = field(default_factory=lambda: str(uuid.uuid4()))
    revisions: tuple[str, ...] = ()
    prune: bool = False
    sync_options: tuple[str, ...] = ()
    resources: tuple[dict[str, str], ...] = ()
    retry_limit: int = 0
    strategy: str = ""


class Door(Protocol):
    """What the modules need of Argo CD.

    Errors are ``MiniappInfraError``: ``CONFLICT`` when an operation runs already, ``FROZEN`` when a sync window is in
    the way.
    """

    @property
    def namespace(self) -> str:
        """Where the objects are."""

    def find(self, kind: str, name: str) -> Raw | None:
        """Return an object, None when there is none."""

    def all_of(self, kind: str) -> list[Raw]:
        """Return the objects of a kind by name."""

    def declare(self, manifest: Raw) -> Declared:
        """Have an object as declared; what is not declared stays as it is."""

    def remove(self, kind: str, live: Raw, cascade: str) -> None:
        """Begin to delete an object; ``cascade`` says how what belongs to it goes."""

    def refresh(self, application: Application, *, hard: bool) -> None:
        """Ask for a comparison with the newest sources."""

    def refresh_set(self, name: str) -> bool:
        """Ask an ApplicationSet to read its generators now. Tells whether that can be asked for this way."""

    def windows(self, application: Application) -> Verdict:
        """Return what the sync windows say now."""

    def sync(self, application: Application, request: SyncRequest) -> None:
        """Start a synchronisation."""

    def roll_back(self, application: Application, past: Deployment, request: SyncRequest) -> None:
        """Start the deployment of what an earlier one deployed."""

    def terminate(self, application: Application) -> None:
        """Ask for the end of the operation that runs."""

    def set_auto_sync(self, application: Application, *, enabled: bool) -> None:
        """Switch automatic synchronisation on or off."""

    def repositories(self, *, templates: bool) -> list[Raw]:
        """Return the repositories, or the credential templates, in the form of the REST interface."""

    def declare_repository(
        self, repository: Mapping[str, Any], live: Raw | None, *, templates: bool, renew: bool
    ) -> Declared:
        """Have a repository as declared. ``renew`` sends credentials again where nobody shows whether they differ."""

    def remove_repository(self, live: Raw, *, templates: bool) -> None:
        """Delete a repository or a credential template."""
