# SPDX-License-Identifier: GPL-3.0-or-later
"""Argo Rollouts: what a Rollout is doing, and the steps that a person or a program takes with it.

Everything goes through the objects in the Kubernetes API, as the kubectl plugin of Argo Rollouts does it.
"""

from miniapp_infra.rollouts.api import ensure, find_rollout, list_rollouts, refusal
from miniapp_infra.rollouts.cluster import ClusterRollouts
from miniapp_infra.rollouts.models import HASH_LABEL, Goal, Guard, Rollout, Strategy

__all__ = [
    "HASH_LABEL",
    "ClusterRollouts",
    "Goal",
    "Guard",
    "Rollout",
    "Strategy",
    "ensure",
    "find_rollout",
    "list_rollouts",
    "refusal",
]
