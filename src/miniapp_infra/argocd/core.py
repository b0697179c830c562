# SPDX-License-Identifier: GPL-3.0-or-later
"""Argo CD through the Kubernetes API: works without its API server (core mode), with the rights of the kubeconfig."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from miniapp_infra.argocd import api, repositories, windows
from miniapp_infra.argocd.client import API_VERSION, APP_PROJECT, APPLICATION
from miniapp_infra.argocd.door import Declared, Raw
from miniapp_infra.argocd.kubernetes import KubernetesObjects
from miniapp_infra.kube.custom import CustomObjects
from miniapp_infra.kube.models import ApplyOptions
from miniapp_infra.kube.objects import ObjectRef
from miniapp_infra.kube.session import connected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.argocd.door import SyncRequest
    from miniapp_infra.argocd.models import Application, Deployment
    from miniapp_infra.kube.models import Outcome

_PROPAGATION = {"foreground": "Foreground", "background": "Background", "orphan": "Orphan"}


@dataclass
class CoreDoor:
    """Implements ``Door``.

    Args:
        params: connection options of a module.
        namespace: of the objects.
        check: change nothing; declared objects are still checked by the server.
    """

    params: Mapping[str, Any]
    namespace: str
    check: bool = False

    @cached_property
    def _custom(self) -> CustomObjects:
        client, discovery = connected(self.params)
        # Argo CD's own tools write the same fields without asking; what is declared wins over them.
        return CustomObjects(client, discovery, ApplyOptions(check=self.check, force_conflicts=True))

    @cached_property
    def _objects(self) -> KubernetesObjects:
        return KubernetesObjects(lambda: self._custom.client)

    def find(self, kind: str, name: str) -> Raw | None:
        return self._objects.get(kind, name, self.namespace)

    def all_of(self, kind: str) -> list[Raw]:
        found = self._objects.list(kind, self.namespace)
        return sorted(found, key=lambda item: str(item["metadata"]["name"]))

    def declare(self, manifest: Raw) -> Declared:
        return _declared(self._custom.present(manifest))

    def remove(self, kind: str, live: Raw, cascade: str) -> None:
        name = live["metadata"]["name"]
        custom = self._custom
        if kind == APPLICATION:
            # Its objects are deleted by its controller, which a finalizer tells how.
            if not self.check:
                api.set_cascade(self._objects, name, cascade, namespace=self.namespace)
        elif cascade:
            options = replace(custom.options, propagation_policy=_PROPAGATION[cascade])
            custom = replace(custom, options=options)
        custom.absent(ObjectRef(API_VERSION, kind, self.namespace, name))

    def refresh(self, application: Application, *, hard: bool) -> None:
        api.refresh(self._objects, application.name, namespace=self.namespace, hard=hard)

    def refresh_set(self, name: str) -> bool:
        api.refresh_set(self._objects, name, namespace=self.namespace)
        return True

    def windows(self, application: Application) -> windows.Verdict:
        project = self.find(APP_PROJECT, application.project or "default") or {}
        return windows.judge((project.get("spec") or {}).get("syncWindows") or (), application)

    def sync(self, application: Application, request: SyncRequest) -> None:
        self._start(application, request, None)

    def roll_back(self, application: Application, past: Deployment, request: SyncRequest) -> None:
        self._start(application, request, past)

    def terminate(self, application: Application) -> None:
        api.terminate(self._objects, application.name, namespace=self.namespace)

    def set_auto_sync(self, application: Application, *, enabled: bool) -> None:
        api.set_auto_sync(self._objects, application.name, enabled=enabled, namespace=self.namespace)

    def repositories(self, *, templates: bool) -> list[Raw]:
        label = f"{repositories.TYPE_LABEL}={repositories.secret_type(templates=templates)}"
        return [repositories.from_secret(item) for item in self._custom.list("v1", "Secret", self.namespace, label)]

    def declare_repository(
        self, repository: Mapping[str, Any], live: Raw | None, *, templates: bool, renew: bool
    ) -> Declared:
        del renew  # what is in the Secret can be compared
        name = (live or {}).get("secretName") or repositories.secret_name(repository, templates=templates)
        manifest = repositories.as_secret(repository, name, self.namespace, templates=templates)
        done = self._custom.present(manifest)
        before = None if done.before is None else repositories.from_secret(done.before)
        return Declared(before, repositories.from_secret(done.after or manifest), done.changed, done.warnings)

    def remove_repository(self, live: Raw, *, templates: bool) -> None:
        del templates  # the name of its Secret says it all
        self._custom.absent(ObjectRef("v1", "Secret", self.namespace, live["secretName"]))

    def _start(self, application: Application, request: SyncRequest, past: Deployment | None) -> None:
        api.sync(
            self._objects,
            application.name,
            namespace=self.namespace,
            run=request.run,
            prune=request.prune,
            revisions=request.revisions,
            sync_options=request.sync_options,
            resources=request.resources,
            retry_limit=request.retry_limit,
            strategy=request.strategy,
            past=past,
        )


def _declared(outcome: Outcome) -> Declared:
    return Declared(outcome.before, outcome.after or {}, outcome.changed, outcome.warnings)
