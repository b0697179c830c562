# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``miniapp`` command: the operations of the local environment for people."""

from __future__ import annotations

from miniapp_infra.cli.main import main

__all__ = ["main"]
