# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that ``make up`` and ``make status`` end with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.table import Table

from miniapp_infra import catalog
from miniapp_infra.cosign import Cosign
from miniapp_infra.delivery.overview import ServiceOverview, overview
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.client import Client
from miniapp_infra.kube.connection import ConnectionOptions
from miniapp_infra.local import node
from miniapp_infra.local.node import profiles
from miniapp_infra.local.standins.components import ADDRESSES, left_out
from miniapp_infra.registry import RegistryAccess

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from miniapp_infra.local.layout import Layout

_DIGEST_CHARACTERS = len("sha256:") + 12
_WIDTH = 140
_NEXT = """Next:
  curl {address}/version
  make ship SERVICE=playhub VERSION=1.1.0
  make rollback SERVICE=playhub
  . .local/env && kubectl get applications -n argocd
  make test"""


def print_summary(layout: Layout, inventory: str, console: Console, kubeconfig: Path | None = None) -> None:
    """Print what runs in an environment and what to try next.

    Args:
        layout: the checkout.
        inventory: directory of the environment, relative to the checkout.
        console: where to print.
        kubeconfig: of the cluster to ask instead of the one that the inventory names.

    Raises:
        MiniappInfraError: the inventory is invalid, or the cluster cannot be reached.
    """
    environment = catalog.load(layout.root / inventory)
    connection = {"kubeconfig": str(kubeconfig)} if kubeconfig else environment.connection(layout.root)
    client = Client.connect(ConnectionOptions.from_params(connection))
    services = overview(environment, client, _cosign(layout, environment), _public_key(layout, environment))
    console.width = max(console.width, _WIDTH)
    console.print(_table(environment.name, services))
    if kubeconfig is None and profiles.running(layout) == "full":
        console.print(_standins(layout))
    console.print(_NEXT.format(address=services[0].address), highlight=False)


def _standins(layout: Layout) -> Table:
    """Return what the full profile has besides, and why something of it is not there."""
    states = {item.name: "healthy" if item.ready else item.status for item in node.status(layout).components}
    states |= {name: f"left out: {reason}" for name, reason in left_out(layout).items()}
    table = Table(title="Stand-ins of the full profile", title_justify="left")
    table.add_column("stand-in", no_wrap=True)
    table.add_column("address", no_wrap=True)
    table.add_column("state")  # may be a reason of some length
    for name, address in ADDRESSES.items():
        table.add_row(name, address, states.get(name, "not running"))
    return table


def _public_key(layout: Layout, environment: catalog.Environment) -> Path:
    reference = environment.supply_chain.public_key
    if "://" in reference:
        raise MiniappInfraError(
            f"Failed to show who signed the images of {environment.name}: {reference} is no file",
            code=ErrorCode.INVALID_INPUT,
            hint="Use the module cosign_verify, which takes such references.",
        )
    return layout.root / reference


def _cosign(layout: Layout, environment: catalog.Environment) -> Cosign:
    own = layout.bin / "cosign"
    ca_file = environment.registry.ca_file
    return Cosign(
        program=str(own) if os.access(own, os.X_OK) else "cosign",
        access=RegistryAccess(ca_cert=layout.root / ca_file if ca_file else None),
    )


def _table(name: str, services: list[ServiceOverview]) -> Table:
    table = Table(title=f"Environment {name}", title_justify="left")
    for column in ("service", "version", "image digest", "signed by", "sync", "health", "address"):
        table.add_column(column, no_wrap=True)
    for item in services:
        table.add_row(
            item.service,
            item.version,
            item.digest[:_DIGEST_CHARACTERS],
            item.signed_by[:_DIGEST_CHARACTERS],
            item.sync,
            item.health,
            item.address,
        )
    return table
