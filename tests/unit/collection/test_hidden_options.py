# SPDX-License-Identifier: GPL-3.0-or-later
"""Which options a result may show."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
SPEC: dict[str, Any] = {
    "chart": {"type": "dict", "options": {"values": {"type": "dict", "no_log": True}}},
    "key": {"type": "str", "no_log": False},
    "token": {"type": "str", "no_log": True, "aliases": ["api_key"]},
}


def shown(params: dict[str, Any]) -> dict[str, Any]:
    module = runpy.run_path(str(ROOT / "plugins" / "module_utils" / "engine.py"))
    result: dict[str, Any] = module["without_secrets"](params, SPEC)
    return result


def test_secret_options_are_hidden_by_name_by_alias_and_inside_of_others() -> None:
    found = shown({"token": "canary", "api_key": "canary", "chart": {"values": {"x": "canary"}}, "key": "path"})
    assert "canary" not in str(found)
    assert found["key"] == "path"


def test_options_that_were_not_given_are_not_shown() -> None:
    assert shown({"token": None, "key": None, "chart": {"values": None}}) == {"chart": {}}
