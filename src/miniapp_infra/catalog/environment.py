# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole environment, and the names that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miniapp_infra.catalog import freeze, naming
from miniapp_infra.catalog.base import Model
from miniapp_infra.catalog.models.access import Access
from miniapp_infra.catalog.models.addons import Addons
from miniapp_infra.catalog.models.cloud import Cloud
from miniapp_infra.catalog.models.cluster import Cluster
from miniapp_infra.catalog.models.data import Data
from miniapp_infra.catalog.models.env import Env
from miniapp_infra.catalog.models.freeze import FreezeWindow
from miniapp_infra.catalog.models.gitops import GitOps
from miniapp_infra.catalog.models.network import EgressRule, Network
from miniapp_infra.catalog.models.quotas import Quotas
from miniapp_infra.catalog.models.services import Service
from miniapp_infra.catalog.models.supply_chain import Registry, SupplyChain
from miniapp_infra.catalog.problems import nearest
from miniapp_infra.catalog.types import ShortName
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


class Environment(Model):
    """Everything that one inventory says. Made by ``miniapp_infra.catalog.load``, which also checks it as a whole."""

    env: Env
    cloud: Cloud
    cluster: Cluster
    network: Network
    registry: Registry
    supply_chain: SupplyChain
    gitops: GitOps
    addons: Addons
    access: Access
    quotas: Quotas
    freeze_windows: tuple[FreezeWindow, ...]
    data: Data
    services: dict[ShortName, Service]

    @property
    def name(self) -> str:
        return self.env.name

    @property
    def domain(self) -> str:
        return self.env.domain

    @property
    def wildcard_host(self) -> str:
        """The host name of the environment's wildcard certificate."""
        return f"*.{self.env.domain}"

    @property
    def service_names(self) -> tuple[str, ...]:
        return tuple(sorted(self.services))

    def service(self, name: str) -> Service:
        """Return a service of the catalogue.

        Raises:
            MiniappInfraError: there is none of this name; the message has the nearest one.
        """
        try:
            return self.services[name]
        except KeyError:
            raise MiniappInfraError(
                f"Failed to find service {name} in {self.name}: unknown service{nearest(name, self.services)}",
                code=ErrorCode.NOT_FOUND,
                hint=f"Services are declared in inventories/{self.name}/group_vars/all/services.yml.",
            ) from None

    @property
    def blue_green_services(self) -> tuple[str, ...]:
        """The services whose new versions wait in preview until somebody promotes them."""
        return tuple(name for name in self.service_names if self.services[name].strategy == "blue_green")

    def callers(self, name: str) -> tuple[str, ...]:
        """Return the services that declare a call to ``name``."""
        return tuple(caller for caller in self.service_names if name in self.services[caller].calls)

    def egress(self, name: str) -> tuple[EgressRule, ...]:
        """Return the outside addresses that a service may reach: those of all services and its own."""
        return (*self.network.egress_defaults, *self.service(name).egress)

    def connection(self, checkout: Path) -> dict[str, str]:
        """Return the options with which modules reach the cluster: ``context``, and ``kubeconfig`` where one is named.

        Args:
            checkout: what a relative path in ``cluster.kubeconfig`` is relative to.
        """
        options = {"context": self.cluster.context}
        if self.cluster.kubeconfig is not None:
            options["kubeconfig"] = str(checkout / self.cluster.kubeconfig)
        return options

    def resource_name(self, service: str) -> str:
        return naming.resource_name(self.name, service)

    def host(self, service: str) -> str:
        return naming.host(service, self.domain)

    def url(self, service: str) -> str:
        """Return the address of a service inside the cluster: its Kubernetes Service, which listens on port 80."""
        self.service(service)
        return f"http://{naming.service_dns(self.name, service)}"

    def image_repository(self, service: str) -> str:
        return naming.image_repository(self.registry.host, self.registry.prefix, service)

    def labels(self, service: str) -> dict[str, str]:
        """Return the labels that the service's objects carry, whatever their version."""
        return naming.labels(self.name, owner=self.service(service).owner, service=service)

    def frozen(self, moment: datetime) -> tuple[freeze.Freeze, ...]:
        """Return the freeze windows in force at ``moment``, which needs a time zone."""
        return freeze.active(self.freeze_windows, moment)
