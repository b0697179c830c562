# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from miniapp_infra.local.layout import Layout
from miniapp_infra.local.node import config, githost, pki
from miniapp_infra.local.node.host import Host

REPOSITORY = Path(__file__).parents[4]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A checkout with nothing but the node's own content."""
    root = tmp_path / "checkout"
    (root / "local").mkdir(parents=True)
    (root / "local" / "node").symlink_to(REPOSITORY / "local" / "node")
    return Layout(root, runtime=tmp_path / "run")


@pytest.fixture
def found() -> Host:
    """A machine that has everything."""
    return Host("6.1", 2, may_raise_limits=True, overlayfs=True, bridge_netfilter=True, nftables=True, ipv6=True)


@pytest.fixture
def prepared(layout: Layout, found: Host) -> Layout:
    """A checkout with certificates and configuration."""
    pki.ensure_all(layout)
    config.render(layout, found)
    githost.prepare(layout)
    return layout
