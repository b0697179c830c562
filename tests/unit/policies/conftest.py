# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from miniapp_infra import catalog
from miniapp_infra.local.layout import Layout
from miniapp_infra.policy import library

ROOT = Path(__file__).parents[3]
POLICIES = ROOT / "policies" / "gatekeeper"


@pytest.fixture(scope="session")
def environment():
    return catalog.load(ROOT / "inventories" / "local")


@pytest.fixture(scope="session")
def policies():
    return library.load(POLICIES)


@pytest.fixture(scope="session")
def gator():
    built = Layout(ROOT).bin / "gator"
    program = str(built) if built.exists() else shutil.which("gator")
    if program is None:
        reason = "gator is part of the toolchain, which `make up` builds"
        if os.environ.get("MINIAPP_INFRA_REQUIRE_LIVE"):
            pytest.fail(reason)
        pytest.skip(reason)
    return program


def pytest_generate_tests(metafunc):
    if "folder" in metafunc.fixturenames:
        folders = sorted(path.parent for path in POLICIES.glob("*/template.yaml"))
        metafunc.parametrize("folder", folders, ids=[folder.name for folder in folders])
