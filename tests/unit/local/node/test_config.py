# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import stat
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.layout import Layout
from miniapp_infra.local.node import config

if TYPE_CHECKING:
    from pathlib import Path

    from miniapp_infra.local.node.host import Host


def test_every_file_is_well_formed(prepared: Layout) -> None:
    parsed = 0
    for path in (item for item in prepared.config.rglob("*") if item.is_file()):
        if path.suffix == ".yaml":
            assert isinstance(yaml.safe_load(path.read_text()), dict), path
        elif path.suffix == ".toml":
            tomllib.loads(path.read_text())
        elif path.suffix == ".conflist":
            json.loads(path.read_text())
        else:
            continue
        parsed += 1
    assert parsed >= 12


def test_no_registry_but_the_local_one_is_ever_asked(prepared: Layout) -> None:
    for name in ("docker.io", "ghcr.io", "public.ecr.aws", "quay.io", "registry.k8s.io", "198.18.0.2:5000"):
        hosts = tomllib.loads((prepared.config / "certs.d" / name / "hosts.toml").read_text())
        assert hosts["server"] == "https://198.18.0.2:5000"
        assert list(hosts["host"]) == ["https://198.18.0.2:5000"]


def test_files_with_keys_are_for_their_owner_only(prepared: Layout) -> None:
    key = (prepared.pki / "encryption.key").read_text()
    secret = (prepared.pki / "registry.secret").read_text()
    holders = [
        path for path in prepared.config.rglob("*.yaml") if key in path.read_text() or secret in path.read_text()
    ]
    assert sorted(path.name for path in holders) == ["encryption.yaml", "registry.yaml"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in holders)


def test_a_second_run_changes_nothing(prepared: Layout, found: Host) -> None:
    assert config.render(prepared, found) == []


@pytest.mark.parametrize(
    ("finding", "file", "expected"),
    [
        ({"overlayfs": False}, "containerd.toml", 'snapshotter = "native"'),
        ({"may_raise_limits": False}, "containerd.toml", "restrict_oom_score_adj = true"),
        ({"may_raise_limits": False}, "kubelet.yaml", "oomScoreAdj: 0"),
        ({"bridge_netfilter": False}, "kube-proxy.yaml", "masqueradeAll: true"),
    ],
)
def test_a_finding_decides(prepared: Layout, finding: dict[str, bool], file: str, expected: str, found: Host) -> None:
    assert expected not in (prepared.config / file).read_text()
    assert file in config.render(prepared, replace(found, **finding))
    assert expected in (prepared.config / file).read_text()


def test_a_path_that_configuration_files_cannot_hold_is_refused(tmp_path: Path, found: Host) -> None:
    with pytest.raises(MiniappInfraError, match="contains ' '") as caught:
        config.render(Layout(tmp_path / "my checkout"), found)
    assert caught.value.code is ErrorCode.INVALID_INPUT
    assert "move the checkout" in caught.value.hint
