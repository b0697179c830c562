# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from the kernel's own tables."""

from __future__ import annotations

from pathlib import Path

from miniapp_infra.local.node import cgroups, mounts, ports

MOUNTS = r"""proc /proc proc rw 0 0
overlay /run/miniapp-infra/a/rootfs overlay rw 0 0
tmpfs /run/miniapp-infra/with\040space/b/c tmpfs rw 0 0
tmpfs /run/miniapp-infra-other tmpfs rw 0 0
tmpfs /run/miniapp-infra tmpfs rw 0 0
"""


def test_mounts_below_a_directory_come_innermost_first() -> None:
    assert mounts.below([Path("/run/miniapp-infra")], MOUNTS) == [
        Path("/run/miniapp-infra/with space/b/c"),
        Path("/run/miniapp-infra/a/rootfs"),
        Path("/run/miniapp-infra"),
    ]


def test_listening_sockets_are_told_from_connections() -> None:
    table = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 020012C6:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1
   1: 020012C6:192B 010012C6:A2C4 01 00000000:00000000 00:00000000 00000000     0        0 4712 1
   2: 00000000000000000000000000000000:1388 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4713 1
"""
    assert ports.parse(table) == [ports.Listener(6443, 4711), ports.Listener(5000, 4713)]


def test_the_cgroup_version_is_that_of_the_controllers() -> None:
    legacy = "cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n"
    unified = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"
    hybrid = legacy + "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
    assert [cgroups.version(cgroups.hierarchies(table)) for table in (legacy, unified, hybrid)] == [1, 2, 1]
    assert cgroups.version([]) == 0
