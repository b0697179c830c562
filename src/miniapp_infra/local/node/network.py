# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment's network namespace and its one link to the host.

No default route on either side: nothing in the namespace can reach any other machine, and nothing of the host's traffic
changes its way. Every step can be repeated, so a half-made network is completed by the next run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.layout import (
    ENVIRONMENT_BLOCK,
    HOST_ADDRESS,
    HOST_LINK,
    NETWORK_NAMESPACE,
    NODE_ADDRESS,
    POD_CIDR,
    SERVICE_CIDR,
    Layout,
)
from miniapp_infra.local.node import mounts
from miniapp_infra.local.node.commands import run

if TYPE_CHECKING:
    from collections.abc import Iterable

_NODE_LINK = "eth0"
# kube-proxy rewrites service addresses, but only packets that have a route reach its rules.
_SERVICE_LINK = "svc0"


@dataclass(frozen=True)
class Use:
    """An IPv4 network that an interface of the host uses, as its address or through a route."""

    interface: str
    network: IPv4Network


def in_namespace(layout: Layout, argv: Iterable[str]) -> list[str]:
    """Return ``argv`` prefixed so that it runs in the namespace.

    ``ip netns exec`` would remount ``/sys`` and hide the cgroups from kubelet.
    """
    return ["nsenter", f"--net={layout.network_namespace}", "--", *argv]


def used_networks() -> list[Use]:
    """Return what the host's interfaces use now, without default routes."""
    addresses = json.loads(run(["ip", "-json", "-4", "address"], "list addresses"))
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"], "list routes"))
    return [*_from_addresses(addresses), *_from_routes(routes)]


def _from_addresses(links: list[dict[str, Any]]) -> Iterable[Use]:
    for link in links:
        for item in link.get("addr_info", ()):
            if "local" in item:
                yield Use(link["ifname"], IPv4Network(f"{item['local']}/{item['prefixlen']}", strict=False))


def _from_routes(routes: list[dict[str, Any]]) -> Iterable[Use]:
    for route in routes:
        if route.get("dst", "default") != "default":
            network = ip_network(route["dst"], strict=False)
            if isinstance(network, IPv4Network):
                yield Use(str(route.get("dev", "a route without interface")), network)


def refuse_overlap(uses: Iterable[Use]) -> None:
    """Check that nobody else uses our addresses.

    A wider foreign route, such as a VPN's 128.0.0.0/1, does no harm: ours are more specific.

    Raises:
        MiniappInfraError: an interface that is not ours uses part of 198.18.0.0/15 (``conflict``).
    """
    block = IPv4Network(ENVIRONMENT_BLOCK)
    for use in uses:
        if use.interface != HOST_LINK and use.network.subnet_of(block):
            raise MiniappInfraError(
                f"Failed to set up the network: interface {use.interface} already uses {use.network}, "
                f"and the local environment needs {ENVIRONMENT_BLOCK}",
                code=ErrorCode.CONFLICT,
                hint=f"remove that address or route (ip address del / ip route del ... dev {use.interface}), or use an "
                "existing cluster: KUBECONFIG=... make up LOCAL_ENGINE=external",
            )


def exists() -> bool:
    """Return whether the namespace has its name."""
    listed = json.loads(run(["ip", "-json", "netns", "list"], "list network namespaces") or "[]")
    return any(item["name"] == NETWORK_NAMESPACE for item in listed)


def _has_link(name: str, *, inside: bool) -> bool:
    scope = ["-n", NETWORK_NAMESPACE] if inside else []
    links = json.loads(run(["ip", *scope, "-json", "link"], "list interfaces") or "[]")
    return any(link["ifname"] == name for link in links)


def up(layout: Layout) -> None:
    """Create or complete the namespace, its link to the host and its routes."""
    if layout.network_namespace.exists() and not mounts.is_point(layout.network_namespace):
        layout.network_namespace.unlink()  # a killed `ip netns add`, or a file that outlived a boot
    if not exists():
        run(["ip", "netns", "add", NETWORK_NAMESPACE], f"create network namespace {NETWORK_NAMESPACE}")
    host, node = _has_link(HOST_LINK, inside=False), _has_link(_NODE_LINK, inside=True)
    if host and not node:
        run(["ip", "link", "del", HOST_LINK], f"remove interface {HOST_LINK} without its peer")
    if not (host and node):
        run(
            ["ip", "link", "add", HOST_LINK, "type", "veth", "peer", "name", _NODE_LINK, "netns", NETWORK_NAMESPACE],
            f"create interface {HOST_LINK}",
        )
    if not _has_link(_SERVICE_LINK, inside=True):
        run(
            ["ip", "-n", NETWORK_NAMESPACE, "link", "add", _SERVICE_LINK, "type", "bridge"], "create the service bridge"
        )
    run(
        ["ip", "-n", NETWORK_NAMESPACE, "-batch", "-"],
        "configure the network namespace",
        stdin=f"""link set lo up
address replace {NODE_ADDRESS}/30 dev {_NODE_LINK}
link set {_NODE_LINK} up
link set {_SERVICE_LINK} up
route replace {SERVICE_CIDR} dev {_SERVICE_LINK} src {NODE_ADDRESS}
""",
    )
    run(
        ["ip", "-batch", "-"],
        f"configure interface {HOST_LINK}",
        stdin=f"""address replace {HOST_ADDRESS}/30 dev {HOST_LINK}
link set {HOST_LINK} up
route replace {POD_CIDR} via {NODE_ADDRESS} dev {HOST_LINK}
route replace {SERVICE_CIDR} via {NODE_ADDRESS} dev {HOST_LINK}
""",
    )
    run(in_namespace(layout, ["tee", "/proc/sys/net/ipv4/ip_forward"]), "let pods be reached", stdin="1\n")


def down(layout: Layout) -> None:
    """Remove the link, its routes and the namespace; nothing happens where there is none."""
    if _has_link(HOST_LINK, inside=False):
        run(["ip", "link", "del", HOST_LINK], f"remove interface {HOST_LINK}")
    if mounts.is_point(layout.network_namespace):
        run(["ip", "netns", "del", NETWORK_NAMESPACE], f"remove network namespace {NETWORK_NAMESPACE}")
    layout.network_namespace.unlink(missing_ok=True)
    _remove_empty_handle_directory(layout)


def _remove_empty_handle_directory(layout: Layout) -> None:
    """Undo what the first ``ip netns add`` of a boot did to ``/run/netns``, unless somebody else has one there."""
    home = layout.network_namespace.parent
    if home.is_dir() and not any(home.iterdir()):
        while mounts.is_point(home):
            run(["umount", "--", str(home)], f"unmount {home}")
        home.rmdir()
