# SPDX-License-Identifier: GPL-3.0-or-later
"""A scripted controller in a namespace of each test, and doors to look through."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from scripted_rollouts import ScriptedRollouts

from miniapp_infra.rollouts import tasks

if TYPE_CHECKING:
    from live_apiserver import ApiServer

Engine = Callable[..., dict[str, Any]]
# What the argument specification fills in.
DEFAULTS: dict[str, Any] = {
    "expected_pod_hash": None,
    "image": None,
    "label_selectors": [],
    "name": "web",
    "restart_at": None,
    "state": "promoted",
    "wait": True,
    "wait_timeout": 60.0,
    "retry_timeout": 60.0,
    "request_timeout": 60.0,
}


@pytest.fixture
def rollouts(defined_server: ApiServer) -> Iterator[ScriptedRollouts]:
    """The Rollouts of a new namespace; the controller works within ``with rollouts``."""
    namespace = f"rollouts-{uuid.uuid4().hex[:8]}"
    raw = defined_server.raw()
    code, answer = raw.send("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert code == 201, answer
    yield ScriptedRollouts(raw, namespace)
    # Nobody removes what is in a namespace of a server without controllers.
    raw.send("DELETE", f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts")
    raw.send("DELETE", f"/api/v1/namespaces/{namespace}")


@pytest.fixture
def engine(rollouts: ScriptedRollouts, defined_server: ApiServer) -> Engine:
    """Calls the engine as a module does, with the defaults of the modules; returns the result or raises the error."""

    def call(function: str = "rollout", *, check: bool = False, **params: Any) -> dict[str, Any]:
        given = {
            **DEFAULTS,
            "kubeconfig": str(defined_server.kubeconfig),
            "namespace": rollouts.namespace,
            **params,
        }
        return dict(getattr(tasks, function)(given, check_mode=check, diff_mode=True))

    return call
