# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a ``Delivery`` together from an inventory and the options of a caller."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.argocd import KubernetesObjects
from miniapp_infra.cosign import Cosign, SignatureFormat
from miniapp_infra.delivery.argocd_deployments import ArgoDeployments
from miniapp_infra.delivery.artefacts import RegistryArtefacts
from miniapp_infra.delivery.charts import Helm
from miniapp_infra.delivery.ports import Delivery
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.githost import Remote, connect
from miniapp_infra.kube.client import Client
from miniapp_infra.kube.connection import ConnectionOptions
from miniapp_infra.registry import RegistryAccess, RegistryClient
from miniapp_infra.rollouts import ClusterRollouts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from miniapp_infra.catalog import Environment


@dataclass(frozen=True)
class Options:
    """Options of the ``delivery`` documentation fragment, under the same names.

    Args:
        root: where relative paths of the inventory start: the checkout.
        user: who acts on the Git host.
        git_username: empty for anonymous access.
        git_password: or token.
        registry_username: None to use the Docker configuration.
        registry_password: or token.
        crane_binary: path or name.
        cosign_binary: path or name.
        helm_binary: path or name.
        wait_timeout: seconds until a release has to run.
        wait_interval: seconds between two looks.
        grace: seconds that an error of Argo CD has to stay to count.
        connection: how the cluster is reached.
    """

    root: Path
    user: str
    git_username: str = ""
    git_password: str = field(default="", repr=False)
    registry_username: str | None = None
    registry_password: str | None = field(default=None, repr=False)
    crane_binary: str = "crane"
    cosign_binary: str = "cosign"
    helm_binary: str = "helm"
    wait_timeout: float = 300
    wait_interval: float = 2
    grace: float = 60
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Options:
        """Pick the options out of the parameters of a module; the others are ignored."""
        names = set(cls.__dataclass_fields__) - {"root", "connection"}
        given = {name: params[name] for name in names if params.get(name) is not None}
        if params.get("git_password_file"):
            given["git_password"] = _secret(Path(params["git_password_file"]))
        return cls(root=Path(params["root"]), connection=ConnectionOptions.from_params(params), **given)


@contextmanager
def open_delivery(environment: Environment, options: Options) -> Iterator[Delivery]:
    """Yield the systems of an environment. The cluster is contacted only when something asks it.

    Raises:
        MiniappInfraError: the repository cannot be read; a file that the inventory names is missing.
    """
    registry = registry_client(environment, options)
    artefacts = RegistryArtefacts(
        registry=registry,
        cosign=Cosign(program=options.cosign_binary, access=registry.access),
        public_key=_reference(options.root, environment.supply_chain.public_key),
        signature_format=SignatureFormat(environment.supply_chain.cosign.signature_format),
    )
    gitops = environment.gitops
    remote = Remote(gitops.repository, options.git_username, options.git_password, _path(options.root, gitops.ca_file))
    # Where one person plays all parts, that person may approve an own change: only in the local environment.
    alone = environment.cloud.provider == "local"
    with connect(remote, user=options.user, branch=gitops.branch, self_approval=alone) as host:
        objects = KubernetesObjects(lambda: Client.connect(options.connection))
        deployments = ArgoDeployments(
            client=objects,
            host=host,
            rollouts=ClusterRollouts(lambda: objects.client),
            blue_green=frozenset(environment.blue_green_services),
            namespace=gitops.argocd_namespace,
            timeout=options.wait_timeout,
            grace=options.grace,
            interval=options.wait_interval,
        )
        yield Delivery(environment, host, artefacts, deployments)


def registry_client(environment: Environment, options: Options) -> RegistryClient:
    """Return a client for the registry of an environment."""
    access = RegistryAccess(
        ca_cert=_path(options.root, environment.registry.ca_file),
        username=options.registry_username,
        password=options.registry_password,
    )
    return RegistryClient(program=options.crane_binary, access=access)


def helm(environment: Environment, options: Options) -> Helm:
    """Return helm for the registry of an environment."""
    return Helm(program=options.helm_binary, access=registry_client(environment, options).access)


def _secret(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise MiniappInfraError(
            f"git_password_file: {file} cannot be read: {error.strerror}", code=ErrorCode.INVALID_INPUT
        ) from error


def _path(root: Path, text: str | None) -> Path | None:
    return None if text is None else root / text


def _reference(root: Path, text: str) -> str:
    """Make a file absolute; a key reference such as ``awskms:///alias/name`` stays as it is."""
    return text if "://" in text else str(root / text)
