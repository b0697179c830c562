# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks on egress allow-lists: an entry must not open what another rule closes."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from miniapp_infra.catalog.models.network import EgressRule, Network
    from miniapp_infra.catalog.models.services import Service
    from miniapp_infra.catalog.problems import Location

# The clouds serve node credentials from a link-local address (169.254.169.254).
_LINK_LOCAL = IPv4Network("169.254.0.0/16")
# Wider than this is no allow-list any more.
_WIDEST_PREFIX = 8


def _all(network: Network, services: Mapping[str, Service]) -> Iterator[tuple[Location, EgressRule]]:
    for index, rule in enumerate(network.egress_defaults):
        yield ("network", "egress_defaults", index), rule
    for name, service in services.items():
        for index, rule in enumerate(service.egress):
            yield ("services", name, "egress", index), rule


def narrow(network: Network, services: Mapping[str, Service]) -> Iterator[tuple[Location, str]]:
    """Entries reach the outside only: never pods or Services, whose paths are ``calls``, and never node credentials."""
    closed = {
        "network.pod_cidr": (network.pod_cidr, "declare a call instead"),
        "network.service_cidr": (network.service_cidr, "declare a call instead"),
        "the link-local range": (str(_LINK_LOCAL), "it serves the credentials of nodes"),
    }
    for location, rule in _all(network, services):
        cidr = IPv4Network(rule.cidr)
        if cidr.prefixlen < _WIDEST_PREFIX:
            yield (*location, "cidr"), f"must be /{_WIDEST_PREFIX} or narrower, got {rule.cidr}"
            continue
        for name, (other, instead) in closed.items():
            if cidr.overlaps(IPv4Network(other)):
                yield (*location, "cidr"), f"{rule.cidr} overlaps {name} ({other}); {instead}"


def unique_names(network: Network, services: Mapping[str, Service]) -> Iterator[tuple[Location, str]]:
    """Each entry becomes a NetworkPolicy of its name in the service's namespace."""
    shared = [rule.name for rule in network.egress_defaults]
    for index, name in enumerate(shared):
        if name in shared[:index]:
            yield ("network", "egress_defaults", index, "name"), f"duplicate name '{name}'"
    for service, spec in services.items():
        seen = set(shared)
        for index, rule in enumerate(spec.egress):
            if rule.name in seen:
                yield (
                    ("services", service, "egress", index, "name"),
                    f"duplicate name '{rule.name}'; the service or network.egress_defaults has it already",
                )
            seen.add(rule.name)


CHECKS = (narrow, unique_names)
