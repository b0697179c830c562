# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine offers, and what we choose because of it: looked up, never assumed."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from os import geteuid
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.node import cgroups
from miniapp_infra.local.node.commands import run

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTERNAL_HINT = (
    "run it as root on Debian or Ubuntu, or use an existing cluster: KUBECONFIG=... make up LOCAL_ENGINE=external"
)
_CAP_SYS_RESOURCE = 24  # linux/capability.h


@dataclass(frozen=True)
class Host:
    """Findings about the machine.

    Args:
        kernel: release of the running kernel.
        cgroup_version: 1 (also for hybrid hosts) or 2.
        may_raise_limits: CAP_SYS_RESOURCE is there, so OOM scores can be lowered.
        overlayfs: an overlay can be mounted where containerd keeps its snapshots.
        bridge_netfilter: packets between two ports of a bridge pass netfilter.
        nftables: the kernel takes nftables rules in a new network namespace.
        ipv6: the kernel has IPv6; the environment uses IPv4 only.
    """

    kernel: str
    cgroup_version: int
    may_raise_limits: bool
    overlayfs: bool
    bridge_netfilter: bool
    nftables: bool
    ipv6: bool

    @property
    def snapshotter(self) -> str:
        return "overlayfs" if self.overlayfs else "native"

    def findings(self) -> Iterator[tuple[str, str, str]]:
        """Yield what was looked for, what was found, and what was chosen because of it."""
        yield "kernel", self.kernel, ""
        yield "cgroups", f"v{self.cgroup_version}", "driver cgroupfs"
        yield (
            "CAP_SYS_RESOURCE",
            _found(self.may_raise_limits),
            "OOM scores as usual" if self.may_raise_limits else "OOM scores are never lowered",
        )
        yield "overlayfs", _found(self.overlayfs), f"snapshotter {self.snapshotter}"
        yield "nftables", _found(self.nftables), "kube-proxy in nftables mode"
        yield (
            "bridge netfilter",
            _found(self.bridge_netfilter),
            "service traffic keeps its source" if self.bridge_netfilter else "service traffic is masqueraded",
        )
        yield "IPv6", _found(self.ipv6), "IPv4 only"


def _found(there: bool) -> str:  # noqa: FBT001 - a predicate's own value
    return "yes" if there else "no"


def require_root_on_linux() -> None:
    """Check what nothing else can work without.

    Raises:
        MiniappInfraError: not Linux, or not root (``unsupported_host``).
    """
    if sys.platform != "linux":
        raise MiniappInfraError(
            f"Failed to set up the local node: it needs Linux, and this is {platform.system()}",
            code=ErrorCode.UNSUPPORTED_HOST,
            hint=EXTERNAL_HINT,
        )
    if geteuid() != 0:
        raise MiniappInfraError(
            "Failed to set up the local node: it needs root for namespaces, mounts and cgroups",
            code=ErrorCode.UNSUPPORTED_HOST,
            hint=EXTERNAL_HINT,
        )


def detect(snapshots: Path) -> Host:
    """Look at the machine.

    Args:
        snapshots: directory on the file system that will hold container layers; made if it is absent.

    Raises:
        MiniappInfraError: something is missing that has no replacement (``unsupported_host``).
    """
    _load_module("overlay")
    _load_module("br_netfilter")
    host = Host(
        kernel=platform.release(),
        cgroup_version=cgroups.version(),
        may_raise_limits=has_capability(Path("/proc/self/status").read_text(), _CAP_SYS_RESOURCE),
        overlayfs=_can_overlay(snapshots),
        bridge_netfilter=Path("/proc/sys/net/bridge/bridge-nf-call-iptables").exists(),
        nftables=_can_nftables(),
        ipv6=Path("/proc/sys/net/ipv6").is_dir(),
    )
    _require(host)
    return host


def _require(host: Host) -> None:
    for there, what in ((host.cgroup_version, "mounted cgroups"), (host.nftables, "nftables in network namespaces")):
        if not there:
            raise MiniappInfraError(
                f"Failed to set up the local node: this kernel ({host.kernel}) or container has no {what}",
                code=ErrorCode.UNSUPPORTED_HOST,
                hint=EXTERNAL_HINT,
            )


def has_capability(status: str, number: int) -> bool:
    """Return whether the effective set in ``/proc/<pid>/status`` has capability ``number``."""
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> number & 1)


def _succeeds(argv: list[str]) -> bool:
    """Return whether a trial works; its output says nothing to the user."""
    return subprocess.run(argv, capture_output=True, check=False, timeout=30).returncode == 0


def _load_module(name: str) -> None:
    """Ask for a module; whether it is there now is found out by using it, since it may be built in."""
    _succeeds(["modprobe", "--quiet", name])


def _can_overlay(parent: Path) -> bool:
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix="overlay-trial-") as trial:
        home = Path(trial)
        for name in ("lower", "upper", "work", "merged"):
            (home / name).mkdir()
        options = f"lowerdir={home}/lower,upperdir={home}/upper,workdir={home}/work"
        mounted = _succeeds(["mount", "-t", "overlay", "-o", options, "overlay", f"{home}/merged"])
        if mounted:
            run(["umount", f"{home}/merged"], "unmount the trial overlay")
        return mounted


def _can_nftables() -> bool:
    return _succeeds(["unshare", "--net", "nft", "add table inet trial"])
