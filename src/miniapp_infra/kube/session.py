# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to an API server and what is known about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.client import Client
from miniapp_infra.kube.connection import ConnectionOptions
from miniapp_infra.kube.discovery import Discovery

if TYPE_CHECKING:
    from collections.abc import Mapping


def connected(params: Mapping[str, Any]) -> tuple[Client, Discovery]:
    """Return a client for the connection options of a module.

    Raises:
        KubeError: the configuration cannot be used.
    """
    client = Client.connect(ConnectionOptions.from_params(params))
    return client, Discovery(client)
