# SPDX-License-Identifier: GPL-3.0-or-later
"""The local node: a real single-node Kubernetes with registry and Git server in a network namespace of its own."""

from miniapp_infra.local.node.githost import ensure_repository
from miniapp_infra.local.node.lifecycle import NodeStatus, down, status, up

__all__ = ["NodeStatus", "down", "ensure_repository", "status", "up"]
