# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.node import network
from miniapp_infra.local.node.network import Use, refuse_overlap


@pytest.mark.parametrize("used", ["198.18.0.0/15", "198.18.5.0/24", "198.19.255.255/32"])
def test_a_foreign_use_of_our_addresses_is_refused_by_name(used: str) -> None:
    with pytest.raises(MiniappInfraError, match="interface tun7 already uses " + used) as caught:
        refuse_overlap([Use("tun7", IPv4Network(used))])
    assert caught.value.code is ErrorCode.CONFLICT
    assert "tun7" in caught.value.hint
    assert "LOCAL_ENGINE=external" in caught.value.hint


@pytest.mark.parametrize(
    "use",
    [
        Use("miniapp0", IPv4Network("198.18.0.0/30")),
        Use("eth0", IPv4Network("198.17.0.0/16")),
        Use("vpn0", IPv4Network("128.0.0.0/1")),
    ],
)
def test_our_own_link_other_addresses_and_wider_routes_are_no_conflict(use: Use) -> None:
    refuse_overlap([use])


def test_addresses_and_routes_are_read_but_not_the_default_route() -> None:
    uses = [
        *network._from_addresses([{"ifname": "eth0", "addr_info": [{"local": "10.0.0.7", "prefixlen": 24}, {}]}]),
        *network._from_routes([{"dst": "default", "dev": "eth0"}, {"dst": "198.18.7.1", "dev": "tun0"}]),
    ]
    assert uses == [Use("eth0", IPv4Network("10.0.0.0/24")), Use("tun0", IPv4Network("198.18.7.1/32"))]
