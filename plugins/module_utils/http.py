# SPDX-License-Identifier: GPL-3.0-or-later
# pylint: disable=unused-import ; astroid gives any module of the name http the imports of the standard one
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Argument specifications of the modules that speak to an HTTP API; each mirrors a documentation fragment."""

from __future__ import annotations

from typing import Any


def http_spec() -> dict[str, Any]:
    """Return the options of the fragment ``http``: how a server is reached."""
    return {
        "ca_cert": {"type": "path"},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path", "no_log": False},
        "retries": {"type": "int", "default": 3},
        "timeout": {"type": "float", "default": 30.0},
        "validate_certs": {"type": "bool", "default": True},
    }


def poll_spec(timeout: float) -> dict[str, Any]:
    """Return the options of the fragment ``http.poll``, with this limit as the default of ``wait_timeout``."""
    return {
        "wait": {"type": "bool", "default": True},
        "wait_interval": {"type": "float", "default": 1.0},
        "wait_timeout": {"type": "float", "default": timeout},
    }
