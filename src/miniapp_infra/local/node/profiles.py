# SPDX-License-Identifier: GPL-3.0-or-later
"""Which profile the local environment has: asked for once, it is kept until ``make down``.

``core`` is what a service needs to be shipped. ``full`` adds what the tests of every module need: Argo Rollouts,
Velero, and the stand-ins for services that a cloud provides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast, get_args

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.node.files import PUBLIC, write

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout

Profile = Literal["core", "full"]


def running(layout: Layout) -> Profile | None:
    """Return the profile that the environment of this checkout was brought up with; None when it was not.

    Raises:
        MiniappInfraError: conflict, when the record is not one of ours.
    """
    try:
        recorded = layout.profile_file.read_text().strip()
    except FileNotFoundError:
        return None
    if recorded not in get_args(Profile):
        raise MiniappInfraError(
            f"{layout.profile_file} says {recorded!r}, which is no profile",
            code=ErrorCode.CONFLICT,
            hint="Run make down, then make up again.",
        )
    return cast("Profile", recorded)


def choose(layout: Layout, asked: Profile) -> Profile:
    """Return the profile to bring up: the one asked for, or the larger one that is there already."""
    return "full" if running(layout) == "full" else asked


def record(layout: Layout, profile: Profile) -> None:
    """Note the profile, from which every later start takes the components."""
    write(layout.profile_file, f"{profile}\n", PUBLIC)
