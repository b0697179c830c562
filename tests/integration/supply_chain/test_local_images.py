# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of the running environment: in the registry as recorded, and left alone by a second publication."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from miniapp_infra.local.images import publish
from miniapp_infra.local.layout import REGISTRY, Layout
from miniapp_infra.local.toolchain import Toolset

from .oracle import Oracle

pytestmark = pytest.mark.live

LAYOUT = Layout(Path(__file__).parents[3])


def recorded() -> dict[str, str]:
    entries = json.loads((LAYOUT.state / "images.json").read_text())
    return {name: entry["digest"] for name, entry in entries.items()}


def test_the_registry_holds_what_is_recorded_under_the_path_of_the_upstream_name() -> None:
    oracle = Oracle(REGISTRY, LAYOUT.ca_certificate)
    images = recorded()
    assert "registry.k8s.io/pause:3.10" in images
    for name, digest in images.items():
        path, tag = name.split("/", 1)[1].rsplit(":", 1)
        manifest = oracle.get(path, "manifests", tag)
        assert manifest is not None, name
        assert f"sha256:{hashlib.sha256(manifest).hexdigest()}" == digest
        config = json.loads(oracle.get(path, "blobs", json.loads(manifest)["config"]["digest"]) or b"{}")
        assert not config["config"]["User"].startswith("0"), name


def test_publishing_again_makes_nothing() -> None:
    reports: list[str] = []
    before = recorded()
    assert publish(LAYOUT, Toolset.load(LAYOUT), reports.append) is False
    assert (reports, recorded()) == ([], before)
