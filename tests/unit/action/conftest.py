# SPDX-License-Identifier: GPL-3.0-or-later
"""A collection whose module shows what happens to it, routed to the action plugin as ours are."""

from __future__ import annotations

from pathlib import Path

import pytest

PROBES = Path(__file__).with_name("probes")
RUNTIME = """
requires_ansible: '>=2.19.0'
action_groups:
  all: [probe]
plugin_routing:
  modules:
    probe: {action_plugin: fuze.miniapp_infra.in_process}
    reader: {action_plugin: fuze.miniapp_infra.in_process}
"""


@pytest.fixture(scope="session")
def probes(collections_path: Path) -> None:
    collection = collections_path / "ansible_collections" / "example" / "probes"
    (collection / "meta").mkdir(parents=True)
    (collection / "meta" / "runtime.yml").write_text(RUNTIME)
    (collection / "plugins").symlink_to(PROBES)
