# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.local.node import cleanup
from miniapp_infra.local.node.processes import SHIM, Process

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout


def test_only_the_links_to_programs_survive(layout: Layout) -> None:
    for directory in (layout.bin, layout.assets, layout.data / "etcd", layout.pki):
        directory.mkdir(parents=True)
    outside = layout.root / "outside"
    outside.mkdir()
    (layout.state / "link").symlink_to(outside)
    layout.kubeconfig.write_text("")
    cleanup.state(layout)
    assert sorted(path.name for path in layout.state.iterdir()) == ["assets", "bin"]
    assert outside.is_dir()
    cleanup.state(layout)


def test_what_is_left_is_named(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "leftovers", lambda _: [])
    cleanup.refuse_leftovers(layout)
    monkeypatch.setattr(cleanup, "leftovers", lambda _: ["mount /a", "process etcd (pid 7)"])
    with pytest.raises(MiniappInfraError, match=r"left over are mount /a, process etcd \(pid 7\)"):
        cleanup.refuse_leftovers(layout)


def test_shims_and_containers_are_no_orphans(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    etcd = Process(1, "etcd", str(layout.state), "", "")
    shim = Process(2, f"{SHIM}-runc-v2", str(layout.state), "", "")
    app = Process(3, "app", str(layout.state), "0::/miniapp-infra/kubepods/x\n", "")
    monkeypatch.setattr(cleanup.processes, "running", lambda: iter([etcd, shim, app]))
    assert cleanup.orphans(layout) == [etcd]
    assert cleanup.members(layout) == [etcd, shim, app]
