# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test run is promised about its environment, and what a test does where that is missing.

``make test`` promises a live environment (``MINIAPP_INFRA_REQUIRE_LIVE=1``) of a profile (``MINIAPP_INFRA_PROFILE``):
what is missing then is a failure. Without a promise, a test that needs more than there is is skipped, with the reason.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from miniapp_infra.local.layout import Layout
from miniapp_infra.local.node import profiles

if TYPE_CHECKING:
    from collections.abc import Iterable

LAYOUT = Layout(Path(__file__).parents[1])
REQUIRE_LIVE = "MINIAPP_INFRA_REQUIRE_LIVE"
PROFILE = "MINIAPP_INFRA_PROFILE"


def without_live(reason: str) -> NoReturn:
    """Skip a test that needs the live environment, or fail it where the environment is promised."""
    if os.environ.get(REQUIRE_LIVE) == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def require_full_profile() -> None:
    """Skip a test that needs the full profile of the live environment, or fail it where that profile is promised."""
    if profiles.running(LAYOUT) == "full":
        return
    reason = "the full profile of the local environment is not up (start it with: make up PROFILE=full)"
    if os.environ.get(REQUIRE_LIVE) == "1" and os.environ.get(PROFILE) == "full":
        pytest.fail(reason)
    pytest.skip(reason)


def left_out(tools: Iterable[str]) -> str | None:
    """Return why a tool of the full profile is not there, although the profile is; None when all of them are there.

    Only what the toolchain recorded as left out counts. A tool that is missing for another reason is a failure of the
    test that needs it.
    """
    try:
        recorded = json.loads((LAYOUT.state / "toolchain.json").read_text())["left_out"]
    except FileNotFoundError:
        return None
    missing = [f"{name} was left out of the toolchain: {recorded[name]}" for name in tools if name in recorded]
    return "; ".join(missing) or None


def skip_without_tools(item: pytest.Item) -> None:
    """Skip a test whose ``@pytest.mark.tool("velero")`` names a tool that the time for the toolchain left out."""
    named = [name for marker in item.iter_markers("tool") for name in marker.args]
    if reason := left_out(named):
        item.add_marker(pytest.mark.skip(reason=reason))
