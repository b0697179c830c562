# SPDX-License-Identifier: GPL-3.0-or-later
"""The Argo CD objects of an environment: pure functions of the inventory.

Two sets. ``cluster_objects`` is what the role applies: projects, repositories and the root Application. Everything else
is in ``git_objects``, which the root Application reads from the repository (app of apps): the ApplicationSet that makes
one Application of each ``release.yaml``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.catalog import naming
from miniapp_infra.delivery.sync_windows import sync_windows

if TYPE_CHECKING:
    from datetime import datetime

    from miniapp_infra.catalog import Environment

API_VERSION = "argoproj.io/v1alpha1"
IN_CLUSTER = "https://kubernetes.default.svc"

# Exactly the kinds of charts/miniapp-service; a test compares them with its templates.
CHART_KINDS = (
    ("", "ConfigMap"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("apps", "Deployment"),
    ("argoproj.io", "Rollout"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("autoscaling.k8s.io", "VerticalPodAutoscaler"),
    ("batch", "CronJob"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("policy", "PodDisruptionBudget"),
)
# Made by Kubernetes or by the tenancy role, so their having no Application is no finding.
_NOT_ORPHANED = (
    {"group": "", "kind": "ConfigMap", "name": "kube-root-ca.crt"},
    {"group": "", "kind": "ServiceAccount", "name": "default"},
    {"group": "networking.k8s.io", "kind": "NetworkPolicy"},
)
_SYNC_OPTIONS = ("ServerSideApply=true", "CreateNamespace=false", "ApplyOutOfSyncOnly=true")
# `refresh` lets a retry take up the newest commit: a revert must not wait behind the retries of what it reverts.
_RETRY = {"limit": 5, "refresh": True, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "1m"}}
# The webhook of a Git host cannot reach a private cluster everywhere; promotions ask for a refresh themselves.
_POLL_SECONDS = 30


def project_name(env: str) -> str:
    """Return the AppProject of an environment's services."""
    return f"{env}-{naming.PRODUCT}"


def root_name(env: str) -> str:
    """Return the root Application, which is also the name of its AppProject."""
    return f"{env}-{naming.PRODUCT}-root"


def application_set_name(env: str) -> str:
    return f"{env}-{naming.PRODUCT}-services"


def bootstrap_path(env: str) -> str:
    return f"bootstrap/{env}"


def cluster_objects(environment: Environment, now: datetime) -> list[dict[str, Any]]:
    """Return what has to be in the cluster before Argo CD can read Git, in the order in which it can be applied.

    Args:
        environment: the inventory.
        now: with a time zone; freeze windows that are over are left out.
    """
    return [
        *_repositories(environment),
        _services_project(environment, now),
        _root_project(environment),
        _root_application(environment),
    ]


def git_objects(environment: Environment) -> dict[str, dict[str, Any]]:
    """Return the objects that live in the repository, by file name below ``bootstrap/<env>``."""
    return {"services.yaml": _services_set(environment)}


def _metadata(environment: Environment, name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": environment.gitops.argocd_namespace,
        "labels": naming.labels(environment.name),
        **more,
    }


def _repositories(environment: Environment) -> list[dict[str, Any]]:
    """Repositories that are read without a password; others are Secrets that the secret manager delivers."""
    gitops = environment.gitops
    found = {"charts": ("oci", gitops.chart.ref)}
    if gitops.credentials is None:
        found["desired-state"] = ("git", gitops.repository)
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": _metadata(
                environment,
                f"{project_name(environment.name)}-{purpose}",
                labels={**naming.labels(environment.name), "argocd.argoproj.io/secret-type": "repository"},
            ),
            "type": "Opaque",
            "stringData": {"name": purpose, "type": kind, "url": url},
        }
        for purpose, (kind, url) in sorted(found.items())
    ]


def _services_project(environment: Environment, now: datetime) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "AppProject",
        "metadata": _metadata(environment, project_name(environment.name)),
        "spec": {
            "description": f"Services of the environment {environment.name}",
            "sourceRepos": [environment.gitops.chart.ref, environment.gitops.repository],
            "destinations": [
                {"server": IN_CLUSTER, "namespace": naming.namespace(service)} for service in environment.service_names
            ],
            "clusterResourceWhitelist": [],
            "namespaceResourceWhitelist": [{"group": group, "kind": kind} for group, kind in CHART_KINDS],
            "orphanedResources": {"warn": True, "ignore": [dict(item) for item in _NOT_ORPHANED]},
            "syncWindows": sync_windows(environment.freeze_windows, now),
        },
    }


def _root_project(environment: Environment) -> dict[str, Any]:
    """A project of its own: who may write services into Git must not get at Argo CD's namespace by it."""
    return {
        "apiVersion": API_VERSION,
        "kind": "AppProject",
        "metadata": _metadata(environment, root_name(environment.name)),
        "spec": {
            "description": f"The ApplicationSets of the environment {environment.name}",
            "sourceRepos": [environment.gitops.repository],
            "destinations": [{"server": IN_CLUSTER, "namespace": environment.gitops.argocd_namespace}],
            "clusterResourceWhitelist": [],
            "namespaceResourceWhitelist": [{"group": "argoproj.io", "kind": "ApplicationSet"}],
        },
    }


def _root_application(environment: Environment) -> dict[str, Any]:
    name = root_name(environment.name)
    return {
        "apiVersion": API_VERSION,
        "kind": "Application",
        "metadata": _metadata(environment, name),
        "spec": {
            "project": name,
            "source": {
                "repoURL": environment.gitops.repository,
                "targetRevision": environment.gitops.branch,
                "path": bootstrap_path(environment.name),
            },
            "destination": {"server": IN_CLUSTER, "namespace": environment.gitops.argocd_namespace},
            "syncPolicy": {
                # Removing an ApplicationSet takes all its Applications along, so a person has to confirm it.
                "automated": {"prune": True, "selfHeal": True},
                "syncOptions": ["ServerSideApply=true", "CreateNamespace=false", "Prune=confirm"],
                "retry": _RETRY,
            },
        },
    }


def _services_set(environment: Environment) -> dict[str, Any]:
    gitops = environment.gitops
    # From the path and not from the content: a release.yaml can only ever speak for its own service.
    service = "{{ .path.basename }}"
    name = naming.resource_name(environment.name, "x").removesuffix("x") + service
    return {
        "apiVersion": API_VERSION,
        "kind": "ApplicationSet",
        "metadata": _metadata(environment, application_set_name(environment.name)),
        "spec": {
            "goTemplate": True,
            "goTemplateOptions": ["missingkey=error"],
            "generators": [
                {
                    "git": {
                        "repoURL": gitops.repository,
                        "revision": gitops.branch,
                        "files": [{"path": f"services/{environment.name}/*/release.yaml"}],
                        "requeueAfterSeconds": _POLL_SECONDS,
                    }
                }
            ],
            # Neither a lost file nor the removal of this object may take a running service along.
            "syncPolicy": {"applicationsSync": "create-update", "preserveResourcesOnDeletion": True},
            "template": {
                "metadata": {
                    "name": name,
                    "labels": {
                        **naming.labels(environment.name),
                        naming.NAME_LABEL: service,
                        "app.kubernetes.io/version": "{{ .version }}",
                    },
                    # The server's own dry run decides what differs: it knows every default of every version.
                    "annotations": {"argocd.argoproj.io/compare-options": "ServerSideDiff=true"},
                },
                "spec": {
                    "project": project_name(environment.name),
                    "revisionHistoryLimit": 5,
                    "sources": [
                        {
                            "repoURL": gitops.chart.ref,
                            "targetRevision": "{{ .chart.version }}",
                            "path": ".",
                            "helm": {
                                "releaseName": name,
                                "valueFiles": [f"$values/services/{environment.name}/{service}/values.yaml"],
                                "valuesObject": {
                                    "version": "{{ .version }}",
                                    "image": {"repository": "{{ .image.repository }}", "digest": "{{ .image.digest }}"},
                                },
                            },
                        },
                        {"repoURL": gitops.repository, "targetRevision": gitops.branch, "ref": "values"},
                    ],
                    "destination": {"server": IN_CLUSTER, "namespace": service},
                    "syncPolicy": {
                        "automated": {"prune": True, "selfHeal": True},
                        "syncOptions": list(_SYNC_OPTIONS),
                        "retry": _RETRY,
                    },
                },
            },
        },
    }
