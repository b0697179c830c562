# SPDX-License-Identifier: GPL-3.0-or-later
"""Atlas, without databases behind it."""

from __future__ import annotations

import pytest

from .emulator import Emulator


@pytest.fixture
def atlas():
    with Emulator() as emulator:
        yield emulator
