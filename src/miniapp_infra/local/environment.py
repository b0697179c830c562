# SPDX-License-Identifier: GPL-3.0-or-later
"""The local environment as a whole: toolchain, then node, then the images that its pods run.

Each step is a no-op when its result is there already, so that starting twice, or after an interruption anywhere, is the
same as starting once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from miniapp_infra.local import images, node, toolchain
from miniapp_infra.local.layout import Layout

Profile = Literal["core", "full"]
Report = Callable[[str], None]


def up(layout: Layout, profile: Profile, report: Report) -> bool:
    """Bring up toolchain, node and images.

    Args:
        layout: the checkout that owns the environment.
        profile: which tools and images are wanted.
        report: is told each step in one line.

    Returns:
        Whether anything had to be started, built or published.

    Raises:
        MiniappInfraError: a step failed; the message names it and what to do.
    """
    tools = toolchain.ensure(layout, profile)
    started = node.up(layout, report)
    published = images.publish(layout, tools, report)
    return bool(started or published)


def down(layout: Layout, report: Report) -> bool:
    """Stop and remove everything but the caches.

    Returns:
        Whether there was anything to remove.
    """
    return node.down(layout, report)


def is_up(layout: Layout) -> bool:
    """Return whether every component of the node is healthy."""
    return node.status(layout).healthy
