# SPDX-License-Identifier: GPL-3.0-or-later
"""``addons.yml``: which add-ons the environment runs, at which version."""

from __future__ import annotations

from miniapp_infra.catalog.base import Model
from miniapp_infra.catalog.types import Flag, Version


class Addon(Model):
    """``enabled: false`` means that somebody else provides it, as a managed cluster provides its DNS."""

    enabled: Flag
    version: Version


class Addons(Model):
    """Add-ons in alphabetical order; how each is installed is data of the ``addons`` role."""

    argo_rollouts: Addon
    argocd: Addon
    coredns: Addon
    gatekeeper: Addon
    policy_controller: Addon
    velero: Addon
