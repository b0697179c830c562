# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments through Argo CD: the ApplicationSet takes a release up, the application controller synchronises it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miniapp_infra import argocd
from miniapp_infra.argocd import Application, Expectation
from miniapp_infra.catalog import naming
from miniapp_infra.delivery.bootstrap import application_set_name, root_name
from miniapp_infra.delivery.ports import Deployment

if TYPE_CHECKING:
    from collections.abc import Callable

    from miniapp_infra.argocd import ObjectClient
    from miniapp_infra.delivery.release import Release
    from miniapp_infra.githost import GitHost


@dataclass(frozen=True)
class ArgoDeployments:
    """Implements ``Deployments``.

    Args:
        client: the Kubernetes API.
        host: tells whether one commit includes another.
        namespace: of Argo CD.
        timeout: seconds until a release has to run.
        grace: seconds that an error has to stay to count.
        interval: seconds between two looks.
        clock: seconds, monotonic.
        sleep: waits for seconds.
    """

    client: ObjectClient
    host: GitHost
    namespace: str = "argocd"
    timeout: float = 300
    grace: float = 60
    interval: float = 2
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def is_delivered(self, release: Release, commit: str) -> bool:
        application = self._find(release)
        return application is not None and self._expectation(release, commit).is_met_by(application)

    def deliver(self, release: Release, commit: str) -> Deployment:
        expectation = self._expectation(release, commit)
        present = self._find(release)
        if present is not None and expectation.is_met_by(present):
            return Deployment(present.sync_status, present.health, 0)
        applications = application_set_name(release.env)
        if argocd.set_exists(self.client, applications, namespace=self.namespace):
            argocd.refresh_set(self.client, applications, namespace=self.namespace)
        result = argocd.wait_for_application(
            _Reader(self, release, commit),
            _name(release),
            expectation,
            timeout=self.timeout,
            grace=self.grace,
            interval=self.interval,
            problem=lambda: self._problem(release.env),
            clock=self.clock,
            sleep=self.sleep,
        )
        return Deployment(result.application.sync_status, result.application.health, result.elapsed)

    def _problem(self, env: str) -> str:
        """Return why the ApplicationSet does not take a release up: its own error, or that of what makes it."""
        own = argocd.set_problem(self.client, application_set_name(env), namespace=self.namespace)
        root = argocd.find_application(self.client, root_name(env), namespace=self.namespace)
        if not own:
            return ""
        if root is None:
            return f"{own}, and no root application {root_name(env)}"
        return "; ".join([own, *(f"{root.name}: {error.message}" for error in root.errors)])

    def _find(self, release: Release) -> Application | None:
        return argocd.find_application(self.client, _name(release), namespace=self.namespace)

    def _expectation(self, release: Release, commit: str) -> Expectation:
        return Expectation(
            description=f"run version {release.version} ({release.image.digest}) of commit {commit[:12]}",
            asks=lambda application: asks_for(application, release),
            matches=lambda application: self._includes(application, commit),
        )

    def _includes(self, application: Application, commit: str) -> bool:
        """Tell whether Argo CD compared with this commit or a later one."""
        if commit in application.revisions:
            return True
        if any(self.host.contains(revision, commit) for revision in application.revisions):
            return True
        # Somebody may have merged something else since our copy of the repository was made.
        self.host.refresh()
        return any(self.host.contains(revision, commit) for revision in application.revisions)


class _Reader:
    """Reads the application, and asks for a comparison as soon as the ApplicationSet has updated it."""

    def __init__(self, deployments: ArgoDeployments, release: Release, commit: str) -> None:
        self._deployments = deployments
        self._release = release
        self._commit = commit
        self._asked = False

    def __call__(self) -> Application | None:
        deployments = self._deployments
        application = deployments._find(self._release)  # noqa: SLF001 - the reader is a part of the deployments
        if application is not None and not self._asked and asks_for(application, self._release):
            argocd.refresh(deployments.client, application.name, namespace=application.namespace)
            self._asked = True
        return application


def asks_for(application: Application, release: Release) -> bool:
    """Tell whether the specification of an application is the one that the ApplicationSet makes of a release."""
    for source in application.sources:
        values: dict[str, Any] = (source.get("helm") or {}).get("valuesObject") or {}
        image = values.get("image") or {}
        if (
            source.get("targetRevision") == release.chart.version
            and values.get("version") == release.version
            and image.get("repository") == release.image.repository
            and image.get("digest") == release.image.digest
        ):
            return True
    return False


def _name(release: Release) -> str:
    return naming.resource_name(release.env, release.service)
