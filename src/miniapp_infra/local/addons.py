# SPDX-License-Identifier: GPL-3.0-or-later
"""Which add-ons of ``gitops/addons/catalogue.yml`` the local environment has everything for.

The inventory says what is wanted, in every environment in the same way. Locally some of it comes with the full profile
only, and a tool that did not fit into the time for the toolchain takes its add-on with it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from miniapp_infra.local.node.files import PUBLIC, write

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout
    from miniapp_infra.local.toolchain import Toolset


def available(layout: Layout, tools: Toolset) -> list[str]:
    """Return the names of the add-ons that can be installed with these tools."""
    catalogue = yaml.safe_load((layout.root / "gitops" / "addons" / "catalogue.yml").read_text())
    return [addon["name"] for addon in catalogue["addons"] if _has_everything(addon["local"], tools)]


def record(layout: Layout, tools: Toolset) -> None:
    """Write them where the role ``addons`` looks."""
    write(layout.available_addons, json.dumps(available(layout, tools)) + "\n", PUBLIC)


def _has_everything(source: dict[str, Any], tools: Toolset) -> bool:
    in_profile = tools.profile == "full" or source.get("profile", "core") == "core"
    return in_profile and tools.left_out.keys().isdisjoint(source.get("tools", ()))
