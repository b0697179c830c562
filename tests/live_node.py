# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes the live environment has, as the machine sees them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.local.node import components, processes

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout

SECONDS = 15


WORKER = "postgres: "
"""How PostgreSQL's server names its own workers."""


def programs(layout: Layout) -> list[str]:
    """Return the program of each process that is ours and in no pod, sorted."""
    found = (item.program for item in processes.marked(layout.state) if not item.shim)
    return sorted(program for program in found if not program.startswith(WORKER))


def assert_each_component_runs_once(layout: Layout) -> None:
    """Allow a moment for the short-lived helpers that components start, such as kube-proxy's nft."""
    expected = sorted(["process-compose", *(Path(item.argv[0]).name for item in components.all_components(layout))])
    deadline = time.monotonic() + SECONDS
    while (found := programs(layout)) != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found == expected
