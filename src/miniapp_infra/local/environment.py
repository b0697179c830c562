# SPDX-License-Identifier: GPL-3.0-or-later
"""The local environment as a whole: toolchain, then node, then the images that its pods run.

Each step is a no-op when its result is there already, so that starting twice, or after an interruption anywhere, is the
same as starting once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local import addons, images, node, toolchain
from miniapp_infra.local.node import profiles

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout
    from miniapp_infra.local.node.profiles import Profile

TIME_LIMIT = "MINIAPP_INFRA_TOOLCHAIN_SECONDS"
"""Environment variable: seconds that building tools of the full profile may take; no limit where it is not set."""
DESIRED_STATE = "platform"
"""Repository of the local Git host that ``gitops.repository`` of the local inventory names."""

Report = Callable[[str], None]


def up(layout: Layout, profile: Profile, report: Report) -> bool:
    """Bring up toolchain, node and images.

    Args:
        layout: the checkout that owns the environment.
        profile: which tools, components and images are wanted. An environment that is full already stays full.
        report: is told each step in one line.

    Returns:
        Whether the node had to be started or an image to be published.

    Raises:
        MiniappInfraError: a step failed; the message names it and what to do.
    """
    # What was left out once is built when the full profile is asked for again, not in passing.
    deadline = time_limit() if profile == "full" else 0
    before = node.status(layout)
    chosen = profiles.choose(layout, profile)
    if chosen != profile:
        report("the environment has the full profile, and keeps it until make down")
    tools = toolchain.ensure(layout, chosen, deadline=deadline)
    for name, reason in tools.left_out.items():
        report(f"{name} is left out: {reason}")
    node.up(layout, report, chosen)
    node.ensure_repository(layout, DESIRED_STATE)
    published = images.publish(layout, tools, report)
    addons.record(layout, tools)
    names = [{item.name for item in found.components} for found in (before, node.status(layout))]
    return bool(published) or not _is_up(layout, before) or names[0] != names[1]


def time_limit() -> float | None:
    """Return the seconds that ``MINIAPP_INFRA_TOOLCHAIN_SECONDS`` gives; None when it is not set.

    Raises:
        MiniappInfraError: invalid_input, when it is not a number of seconds.
    """
    given = os.environ.get(TIME_LIMIT, "")
    if not given:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1
    if not seconds >= 0:  # also for nan
        raise MiniappInfraError(
            f"{TIME_LIMIT} must be a number of seconds, 0 or more, not {given!r}", code=ErrorCode.INVALID_INPUT
        )
    return seconds


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
    return _is_up(layout, node.status(layout))


def _is_up(layout: Layout, found: node.NodeStatus) -> bool:
    return found.owner == str(layout.root) and found.healthy
