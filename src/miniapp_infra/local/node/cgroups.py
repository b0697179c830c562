# SPDX-License-Identifier: GPL-3.0-or-later
"""The cgroup subtree ``/miniapp-infra`` that holds every pod, on cgroup v1, v2 and hybrid hosts."""

from __future__ import annotations

from pathlib import Path

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.layout import CGROUP

# What kubelet refuses to run without, see its option --cgroups-per-qos.
_NEEDED = ("cpu", "cpuset", "memory", "pids")


def hierarchies(table: str | None = None) -> list[tuple[Path, str]]:
    """Return mount point and type (``cgroup`` or ``cgroup2``) of every mounted cgroup hierarchy."""
    lines = (Path("/proc/self/mounts").read_text() if table is None else table).splitlines()
    fields = (line.split(" ") for line in lines)
    return [(Path(field[1]), field[2]) for field in fields if field[2] in {"cgroup", "cgroup2"}]


def version(mounted: list[tuple[Path, str]] | None = None) -> int:
    """Return 2 on a unified host and 1 on a legacy or hybrid one; 0 when no hierarchy is mounted."""
    types = {kind for _, kind in (hierarchies() if mounted is None else mounted)}
    if "cgroup" in types:
        return 1
    return 2 if "cgroup2" in types else 0


def create() -> None:
    """Make the subtree, with every needed controller usable in it.

    Raises:
        MiniappInfraError: the host does not delegate a needed controller (``unsupported_host``).
    """
    unified = version() == 2  # noqa: PLR2004 - the name of the interface
    for mount, kind in hierarchies():
        home = mount / CGROUP
        home.mkdir(exist_ok=True)
        if kind == "cgroup2":
            if unified:
                _delegate(mount, home)
        elif (home / "cpuset.cpus").exists():
            for name in ("cpuset.cpus", "cpuset.mems"):  # v1 starts with an empty set, in which nothing may run
                (home / name).write_text((mount / name).read_text())


def _delegate(mount: Path, home: Path) -> None:
    enabled = (home / "cgroup.controllers").read_text().split()
    missing = [name for name in _NEEDED if name not in enabled]
    try:
        for name in missing:
            (mount / "cgroup.subtree_control").write_text(f"+{name}")
    except OSError as error:
        raise MiniappInfraError(
            f"Failed to prepare cgroups: controller {name} cannot be enabled in {mount}: {error.strerror}",
            code=ErrorCode.UNSUPPORTED_HOST,
            hint="run on a machine of its own or in a container with a delegated cgroup tree, or use an existing "
            "cluster: KUBECONFIG=... make up LOCAL_ENGINE=external",
        ) from error


def homes() -> list[Path]:
    """Return the existing roots of our subtree, one per hierarchy."""
    return [mount / CGROUP for mount, _ in hierarchies() if (mount / CGROUP).is_dir()]


def pids() -> set[int]:
    """Return the processes in any of our cgroups."""
    return {
        int(pid) for home in homes() for listing in home.rglob("cgroup.procs") for pid in listing.read_text().split()
    }


def remove() -> None:
    """Remove the subtree, which must hold no process any more.

    Raises:
        OSError: a cgroup is still busy.
    """
    for home in homes():
        inner = [path for path in home.rglob("*") if path.is_dir()]
        for path in sorted(inner, key=lambda item: len(item.parts), reverse=True):
            path.rmdir()
        home.rmdir()
