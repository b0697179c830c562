# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the local environment keeps its files, and which addresses it uses.

Sockets and other runtime state live under ``/run`` because a UNIX socket path is limited to 107 bytes and a checkout
may sit deep in a tree. Addresses come from 198.18.0.0/15, which RFC 2544 reserves for benchmarks and which is never
routed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

NODE_ADDRESS = "198.18.0.2"
HOST_ADDRESS = "198.18.0.1"
POD_CIDR = "198.19.0.0/24"
SERVICE_CIDR = "198.19.128.0/20"
DNS_SERVICE_ADDRESS = "198.19.128.10"
APISERVER_PORT = 6443
REGISTRY_PORT = 5000
GIT_PORT = 3000
REGISTRY = f"{NODE_ADDRESS}:{REGISTRY_PORT}"
GIT_URL = f"https://{NODE_ADDRESS}:{GIT_PORT}"
MOTO_PORT = 4566
MOTO_URL = f"http://{NODE_ADDRESS}:{MOTO_PORT}"
METERING_PORT = 4570
METERING_URL = f"http://{NODE_ADDRESS}:{METERING_PORT}"
POSTGRESQL_PORT = 5432
POSTGRESQL_URL = f"postgresql://postgres@{NODE_ADDRESS}:{POSTGRESQL_PORT}/postgres"
MONGODB_PORT = 27017
MONGODB_URL = f"mongodb://{NODE_ADDRESS}:{MONGODB_PORT}/"
VAULT_PORT = 8200
VAULT_URL = f"http://{NODE_ADDRESS}:{VAULT_PORT}"
NETWORK_NAMESPACE = "miniapp"
NODE_NAME = "miniapp-local"
ENVIRONMENT_BLOCK = "198.18.0.0/15"
HOST_LINK = "miniapp0"
CLUSTER_DOMAIN = "cluster.local"
ENVIRONMENT_VARIABLE = "MINIAPP_INFRA_ENVIRONMENT"
CGROUP = "miniapp-infra"


def cache_directory() -> Path:
    """Return the cache that survives ``make down``: ``$MINIAPP_INFRA_CACHE`` or ``~/.cache/miniapp-infra``."""
    override = os.environ.get("MINIAPP_INFRA_CACHE")
    return Path(override) if override else Path.home() / ".cache" / "miniapp-infra"


@dataclass(frozen=True)
class Layout:
    """Paths of one local environment, which belongs to one checkout.

    Args:
        root: the checkout.
        runtime: sockets and other state that must not outlive a boot.
    """

    root: Path
    runtime: Path = Path("/run/miniapp-infra")

    @property
    def state(self) -> Path:
        return self.root / ".local"

    @property
    def bin(self) -> Path:
        """Links to every program of the toolchain, by its plain name."""
        return self.state / "bin"

    @property
    def assets(self) -> Path:
        """Links to the files that a tool's module ships beside its programs: ``assets/<tool>/...``."""
        return self.state / "assets"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def pki(self) -> Path:
        """``ca.crt`` and ``ca.key`` sign every certificate of the environment."""
        return self.state / "pki"

    @property
    def signing(self) -> Path:
        """``cosign.key``, ``cosign.pub`` and ``password`` (0600): the key pair that admission trusts."""
        return self.state / "signing"

    @property
    def data(self) -> Path:
        """What etcd, containerd, the registry and the Git server keep."""
        return self.state / "data"

    @property
    def repositories(self) -> Path:
        """Bare Git repositories ``<name>.git`` that the Git server offers."""
        return self.data / "git"

    @property
    def config(self) -> Path:
        """Configuration files rendered from ``templates``; never edited by hand."""
        return self.state / "config"

    @property
    def state_file(self) -> Path:
        """Says which checkout this state belongs to and in which format it is."""
        return self.state / "state.json"

    @property
    def profile_file(self) -> Path:
        """Says which profile the environment has, until ``make down``."""
        return self.state / "profile"

    @property
    def available_addons(self) -> Path:
        """Names of the add-ons that the environment has everything for, as a JSON list."""
        return self.state / "addons.json"

    @property
    def shell_exports(self) -> Path:
        """``. .local/env`` makes a shell talk to the environment."""
        return self.state / "env"

    @property
    def git_password(self) -> Path:
        """Password of the user ``miniapp``, who may push (0600)."""
        return self.state / "git-password"

    @property
    def postgresql(self) -> Path:
        """Cluster ``data``, ``archive`` of finished WAL segments and ``pg_hba.conf``; below data, mounted here.

        The server runs as a user who may not be able to look into the checkout, so it gets to them on another way.
        """
        return self.runtime / "postgresql"

    @property
    def postgresql_passwords(self) -> Path:
        """Password of PostgreSQL's superuser, in the form of ``PGPASSFILE`` (0600)."""
        return self.state / "pgpass"

    @property
    def vault_token(self) -> Path:
        """Root token of Vault (0600)."""
        return self.state / "vault-token"

    @property
    def ca_certificate(self) -> Path:
        return self.pki / "ca.crt"

    @property
    def ca_bundle(self) -> Path:
        """The system's authorities plus the local one, for ``SSL_CERT_FILE``."""
        return self.pki / "ca-bundle.crt"

    @property
    def owner_file(self) -> Path:
        """Says which checkout's environment is up on this machine."""
        return self.runtime / "owner.json"

    @property
    def supervisor_socket(self) -> Path:
        return self.runtime / "supervisor.sock"

    @property
    def containerd_socket(self) -> Path:
        return self.runtime / "containerd" / "containerd.sock"

    @property
    def network_namespace(self) -> Path:
        """The handle that ``nsenter --net=`` takes."""
        return Path("/run/netns") / NETWORK_NAMESPACE

    @property
    def node_content(self) -> Path:
        """Templates and package list of the node, part of the repository."""
        return self.root / "local" / "node"
