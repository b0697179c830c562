# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks on address ranges."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations
from typing import TYPE_CHECKING

from miniapp_infra.catalog.problems import Location, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miniapp_infra.catalog.models.network import Network


def _ranges(network: Network) -> dict[Location, str]:
    return {("network", key): getattr(network, key) for key in ("vpc_cidr", "pod_cidr", "service_cidr")}


def _subnets(network: Network) -> dict[Location, str]:
    return {
        ("network", key, index): cidr
        for key in ("private_subnet_cidrs", "public_subnet_cidrs")
        for index, cidr in enumerate(getattr(network, key))
    }


def no_overlap(network: Network) -> Iterator[tuple[Location, str]]:
    """An address must have one meaning: VPC, pod or Service; and belong to one subnet."""
    for group in (_ranges(network), _subnets(network)):
        for (first, first_cidr), (second, second_cidr) in combinations(group.items(), 2):
            if first_cidr == second_cidr:
                yield second, f"duplicate CIDR {second_cidr}, which {dotted(first)} has as well"
            elif IPv4Network(first_cidr).overlaps(IPv4Network(second_cidr)):
                yield second, f"{second_cidr} overlaps {dotted(first)} ({first_cidr})"


def subnets_in_vpc(network: Network) -> Iterator[tuple[Location, str]]:
    """A subnet is a part of its VPC."""
    for location, cidr in _subnets(network).items():
        if not IPv4Network(cidr).subnet_of(IPv4Network(network.vpc_cidr)):
            yield location, f"{cidr} is not inside network.vpc_cidr ({network.vpc_cidr})"


def nodes_have_subnets(network: Network) -> Iterator[tuple[Location, str]]:
    """Nodes live in private subnets only (spec section 5)."""
    if not network.private_subnet_cidrs:
        yield ("network", "private_subnet_cidrs"), "must have at least one subnet, as nodes live in private subnets"


CHECKS = (no_overlap, subnets_in_vpc, nodes_have_subnets)
