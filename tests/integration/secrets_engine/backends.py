# SPDX-License-Identifier: GPL-3.0-or-later
"""The three places for key rings, each with a second door, and a gate in front of every request."""

from __future__ import annotations

import contextlib
import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import hvac

from gcp_secret_manager import PROJECT, SecretManager
from gcp_secret_manager import TOKEN as GCP_TOKEN
from live_vault import TOKEN as VAULT_TOKEN
from miniapp_infra.http import Answer, HttpOptions, JsonClient
from miniapp_infra.secrets.rotation.aws_store import AwsStore
from miniapp_infra.secrets.rotation.gcp_store import GcpStore
from miniapp_infra.secrets.rotation.vault_store import VaultStore
from miniapp_infra.secrets.vault.client import Vault
from miniapp_infra.secrets.vault.kv2 import Kv2Path

if TYPE_CHECKING:
    from collections.abc import Callable

    from live_vault import LiveVault
    from miniapp_infra.secrets.rotation.store import Store
    from vault_contract import ContractVault


class Crash(BaseException):
    """The process is gone. No part of the engine may catch it."""


@dataclass
class Gate:
    """Stands before each request.

    Args:
        crash_before: number of the request before which the process ends; 0 for none.
        meet: called before the request with the number ``meet_before``.
    """

    crash_before: int = 0
    meet_before: int = 0
    meet: Callable[[], Any] = lambda: None
    calls: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) == self.crash_before:
            raise Crash
        if len(self.calls) == self.meet_before:
            self.meet()


@dataclass
class GatedHttp(JsonClient):
    gate: Gate = field(default_factory=Gate)

    def request(self, method: str, path: str, **arguments: Any) -> Answer:
        self.gate(f"{method} {path}")
        return super().request(method, path, **arguments)


class GatedBoto:
    def __init__(self, client: Any, gate: Gate) -> None:
        self._client, self._gate = client, gate

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self._gate(name)
            return getattr(self._client, name)(**arguments)

        return call


class Backend:
    """What tests need of a place."""

    kind: str

    def name(self) -> str:
        return f"test-{uuid.uuid4().hex[:12]}"

    def store(self, name: str, gate: Gate | None = None) -> Store:
        raise NotImplementedError

    def params(self, name: str) -> dict[str, Any]:
        """Options of the module."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Environment of the module."""
        return {}

    def document(self, name: str) -> dict[str, Any] | None:
        """What a service reads, by another library."""
        raise NotImplementedError

    def readable(self, name: str) -> list[str]:
        """All versions that somebody could still read."""
        raise NotImplementedError

    def summary(self, name: str) -> dict[str, str]:
        """What is written beside the secret."""
        raise NotImplementedError

    def put(self, name: str, document: dict[str, Any]) -> None:
        """Make a secret by hand."""
        raise NotImplementedError


class VaultBackend(Backend):
    kind = "vault_kv2"

    def __init__(self, vault: LiveVault | ContractVault) -> None:
        self._vault = vault
        self._kv = vault.root.secrets.kv.v2

    def store(self, name: str, gate: Gate | None = None) -> Store:
        headers = {"X-Vault-Token": VAULT_TOKEN, "X-Vault-Request": "true"}
        client = GatedHttp(HttpOptions(self._vault.url), headers, "Vault", gate=gate or Gate())
        return VaultStore(Kv2Path(Vault(client), "secret", name))

    def params(self, name: str) -> dict[str, Any]:
        return {"backend": self.kind, "name": name, "url": self._vault.url, "token": VAULT_TOKEN}

    def document(self, name: str) -> dict[str, Any] | None:
        with contextlib.suppress(hvac.exceptions.InvalidPath):
            return dict(self._kv.read_secret_version(name, raise_on_deleted_version=True)["data"]["data"])
        return None

    def readable(self, name: str) -> list[str]:
        versions = self._kv.read_secret_metadata(name)["data"]["versions"]
        return [
            json.dumps(self._kv.read_secret_version(name, int(number), raise_on_deleted_version=True)["data"]["data"])
            for number, version in versions.items()
            if not version["destroyed"]
        ]

    def summary(self, name: str) -> dict[str, str]:
        return dict(self._kv.read_secret_metadata(name)["data"]["custom_metadata"] or {})

    def put(self, name: str, document: dict[str, Any]) -> None:
        self._kv.create_or_update_secret(name, document)


class AwsBackend(Backend):
    kind = "aws_secrets_manager"

    def __init__(self, url: str, client: Any) -> None:
        self._url, self._client = url, client

    def store(self, name: str, gate: Gate | None = None) -> Store:
        return AwsStore(GatedBoto(self._client, gate or Gate()), name)

    def params(self, name: str) -> dict[str, Any]:
        return {"backend": self.kind, "name": name, "region": "eu-central-1", "endpoint_url": self._url}

    def environment(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

    def document(self, name: str) -> dict[str, Any] | None:
        with contextlib.suppress(self._client.exceptions.ResourceNotFoundException):
            found = self._client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")
            return dict(json.loads(found["SecretString"]))
        return None

    def readable(self, name: str) -> list[str]:
        # Without a label a version is one that AWS removes.
        stages = self._client.describe_secret(SecretId=name)["VersionIdsToStages"]
        return [
            self._client.get_secret_value(SecretId=name, VersionId=version)["SecretString"]
            for version, labels in stages.items()
            if labels
        ]

    def summary(self, name: str) -> dict[str, str]:
        tags = self._client.describe_secret(SecretId=name).get("Tags") or []
        return {tag["Key"].removeprefix("miniapp-infra:"): tag["Value"] for tag in tags}

    def put(self, name: str, document: dict[str, Any]) -> None:
        self._client.create_secret(Name=name, SecretString=json.dumps(document))


class GcpBackend(Backend):
    kind = "gcp_secret_manager"

    def __init__(self, manager: SecretManager) -> None:
        self.manager = manager

    def store(self, name: str, gate: Gate | None = None) -> Store:
        headers = {"Authorization": f"Bearer {GCP_TOKEN}"}
        client = GatedHttp(HttpOptions(self.manager.url), headers, "Secret Manager", gate=gate or Gate())
        return GcpStore(client, PROJECT, name)

    def params(self, name: str) -> dict[str, Any]:
        endpoint = {"gcp_endpoint": self.manager.url, "gcp_token": GCP_TOKEN}
        return {"backend": self.kind, "name": name, "project": PROJECT, **endpoint}

    def document(self, name: str) -> dict[str, Any] | None:
        stored = self.manager.secrets.get(name)
        if stored is None or "versionAliases" not in stored.secret:
            return None
        return dict(self.manager.document(name))

    def readable(self, name: str) -> list[str]:
        return self.manager.readable(name)

    def summary(self, name: str) -> dict[str, str]:
        return dict(self.manager.secrets[name].secret.get("annotations") or {})

    def put(self, name: str, document: dict[str, Any]) -> None:
        self.manager.put(name, json.dumps(document))
