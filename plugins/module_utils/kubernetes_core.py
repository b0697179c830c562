# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of ``k8s_apply`` that are there so that a task written for ``kubernetes.core.k8s`` needs a new name only."""

from __future__ import annotations

from typing import Any


def kubernetes_core_spec() -> dict[str, Any]:
    """Return the options of ``kubernetes.core.k8s`` that ``k8s_apply`` does not have for its own sake."""
    return {
        "api_version": {"type": "str", "default": "v1", "aliases": ["api", "version"]},
        "append_hash": {"type": "bool", "default": False},
        "apply": {"type": "bool"},
        "continue_on_error": {"type": "bool", "default": False},
        "delete_all": {"type": "bool", "default": False, "aliases": ["all"]},
        "delete_options": {
            "type": "dict",
            "options": {
                "gracePeriodSeconds": {"type": "int"},
                "preconditions": {
                    "type": "dict",
                    "options": {"resourceVersion": {"type": "str"}, "uid": {"type": "str"}},
                },
                "propagationPolicy": {"type": "str", "choices": ["Foreground", "Background", "Orphan"]},
            },
        },
        "force": {"type": "bool", "default": False},
        "generate_name": {"type": "str"},
        "hidden_fields": {"type": "list", "elements": "str", "default": []},
        "kind": {"type": "str"},
        "label_selectors": {"type": "list", "elements": "str", "default": []},
        "merge_type": {"type": "list", "elements": "str", "choices": ["merge", "strategic-merge"]},
        "name": {"type": "str"},
        "server_side_apply": {
            "type": "dict",
            "options": {
                "field_manager": {"type": "str", "required": True},
                "force_conflicts": {"type": "bool", "default": False},
            },
        },
        "validate": {
            "type": "dict",
            "options": {
                "fail_on_error": {"type": "bool"},
                "strict": {"type": "bool", "default": True},
                "version": {"type": "str"},
            },
        },
        "wait_sleep": {"type": "int"},
    }
