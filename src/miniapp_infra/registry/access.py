# SPDX-License-Identifier: GPL-3.0-or-later
"""How a registry is reached: whom to trust and who we are. The same for crane and for cosign."""

from __future__ import annotations

import base64
import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class RegistryAccess:
    """Trust and credentials for one registry.

    Without ``username`` the programs use the caller's Docker configuration and its credential helpers, which is how
    managed registries (ECR, Artifact Registry, GHCR) are meant to be reached.

    Args:
        ca_cert: certificate authority to trust besides the system's own, or None.
        username: user name, or None.
        password: password or token, or None.
        allow_http: whether to talk without TLS.
        token: bearer token, in place of user name and password, or None.
        allow_insecure: whether to talk to a registry whose certificate nobody vouches for.
    """

    ca_cert: Path | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    allow_http: bool = False
    token: str | None = field(default=None, repr=False)
    allow_insecure: bool = False

    def __post_init__(self) -> None:
        if self.ca_cert is not None and not self.ca_cert.is_file():
            raise MiniappInfraError(f"registry_ca_cert: {self.ca_cert} is not a file", code=ErrorCode.INVALID_INPUT)
        if (self.username is None) != (self.password is None):
            raise MiniappInfraError(
                "registry_username and registry_password: one is given without the other",
                code=ErrorCode.INVALID_INPUT,
                hint="give both, or neither to use the Docker configuration",
            )
        if self.token is not None and self.username is not None:
            raise MiniappInfraError(
                "registry_token and registry_username: give one of them, not both", code=ErrorCode.INVALID_INPUT
            )

    @contextmanager
    def environment(self, registry: str) -> Iterator[dict[str, str]]:
        """Give the environment variables under which a program reaches ``registry``.

        Credentials are written to a private file that is gone when the context ends: they appear neither on a command
        line nor in the environment.
        """
        variables: dict[str, str] = {}
        if self.ca_cert is not None:
            # Go reads this file instead of the system's bundle, and still the system's certificate directories.
            variables["SSL_CERT_FILE"] = str(self.ca_cert.absolute())
        login = self._login()
        if not login:
            yield variables
            return
        with tempfile.TemporaryDirectory(prefix="miniapp-registry-") as directory:
            file = Path(directory) / "config.json"
            file.touch(mode=0o600)
            file.write_text(json.dumps({"auths": {registry: login}}))
            yield {**variables, "DOCKER_CONFIG": directory}

    def _login(self) -> dict[str, str]:
        """Return what the Docker configuration says about the registry (its fields ``auth`` and ``registrytoken``)."""
        if self.token is not None:
            return {"registrytoken": self.token}
        if self.username is None:
            return {}
        return {"auth": base64.b64encode(f"{self.username}:{self.password}".encode()).decode()}
