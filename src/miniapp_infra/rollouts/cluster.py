# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts of a cluster for callers that only read them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from miniapp_infra.kube.custom import CustomObjects
from miniapp_infra.kube.discovery import Discovery
from miniapp_infra.rollouts import api

if TYPE_CHECKING:
    from collections.abc import Callable

    from miniapp_infra.kube.client import Client
    from miniapp_infra.rollouts.models import Rollout


@dataclass
class ClusterRollouts:
    """Reads Rollouts.

    Args:
        connect: opens the connection; called when the first Rollout is asked for.
    """

    connect: Callable[[], Client]

    @cached_property
    def objects(self) -> CustomObjects:
        client = self.connect()
        return CustomObjects(client, Discovery(client))

    def find(self, namespace: str, name: str) -> Rollout | None:
        """Return a Rollout, None when there is none."""
        return api.find_rollout(self.objects, namespace, name)

    def all(self, labels: str = "") -> list[Rollout]:
        """Return the Rollouts of all namespaces that have these labels."""
        return api.list_rollouts(self.objects, labels=labels)

    def refusal(self, rollout: Rollout) -> str:
        """Return why its new version gets no ReplicaSet or no pods; empty when it does."""
        return api.refusal(self.objects, rollout)
