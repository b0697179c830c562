# SPDX-License-Identifier: GPL-3.0-or-later
"""A Vault, AWS Secrets Manager by moto, and Google's Secret Manager judged by its discovery document."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from gcp_secret_manager import SecretManager
from live_vault import PROGRAM, LiveVault
from promises import without_live
from vault_contract import ContractVault

from .backends import AwsBackend, Backend, GcpBackend, VaultBackend

if TYPE_CHECKING:
    from collections.abc import Iterator

VAULT_MARKS = [pytest.mark.live, pytest.mark.full, pytest.mark.tool("vault")]
BACKENDS = [
    pytest.param("aws"),
    pytest.param("gcp"),
    pytest.param("documented_vault"),
    pytest.param("vault", marks=VAULT_MARKS),
]


@pytest.fixture(scope="session")
def real_vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveVault]:
    """A real Vault with the engines kv and transit and the methods approle and kubernetes."""
    if not PROGRAM.is_file():
        without_live(f"{PROGRAM} does not exist (build it with: make up PROFILE=full)")
    with LiveVault(tmp_path_factory.mktemp("vault")) as server:
        yield server


@pytest.fixture(scope="session")
def contract_vault() -> Iterator[ContractVault]:
    """What the documentation of Vault says, where no Vault was built."""
    with ContractVault() as server:
        yield server


@pytest.fixture(params=[pytest.param("contract"), pytest.param("real", marks=VAULT_MARKS)])
def vault(request: pytest.FixtureRequest) -> LiveVault | ContractVault:
    """Each of them."""
    found: LiveVault | ContractVault = request.getfixturevalue(f"{request.param}_vault")
    return found


@pytest.fixture(scope="session")
def vault_backend(real_vault: LiveVault) -> Backend:
    return VaultBackend(real_vault)


@pytest.fixture(scope="session")
def documented_vault_backend(contract_vault: ContractVault) -> Backend:
    return VaultBackend(contract_vault)


@pytest.fixture(scope="session")
def aws_backend() -> Iterator[Backend]:
    # It would print a line for each request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    yield AwsBackend(url, boto3.client("secretsmanager", region_name="eu-central-1", endpoint_url=url, **keys))
    server.stop()


@pytest.fixture(scope="session")
def gcp_backend() -> Iterator[Backend]:
    with SecretManager() as manager:
        yield GcpBackend(manager)
        assert manager.complaints == []


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each place for key rings."""
    found: Backend = request.getfixturevalue(f"{request.param}_backend")
    return found
