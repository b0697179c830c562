# SPDX-License-Identifier: GPL-3.0-or-later
"""All programs that the node consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miniapp_infra.local.node import control_plane, profiles, workers
from miniapp_infra.local.standins import components as standins

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout
    from miniapp_infra.local.node.component import Component


def all_components(layout: Layout) -> list[Component]:
    """Return the components of the profile, in an order in which each comes after what it needs."""
    node = [
        control_plane.etcd(layout),
        control_plane.apiserver(layout),
        control_plane.controller_manager(layout),
        control_plane.scheduler(layout),
        workers.containerd(layout),
        workers.kubelet(layout),
        workers.kube_proxy(layout),
        workers.registry(layout),
        workers.git(layout),
    ]
    return [*node, *standins.of_environment(layout)] if profiles.running(layout) == "full" else node
