# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Argument specifications of the Velero modules; each mirrors a part of the documentation fragment ``velero``."""

from __future__ import annotations

from typing import Any


def velero_spec() -> dict[str, Any]:
    """Return the options of the fragment ``velero``: which Velero."""
    return {"namespace": {"type": "str", "default": "velero"}}


def _names() -> dict[str, Any]:
    return {"type": "list", "elements": "str"}


def filter_spec() -> dict[str, Any]:
    """Return the options of the fragment ``velero.filters``: what backups and restores are about."""
    return {
        "excluded_namespaces": _names(),
        "excluded_resources": _names(),
        "hooks": {"type": "dict"},
        "include_cluster_resources": {"type": "bool"},
        "included_namespaces": _names(),
        "included_resources": _names(),
        "item_operation_timeout": {"type": "str"},
        "label_selector": {"type": "dict"},
        "or_label_selectors": {"type": "list", "elements": "dict"},
    }


def backup_spec() -> dict[str, Any]:
    """Return the options of the fragment ``velero.backup``: what else a backup is made of."""
    return {
        "csi_snapshot_timeout": {"type": "str"},
        "default_volumes_to_fs_backup": {"type": "bool"},
        "excluded_cluster_scoped_resources": _names(),
        "excluded_namespace_scoped_resources": _names(),
        "included_cluster_scoped_resources": _names(),
        "included_namespace_scoped_resources": _names(),
        "ordered_resources": {"type": "dict"},
        "resource_policy": {"type": "str"},
        "snapshot_move_data": {"type": "bool"},
        "snapshot_volumes": {"type": "bool"},
        "storage_location": {"type": "str"},
        "ttl": {"type": "str"},
        "volume_snapshot_locations": _names(),
    }


def run_spec() -> dict[str, Any]:
    """Return the options of the fragment ``velero.run``: how a backup or a restore is identified, followed, judged."""
    return {
        "accept_partial": {"type": "bool", "default": False},
        "fetch_log": {"type": "str", "choices": ["on_failure", "always", "never"], "default": "on_failure"},
        "idempotency_key": {"type": "str", "no_log": False},
        "name": {"type": "str"},
        "stall_timeout": {"type": "float", "default": 1800.0},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "float", "default": 3600.0},
    }
