# SPDX-License-Identifier: GPL-3.0-or-later
"""Argo CD, through its objects in the Kubernetes API or through the REST interface of its API server."""

from miniapp_infra.argocd.api import (
    find_application,
    list_applications,
    refresh,
    refresh_set,
    set_exists,
    set_problem,
    sync,
)
from miniapp_infra.argocd.client import ObjectClient
from miniapp_infra.argocd.kubernetes import KubernetesObjects
from miniapp_infra.argocd.models import Application, Condition, Operation, Resource
from miniapp_infra.argocd.waiters import Expectation, WaitResult, wait_for_application

__all__ = [
    "Application",
    "Condition",
    "Expectation",
    "KubernetesObjects",
    "ObjectClient",
    "Operation",
    "Resource",
    "WaitResult",
    "find_application",
    "list_applications",
    "refresh",
    "refresh_set",
    "set_exists",
    "set_problem",
    "sync",
    "wait_for_application",
]
