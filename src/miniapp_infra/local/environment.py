# SPDX-License-Identifier: GPL-3.0-or-later
"""The local environment as a whole: toolchain, then node, then the images that its pods run.

Each step is a no-op when its result is there already, so that starting twice, or after an interruption anywhere, is the
same as starting once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from miniapp_infra.local import images, node, toolchain

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout

Profile = Literal["core", "full"]
DESIRED_STATE = "platform"
"""Repository of the local Git host that ``gitops.repository`` of the local inventory names."""

Report = Callable[[str], None]


def up(layout: Layout, profile: Profile, report: Report) -> bool:
    """Bring up toolchain, node and images.

    Args:
        layout: the checkout that owns the environment.
        profile: which tools and images are wanted.
        report: is told each step in one line.

    Returns:
        Whether the node had to be started or an image to be published.

    Raises:
        MiniappInfraError: a step failed; the message names it and what to do.
    """
    was_up = is_up(layout)
    tools = toolchain.ensure(layout, profile)
    node.up(layout, report)
    node.ensure_repository(layout, DESIRED_STATE)
    published = images.publish(layout, tools, report)
    return bool(published) or not was_up


def down(layout: Layout, report: Report) -> bool:
    """Stop and remove everything but the caches.

    Returns:
        Whether an environment of this checkout was up.
    """
    was_owned = node.status(layout).owner == str(layout.root)
    node.down(layout, report)
    return was_owned


def is_up(layout: Layout) -> bool:
    """Return whether the environment belongs to this checkout and every component of its node is healthy."""
    found = node.status(layout)
    return found.owner == str(layout.root) and found.healthy
