# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove what an environment left on the machine, and prove that nothing is left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.local.layout import HOST_LINK, POD_CIDR, SERVICE_CIDR, Layout
from miniapp_infra.local.node import cgroups, mounts, network, processes
from miniapp_infra.local.node.commands import run

if TYPE_CHECKING:
    from collections.abc import Iterator

# Fixed paths of kubelet and of the CNI library, which no option moves.
_CONTAINER_LOG_LINKS = Path("/var/log/containers")
_CNI_RESULTS = Path("/var/lib/cni/results")
_CNI_NETWORKS = ("miniapp-", "cni-loopback-")
_CONTAINER_GRACE_SECONDS = 2
_PROGRAM_GRACE_SECONDS = 8


def orphans(layout: Layout) -> list[processes.Process]:
    """Return components whose supervisor has died; shims stay, they keep pods running for the next containerd."""
    return [item for item in processes.marked(layout.state) if not item.shim and not item.contained]


def members(layout: Layout) -> list[processes.Process]:
    """Return every process of the environment: started by us, in our cgroups, or in our network namespaces."""
    networks = {processes.network_identity(handle) for handle in _network_handles(layout)} - {""}
    return [
        item
        for item in processes.running()
        if item.environment == str(layout.state) or item.contained or item.network in networks
    ]


def _network_handles(layout: Layout) -> Iterator[Path]:
    if mounts.is_point(layout.network_namespace):
        yield layout.network_namespace
    yield from _pod_networks(layout).glob("cni-*")


def _pod_networks(layout: Layout) -> Path:
    return layout.runtime / "containerd" / "io.containerd.grpc.v1.cri" / "netns"


def machine(layout: Layout) -> None:
    """Remove processes, mounts, interfaces, namespaces, cgroups and runtime files; works from any half state."""
    everything = members(layout)
    inside = [item for item in everything if item.contained]
    # Components first: a living kubelet or containerd would start or keep what is being removed.
    processes.end([item for item in everything if not item.contained and not item.shim], grace=_PROGRAM_GRACE_SECONDS)
    processes.end(inside, grace=_CONTAINER_GRACE_SECONDS)
    processes.end(members(layout), grace=0)
    mounts.unmount([layout.runtime, layout.data])
    network.down(layout)
    cgroups.remove()
    _remove_log_links(layout)
    _remove_cni_results()
    if layout.runtime.exists():
        shutil.rmtree(layout.runtime)


def _remove_log_links(layout: Layout) -> None:
    if not _CONTAINER_LOG_LINKS.is_dir():
        return
    for link in _CONTAINER_LOG_LINKS.iterdir():
        if link.is_symlink() and link.readlink().is_relative_to(layout.logs):
            link.unlink()
    if not any(_CONTAINER_LOG_LINKS.iterdir()):
        _CONTAINER_LOG_LINKS.rmdir()


def _remove_cni_results() -> None:
    if not _CNI_RESULTS.is_dir():
        return
    for record in _CNI_RESULTS.iterdir():
        if record.name.startswith(_CNI_NETWORKS):
            record.unlink()
    for directory in (_CNI_RESULTS, _CNI_RESULTS.parent):
        if not any(directory.iterdir()):
            directory.rmdir()


def leftovers(layout: Layout) -> list[str]:
    """Return what of an environment is still on the machine, by name, found through the kernel's own tables."""
    links = json.loads(run(["ip", "-json", "link"], "list interfaces"))
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"], "list routes"))
    return [
        *(f"process {item}" for item in members(layout)),
        *(f"mount {point}" for point in mounts.below([layout.runtime, layout.data, layout.network_namespace])),
        *(f"network namespace {layout.network_namespace.name}" for _ in range(int(network.exists()))),
        *(f"interface {link['ifname']}" for link in links if link["ifname"] == HOST_LINK),
        *(f"route {route['dst']}" for route in routes if route.get("dst") in {POD_CIDR, SERVICE_CIDR}),
        *(f"cgroup {home}" for home in cgroups.homes()),
        *(f"directory {layout.runtime}" for _ in range(int(layout.runtime.exists()))),
    ]


def refuse_leftovers(layout: Layout) -> None:
    """Check that nothing is left.

    Raises:
        MiniappInfraError: something is; names it.
    """
    left = leftovers(layout)
    if left:
        raise MiniappInfraError(
            f"Failed to remove the local environment: left over are {', '.join(left)}",
            retryable=True,
            hint="run `make down` again; if it stays, see who uses it with `fuser -vm` or `ip netns pids`",
        )


def state(layout: Layout) -> None:
    """Remove this checkout's state; only the links to programs stay, they cost a rebuild."""
    if not layout.state.is_dir():
        return
    kept = {layout.bin, layout.assets}
    for path in layout.state.iterdir():
        if path in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
