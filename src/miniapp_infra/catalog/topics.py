# SPDX-License-Identifier: GPL-3.0-or-later
"""Which topic file of an inventory holds which variables, and of which type they are."""

from __future__ import annotations

from pydantic import Field

from miniapp_infra.catalog.base import Model
from miniapp_infra.catalog.models.access import Access
from miniapp_infra.catalog.models.addons import Addons
from miniapp_infra.catalog.models.cloud import Cloud
from miniapp_infra.catalog.models.cluster import Cluster
from miniapp_infra.catalog.models.data import Data
from miniapp_infra.catalog.models.env import Env
from miniapp_infra.catalog.models.freeze import FreezeWindow
from miniapp_infra.catalog.models.gitops import GitOps
from miniapp_infra.catalog.models.network import Network
from miniapp_infra.catalog.models.quotas import Quotas
from miniapp_infra.catalog.models.services import Service
from miniapp_infra.catalog.models.supply_chain import Registry, SupplyChain
from miniapp_infra.catalog.types import ShortName


class AccessFile(Model):
    access: Access


class AddonsFile(Model):
    addons: Addons


class CloudFile(Model):
    cloud: Cloud


class ClusterFile(Model):
    cluster: Cluster


class DataFile(Model):
    data: Data


class EnvironmentFile(Model):
    env: Env


class FreezeFile(Model):
    freeze_windows: tuple[FreezeWindow, ...]


class GitOpsFile(Model):
    gitops: GitOps


class NetworkFile(Model):
    network: Network


class QuotasFile(Model):
    quotas: Quotas


class RegistryFile(Model):
    registry: Registry


class ServicesFile(Model):
    """``service_defaults`` is merged into each service: mappings key by key, everything else is replaced as a whole."""

    service_defaults: Service = Field(description="what services share; a service's own keys win")
    services: dict[ShortName, Service]


class SupplyChainFile(Model):
    supply_chain: SupplyChain


# Alphabetical. The key is the file's name without suffix.
TOPICS: dict[str, type[Model]] = {
    "access": AccessFile,
    "addons": AddonsFile,
    "cloud": CloudFile,
    "cluster": ClusterFile,
    "data": DataFile,
    "environment": EnvironmentFile,
    "freeze": FreezeFile,
    "gitops": GitOpsFile,
    "network": NetworkFile,
    "quotas": QuotasFile,
    "registry": RegistryFile,
    "services": ServicesFile,
    "supply_chain": SupplyChainFile,
}

# Which topic each top-level variable belongs to.
TOPIC_OF: dict[str, str] = {key: topic for topic, model in TOPICS.items() for key in model.model_fields}
