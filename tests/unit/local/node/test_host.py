# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.node import host

if TYPE_CHECKING:
    from miniapp_infra.local.node.host import Host


def test_without_root_the_error_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "geteuid", lambda: 1000)
    with pytest.raises(MiniappInfraError, match="needs root") as caught:
        host.require_root_on_linux()
    assert caught.value.code is ErrorCode.UNSUPPORTED_HOST
    assert "LOCAL_ENGINE=external" in caught.value.hint


def test_another_system_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(MiniappInfraError, match="needs Linux"):
        host.require_root_on_linux()


def test_capabilities_are_read_from_the_effective_set() -> None:
    status = "CapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t000001fffeffffff\n"
    assert not host.has_capability(status, 24)
    assert host.has_capability(status, 23)


@pytest.mark.parametrize(("missing", "word"), [({"cgroup_version": 0}, "cgroups"), ({"nftables": False}, "nftables")])
def test_what_has_no_replacement_is_refused(missing: dict[str, int], word: str, found: Host) -> None:
    with pytest.raises(MiniappInfraError, match=word):
        host._require(replace(found, **missing))


def test_every_finding_that_matters_says_what_was_chosen(found: Host) -> None:
    poor = replace(found, overlayfs=False, bridge_netfilter=False, may_raise_limits=False)
    text = "\n".join(" ".join(item) for item in poor.findings())
    assert "snapshotter native" in text
    assert "masqueraded" in text
    assert "never lowered" in text
