# SPDX-License-Identifier: GPL-3.0-or-later
"""``network.yml``: address ranges, NAT, and what every service may reach outside the cluster."""

from __future__ import annotations

from typing import Literal

from miniapp_infra.catalog.base import Model
from miniapp_infra.catalog.types import Cidr, Flag, Name, Port, Text


class EgressRule(Model):
    """One entry of an allow-list.

    NetworkPolicies know addresses only, so ``cidr`` and ``port`` are what is enforced; ``host`` is for the reader, the
    edge's proxy and reviews.
    """

    name: Name
    host: Text
    cidr: Cidr
    port: Port
    protocol: Literal["TCP", "UDP"] = "TCP"


class Nat(Model):
    """Gateways through which private subnets reach the outside."""

    enabled: Flag
    per_zone: Flag


class Network(Model):
    """Subnets lie inside the VPC; VPC, pods and Services have ranges of their own."""

    vpc_cidr: Cidr
    private_subnet_cidrs: tuple[Cidr, ...]
    public_subnet_cidrs: tuple[Cidr, ...]
    pod_cidr: Cidr
    service_cidr: Cidr
    nat: Nat
    egress_defaults: tuple[EgressRule, ...]
