# SPDX-License-Identifier: GPL-3.0-or-later
"""Counterparts that several integration tests share."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from live_apiserver import BIN, ROOT, ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTRACTS = ROOT / "tests" / "contracts"


@pytest.fixture(scope="session")
def empty_api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An apiserver with its own etcd that holds nothing but what Kubernetes itself makes."""
    with ApiServer(tmp_path_factory.mktemp("empty-cluster")) as server:
        yield server


@pytest.fixture(scope="session")
def empty_cluster(empty_api_server: ApiServer) -> Path:
    """The kubeconfig of that API server."""
    return empty_api_server.kubeconfig


@pytest.fixture(scope="session")
def defined_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An apiserver that also has the kinds of Argo Rollouts and cert-manager.

    Not the empty one: what stays there, be it the name of a group, other tests would find.
    """
    files = [*(CONTRACTS / "argo-rollouts").glob("*.crd.yml"), *(CONTRACTS / "cert-manager").glob("*.crd.yml")]
    with ApiServer(tmp_path_factory.mktemp("defined-cluster")) as server:
        kubectl = [str(BIN / "kubectl"), "--kubeconfig", str(server.kubeconfig)]
        given = [f"--filename={file}" for file in files]
        subprocess.run([*kubectl, "apply", "--server-side", *given], check=True, capture_output=True)
        subprocess.run(
            [*kubectl, "wait", "--for=condition=Established", "--timeout=120s", *given], check=True, capture_output=True
        )
        yield server
