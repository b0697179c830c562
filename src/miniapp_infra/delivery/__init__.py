# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery: desired state in Git, promotions and rollbacks, and what Argo CD needs to follow them."""

from miniapp_infra.delivery.bootstrap import cluster_objects, git_objects
from miniapp_infra.delivery.flow import Outcome, Status
from miniapp_infra.delivery.ports import Artefacts, Delivery, Deployment, Deployments
from miniapp_infra.delivery.promote import promote
from miniapp_infra.delivery.release import Release
from miniapp_infra.delivery.rollback import rollback

__all__ = [
    "Artefacts",
    "Delivery",
    "Deployment",
    "Deployments",
    "Outcome",
    "Release",
    "Status",
    "cluster_objects",
    "git_objects",
    "promote",
    "rollback",
]
