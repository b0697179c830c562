# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments through Argo CD: the ApplicationSet takes a release up, the application controller synchronises it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from miniapp_infra import argocd
from miniapp_infra.argocd import Application, Expectation
from miniapp_infra.catalog import naming
from miniapp_infra.delivery.blue_green import ACCEPTED_HEALTH, Standing, standing
from miniapp_infra.delivery.bootstrap import application_set_name, root_name
from miniapp_infra.delivery.ports import Deployment
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from miniapp_infra.argocd import ObjectClient
    from miniapp_infra.delivery.release import Release
    from miniapp_infra.githost import GitHost
    from miniapp_infra.rollouts import Rollout


class Rollouts(Protocol):
    """The Rollouts of the cluster."""

    def find(self, namespace: str, name: str) -> Rollout | None:
        """Return a Rollout, None when there is none."""

    def refusal(self, rollout: Rollout) -> str:
        """Return why its new version gets no ReplicaSet or no pods; empty when it does."""


@dataclass(frozen=True)
class ArgoDeployments:
    """Implements ``Deployments``.

    Args:
        client: the Kubernetes API.
        host: tells whether one commit includes another.
        rollouts: those of services whose strategy is blue/green; not needed where no service has it.
        blue_green: names of these services.
        namespace: of Argo CD.
        timeout: seconds until a release has to run.
        grace: seconds that an error has to stay to count.
        interval: seconds between two looks.
        clock: seconds, monotonic.
        sleep: waits for seconds.
    """

    client: ObjectClient
    host: GitHost
    rollouts: Rollouts | None = None
    blue_green: frozenset[str] = frozenset()
    namespace: str = "argocd"
    timeout: float = 300
    grace: float = 60
    interval: float = 2
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def is_delivered(self, release: Release, commit: str) -> bool:
        application = self._find(release)
        if application is None:
            return False
        watch = _Watch(self, release, commit)
        return watch.expectation().is_met_by(application) and not watch.deployment(application, 0).awaits_promotion

    def deliver(self, release: Release, commit: str) -> Deployment:
        watch = _Watch(self, release, commit)
        present = self._find(release)
        if present is not None and watch.expectation().is_met_by(present):
            return watch.deployment(present, 0)
        applications = application_set_name(release.env)
        if argocd.set_exists(self.client, applications, namespace=self.namespace):
            argocd.refresh_set(self.client, applications, namespace=self.namespace)
        try:
            result = argocd.wait_for_application(
                watch.read,
                _name(release),
                watch.expectation(),
                timeout=self.timeout,
                grace=self.grace,
                interval=self.interval,
                problem=lambda: self._problem(release.env),
                clock=self.clock,
                sleep=self.sleep,
            )
        except MiniappInfraError as error:
            if error.code is not ErrorCode.TIMEOUT or not watch.text:
                raise
            raise MiniappInfraError(
                f"{error.message}; {watch.text}", code=error.code, retryable=error.retryable, hint=error.hint
            ) from error
        return watch.deployment(result.application, result.elapsed)

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

    def _includes(self, application: Application, commit: str) -> bool:
        """Tell whether Argo CD compared with this commit or a later one."""
        if commit in application.revisions:
            return True
        if any(self.host.contains(revision, commit) for revision in application.revisions):
            return True
        # Somebody may have merged something else since our copy of the repository was made.
        self.host.refresh()
        return any(self.host.contains(revision, commit) for revision in application.revisions)


class _Watch:
    """One release on its way.

    Reads the application, asks for a comparison as soon as the ApplicationSet has updated it, and looks at the Rollout
    of a blue/green service, because Argo CD's health does not tell that its release runs.
    """

    def __init__(self, deployments: ArgoDeployments, release: Release, commit: str) -> None:
        self._deployments = deployments
        self._release = release
        self._commit = commit
        self._asked = False
        self._refused_since: float | None = None
        self._standing: Standing | None = None

    def read(self) -> Application | None:
        """Return the application as it is now.

        Raises:
            MiniappInfraError: admission has refused the new version for longer than the grace period.
        """
        deployments = self._deployments
        application = deployments._find(self._release)  # noqa: SLF001 - the watch is a part of the deployments
        if application is None or not asks_for(application, self._release):
            return application
        if not self._asked:
            argocd.refresh(deployments.client, application.name, namespace=application.namespace)
            self._asked = True
        if self._is_blue_green:
            self._fail_when_refused()
        return application

    def expectation(self) -> Expectation:
        """Return what is waited for."""
        release = self._release
        return Expectation(
            description=f"run version {release.version} ({release.image.digest}) of commit {self._commit[:12]}",
            asks=lambda application: asks_for(application, release),
            matches=self._matches,
            accept_health=ACCEPTED_HEALTH if self._is_blue_green else ("Healthy",),
        )

    @property
    def text(self) -> str:
        """What the Rollout said last; empty for a service without one."""
        return "" if self._standing is None else self._standing.text

    def deployment(self, application: Application, elapsed: float) -> Deployment:
        """Return the release as it runs now."""
        waits = self._standing is not None and self._standing.awaits_promotion
        return Deployment(application.sync_status, application.health, elapsed, awaits_promotion=waits)

    @property
    def _is_blue_green(self) -> bool:
        return self._release.service in self._deployments.blue_green

    def _matches(self, application: Application) -> bool:
        if not self._deployments._includes(application, self._commit):  # noqa: SLF001 - as above
            return False
        if not self._is_blue_green:
            return True
        found = standing(self._rollout(), self._release)
        self._standing = found
        return found.stands

    def _rollout(self) -> Rollout | None:
        rollouts = self._deployments.rollouts
        if rollouts is None:
            return None
        return rollouts.find(naming.namespace(self._release.service), _name(self._release))

    def _fail_when_refused(self) -> None:
        rollout = self._rollout()
        found = standing(rollout, self._release)
        rollouts = self._deployments.rollouts
        reason = "" if rollouts is None or rollout is None or found.stands else rollouts.refusal(rollout)
        if not reason:
            self._refused_since = None
            return
        now = self._deployments.clock()
        self._refused_since = now if self._refused_since is None else self._refused_since
        if now - self._refused_since >= self._deployments.grace:
            raise MiniappInfraError(
                f"Failed to deploy version {self._release.version} of service {self._release.service}: {reason}",
                code=ErrorCode.REFUSED_BY_POLICY,
                hint="The version before still serves. Correct the image or the chart, or roll the service back.",
            )


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
