# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Argument specifications of the delivery modules; each mirrors a documentation fragment, which a test compares."""

from __future__ import annotations

from typing import Any

EXCLUSIVE = [("git_password", "git_password_file")]


def delivery_spec() -> dict[str, Any]:
    """Return the options of the fragment ``delivery``: the environment, its repository and its registry."""
    return {
        "cosign_binary": {"type": "str", "default": "cosign"},
        "crane_binary": {"type": "str", "default": "crane"},
        "environment": {"type": "raw", "required": True},
        "git_password": {"type": "str", "no_log": True},
        "git_password_file": {"type": "path", "no_log": False},
        "git_username": {"type": "str"},
        "registry_password": {"type": "str", "no_log": True},
        "registry_username": {"type": "str"},
        "root": {"type": "path", "required": True},
        "user": {"type": "str", "default": "miniapp-infra"},
    }


def rollout_spec() -> dict[str, Any]:
    """Return the options of the fragment ``delivery.rollout``: approval, and the wait for the release to run."""
    return {
        "approve": {"type": "bool", "default": False},
        "service": {"type": "str", "required": True},
        "wait": {"type": "bool", "default": True},
        "wait_interval": {"type": "float", "default": 2.0},
        "wait_timeout": {"type": "float", "default": 300.0},
    }
