# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import yaml

from miniapp_infra.local.node import pki

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout


def test_the_second_run_makes_nothing(layout: Layout) -> None:
    assert "apiserver" in pki.ensure_all(layout)
    before = {path: path.read_bytes() for path in layout.pki.iterdir()}
    assert pki.ensure_all(layout) == []
    assert {path: path.read_bytes() for path in layout.pki.iterdir()} == before


def test_nothing_secret_is_readable_by_others(layout: Layout) -> None:
    pki.ensure_all(layout)
    public = {".crt", ".pub"}
    secret = [path for path in (*layout.pki.iterdir(), layout.kubeconfig) if path.suffix not in public]
    assert len(secret) > 15
    assert {path.name for path in secret if stat.S_IMODE(path.stat().st_mode) != 0o600} == set()


def test_the_admin_kubeconfig_stands_alone(layout: Layout) -> None:
    pki.ensure_all(layout)
    loaded = yaml.safe_load(layout.kubeconfig.read_text())
    assert loaded["clusters"][0]["cluster"]["server"] == "https://198.18.0.2:6443"
    assert set(loaded["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}
    assert str(layout.root) not in layout.kubeconfig.read_text()


def test_the_bundle_ends_with_the_local_authority(layout: Layout) -> None:
    pki.ensure_all(layout)
    assert layout.ca_bundle.read_text().endswith(layout.ca_certificate.read_text())
