# SPDX-License-Identifier: GPL-3.0-or-later
"""Counterparts that several integration tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from live_apiserver import ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def empty_api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An apiserver with its own etcd that holds nothing but what Kubernetes itself makes."""
    with ApiServer(tmp_path_factory.mktemp("empty-cluster")) as server:
        yield server


@pytest.fixture(scope="session")
def empty_cluster(empty_api_server: ApiServer) -> Path:
    """The kubeconfig of that API server."""
    return empty_api_server.kubeconfig
