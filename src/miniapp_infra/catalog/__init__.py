# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment model: inventories, the service catalogue, and what is rendered from them.

``load`` reads ``inventories/<env>`` into an ``Environment``; ``catalog.render`` turns that into Kubernetes objects and
Helm values. Nothing here talks to a cluster.
"""

from __future__ import annotations

from miniapp_infra.catalog.environment import Environment
from miniapp_infra.catalog.freeze import Freeze
from miniapp_infra.catalog.loader import load
from miniapp_infra.catalog.problems import CatalogError, Problem
from miniapp_infra.catalog.validation import from_mapping

__all__ = ["CatalogError", "Environment", "Freeze", "Problem", "from_mapping", "load"]
