# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks on what an environment stands on: its name, account, node pools, data services and repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miniapp_infra.catalog.models.cloud import Cloud
    from miniapp_infra.catalog.models.cluster import Cluster
    from miniapp_infra.catalog.models.data import Data
    from miniapp_infra.catalog.models.env import Env
    from miniapp_infra.catalog.models.gitops import GitOps
    from miniapp_infra.catalog.models.supply_chain import SupplyChain
    from miniapp_infra.catalog.problems import Location

# Which identifier each provider needs; the other must be null, or a typo could touch somebody else's account.
_IDENTIFIER = {"aws": "account_id", "gcp": "project_id", "local": None}


def name_is_directory(env: Env, directory: str) -> Iterator[tuple[Location, str]]:
    """A copied inventory that still calls itself by the old name would converge the old environment."""
    expected = directory.rpartition("/")[2]
    if expected and env.name != expected:
        yield ("env", "name"), f"must be '{expected}' as the directory {directory} is called, got '{env.name}'"


def account(cloud: Cloud) -> Iterator[tuple[Location, str]]:
    """Exactly the identifier of the provider is set."""
    for key in ("account_id", "project_id"):
        value = getattr(cloud, key)
        if key == _IDENTIFIER[cloud.provider] and value is None:
            yield ("cloud", key), f"must be set when cloud.provider is {cloud.provider}"
        if key != _IDENTIFIER[cloud.provider] and value is not None:
            yield ("cloud", key), f"must be null when cloud.provider is {cloud.provider}, got '{value}'"


def node_pools(cluster: Cluster) -> Iterator[tuple[Location, str]]:
    """A pool's bounds are in order, and the general pool has a node."""
    for pool in ("general", "memory_optimized"):
        bounds = getattr(cluster.node_pools, pool)
        if bounds.max < bounds.min:
            yield (
                ("cluster", "node_pools", pool, "max"),
                f"must be >= cluster.node_pools.{pool}.min ({bounds.min}), got {bounds.max}",
            )
    if cluster.node_pools.general.min < 1:
        yield ("cluster", "node_pools", "general", "min"), "must be >= 1, or nothing can run the add-ons, got 0"


def point_in_time(data: Data) -> Iterator[tuple[Location, str]]:
    """PITR and its window say the same."""
    mongodb = data.mongodb
    if mongodb.pitr != (mongodb.pitr_window_days > 0):
        state, bound = ("true", ">= 1") if mongodb.pitr else ("false", "0")
        yield (
            ("data", "mongodb", "pitr_window_days"),
            f"must be {bound} when data.mongodb.pitr is {state}, got {mongodb.pitr_window_days}",
        )


def bucket_lifecycle(data: Data) -> Iterator[tuple[Location, str]]:
    """What expires before it is archived would be paid for twice."""
    for name in ("config", "assets"):
        bucket = getattr(data.buckets, name)
        expire, archive = bucket.expire_after_days, bucket.archive_after_days
        if 0 < expire <= archive:
            yield (
                ("data", "buckets", name, "expire_after_days"),
                f"must be > data.buckets.{name}.archive_after_days ({archive}) or 0, got {expire}",
            )


def zone_of_domain(env: Env, data: Data) -> Iterator[tuple[Location, str]]:
    """DNS records and DNS01 challenges need a zone that covers the domain."""
    if not any(env.domain == zone or env.domain.endswith(f".{zone}") for zone in data.dns.zones):
        yield ("data", "dns", "zones"), f"must include a zone of env.domain ({env.domain})"


def repository_is_https(gitops: GitOps) -> Iterator[tuple[Location, str]]:
    """Desired state that can be changed on its way is not a source of truth."""
    if not gitops.repository.startswith("https://"):
        yield ("gitops", "repository"), f"must be an https URL, got '{gitops.repository}'"


def readable_signatures(supply_chain: SupplyChain) -> Iterator[tuple[Location, str]]:
    """Admission reads bundles only with a transparency log (policy-controller refuses bundle and plain key)."""
    cosign = supply_chain.cosign
    if cosign.signature_format == "bundle" and not cosign.transparency_log:
        yield (
            ("supply_chain", "cosign", "signature_format"),
            "must be 'legacy' when supply_chain.cosign.transparency_log is false, got 'bundle'",
        )


CHECKS = (
    name_is_directory,
    account,
    node_pools,
    point_in_time,
    bucket_lifecycle,
    zone_of_domain,
    repository_is_https,
    readable_signatures,
)
