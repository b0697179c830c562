# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of Vault: fragment, argument specification and environment variables agree."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from types import ModuleType

PLUGINS = Path(__file__).parents[3] / "plugins"
SHARED = ("type", "default", "choices", "aliases", "elements")


def loaded(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), PLUGINS / f"{path}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def comparable(options: dict[str, Any]) -> dict[str, Any]:
    return {name: {key: option.get(key) for key in SHARED} for name, option in options.items()}


@pytest.fixture(scope="module")
def text() -> str:
    fragment: str = loaded("doc_fragments/vault").ModuleDocFragment.DOCUMENTATION
    return fragment


def test_the_fragment_agrees_with_the_argument_specification(text: str) -> None:
    documented = yaml.safe_load(text)["options"]
    assert comparable(documented) == comparable(loaded("module_utils/vault").vault_spec())


def test_environment_variables_are_documented(text: str) -> None:
    spec = loaded("module_utils/vault").vault_spec()
    variables = [name for option in spec.values() for name in option.get("fallback", (None, []))[1]]
    assert len(variables) > 10
    assert [name for name in variables if f"E({name})" not in text] == []


def test_credentials_are_hidden() -> None:
    spec = loaded("module_utils/vault").vault_spec()
    assert {name for name, option in spec.items() if option.get("no_log")} == {"jwt", "secret_id", "token"}
