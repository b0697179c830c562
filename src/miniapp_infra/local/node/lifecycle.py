# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the node up, take it down, look at it. Every step of ``up`` completes what an earlier, killed run began."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.layout import Layout
from miniapp_infra.local.node import (
    cgroups,
    cleanup,
    components,
    compose,
    config,
    githost,
    host,
    lock,
    network,
    ownership,
    packages,
    pki,
    ports,
    processes,
    profiles,
    readiness,
    shell,
    sysctls,
)
from miniapp_infra.local.node.supervisor import ComponentState, Supervisor
from miniapp_infra.local.standins import components as standins

if TYPE_CHECKING:
    from collections.abc import Callable

_PROGRAMS = (
    *("bridge", "containerd", "containerd-shim-runc-v2", "ctr", "etcd", "host-local", "kube-apiserver"),
    *("kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet", "loopback", "portmap"),
    *("process-compose", "registry"),
)
_COMPONENTS_SECONDS = 120
_HUNG_SECONDS = 60  # a first start on two busy cores takes a third of it
_NODE_SECONDS = 60


@dataclass(frozen=True)
class NodeStatus:
    """What is up.

    Args:
        owner: checkout whose environment is recorded as up; None when there is none.
        supervised: the supervisor answers.
        components: every component's state; empty while not supervised.
        node: ``Ready``, or why the node is not.
    """

    owner: str | None
    supervised: bool
    components: tuple[ComponentState, ...]
    node: str

    @property
    def healthy(self) -> bool:
        return self.supervised and self.node == "Ready" and all(item.ready for item in self.components)


def _quiet(_: str) -> None:
    """Report nothing."""


def up(layout: Layout, report: Callable[[str], None] = _quiet, profile: profiles.Profile | None = None) -> host.Host:
    """Make the node run: a no-op when it does, otherwise whatever is missing.

    Args:
        layout: the environment.
        report: called with one line per finding and step.
        profile: which components are wanted; None for those of the last time, or of the core profile.

    Returns:
        What was found out about the machine.

    Raises:
        MiniappInfraError: the machine is unsuitable, something foreign is in the way, the state is stale, or a
            component does not become healthy.
    """
    host.require_root_on_linux()
    with lock.exclusive():
        _refuse_missing_programs(layout)
        ownership.refuse_stale(layout)
        if profile:
            profiles.record(layout, profile)
        if installed := packages.ensure(layout):
            report(f"installed {', '.join(installed)}")
        network.refuse_overlap(network.used_networks())
        _take_over(layout, report)
        found = host.detect(layout.data / "containerd")
        for name, value, choice in found.findings():
            report(f"{name}: {value}{f' -> {choice}' if choice else ''}")
        _prepare(layout, found, report)
        _start(layout, report)
        return found


def _refuse_missing_programs(layout: Layout) -> None:
    missing = [name for name in _PROGRAMS if not (layout.bin / name).exists()]
    if missing:
        raise MiniappInfraError(
            f"Failed to start the local node: {layout.bin} lacks {', '.join(missing)}",
            code=ErrorCode.MISSING_TOOL,
            hint="run `make up`, which builds the toolchain first",
        )


def _take_over(layout: Layout, report: Callable[[str], None]) -> None:
    """Record that the environment is this checkout's, after removing what a dead one left."""
    owner, own = ownership.owner(layout), ownership.read(layout.state_file)
    boot = ownership.boot_id()
    if owner and (owner.checkout != str(layout.root) or owner.boot != boot):
        report(f"removing what the dead environment of {owner.checkout} left")
        cleanup.machine(Layout(Path(owner.checkout), layout.runtime))
        sysctls.restore(owner.sysctls if owner.boot == boot else {})
    before = own.sysctls if own and own.boot == boot else sysctls.current()
    record = ownership.Record(str(layout.root), ownership.FORMAT, boot, before)
    layout.runtime.mkdir(mode=0o711, parents=True, exist_ok=True)
    ownership.save(layout.state_file, record)
    ownership.save(layout.owner_file, record)


def _prepare(layout: Layout, found: host.Host, report: Callable[[str], None]) -> None:
    for directory in (layout.data / "etcd", layout.logs / "audit", layout.logs / "pods", layout.data / "registry"):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if made := pki.ensure_all(layout):
        report(f"certificates made: {', '.join(made)}")
    if changed := config.render(layout, found):
        report(f"configuration written: {', '.join(changed)}")
    githost.prepare(layout)
    shell.write_exports(layout)
    cgroups.create()
    network.up(layout)
    if profiles.running(layout) == "full":
        standins.prepare(layout)


def _start(layout: Layout, report: Callable[[str], None]) -> None:
    supervisor, wanted = Supervisor(layout), components.all_components(layout)
    if not supervisor.alive():
        lost = cleanup.orphans(layout)
        if lost:
            report(f"ending components without supervisor: {', '.join(map(str, lost))}")
            processes.end(lost, grace=10)
    ports.refuse_foreign(layout, {port: item.name for item in wanted for port in item.ports})
    for line in supervisor.apply(
        compose.project(layout, wanted), {item.name: compose.launcher(item) for item in wanted}
    ):
        report(line)
    try:
        supervisor.wait_until_ready(_HUNG_SECONDS)
    except MiniappInfraError:
        for state in supervisor.unhealthy():
            if state.pid:  # it runs and is silent: the one case that the supervisor leaves to us
                report(f"restarting {state.name}, which does not answer")
                supervisor.restart(state.name)
        supervisor.wait_until_ready(_COMPONENTS_SECONDS)
    readiness.wait(layout, _NODE_SECONDS)
    report("node is Ready")


def down(layout: Layout, report: Callable[[str], None] = _quiet, *, keep_data: bool = False) -> None:
    """End and remove the environment with all its data; does nothing where there is none.

    A stale ``.local`` is removed as well, but another checkout's living environment is left alone.

    Args:
        layout: the environment.
        report: called with one line per step.
        keep_data: leave ``.local`` as it is, so that the next ``up`` continues with the same data.

    Raises:
        MiniappInfraError: something could not be removed; names it.
    """
    host.require_root_on_linux()
    with lock.exclusive():
        owner = _readable(layout)
        if owner and _belongs_to_another(layout, owner):
            report(f"the environment of {owner.checkout} is up and is left alone")
        else:
            if Supervisor(layout).stop():
                report("components stopped")
            if owner and owner.checkout != str(layout.root):  # it was moved to here, or died
                cleanup.machine(Layout(Path(owner.checkout), layout.runtime))
            cleanup.machine(layout)
            sysctls.restore(owner.sysctls if owner and owner.boot == ownership.boot_id() else {})
            cleanup.refuse_leftovers(layout)
            report("processes, mounts, interfaces, namespaces and cgroups removed")
        if not keep_data:
            cleanup.state(layout)
            report(f"{layout.state} emptied")


def _readable(layout: Layout) -> ownership.Record | None:
    """Return the owner; None also for a broken record, which is what ``down`` is there to remove."""
    try:
        return ownership.owner(layout)
    except MiniappInfraError:
        return None


def _belongs_to_another(layout: Layout, owner: ownership.Record) -> bool:
    """Return whether ``owner`` is another checkout that still exists and whose environment is alive."""
    other = owner.checkout != str(layout.root)
    return other and ownership.exists(owner) and ownership.is_alive(owner)


def status(layout: Layout) -> NodeStatus:
    """Look at the environment without changing anything."""
    owner = _readable(layout)
    supervisor = Supervisor(layout)
    supervised = supervisor.alive()
    return NodeStatus(
        owner=owner.checkout if owner else None,
        supervised=supervised,
        components=tuple(supervisor.states()) if supervised else (),
        node=readiness.condition(layout) if supervised else "no supervisor runs",
    )
