# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of an inventory that a test can spoil."""

from __future__ import annotations

import copy
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from miniapp_infra.catalog import CatalogError, Environment, load
from miniapp_infra.catalog.topics import TOPIC_OF

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
INVENTORIES = ROOT / "inventories"
ENVIRONMENTS = ("local", "dev", "staging", "prod")
DELETE = object()


@dataclass(frozen=True)
class Spoiled:
    """An inventory in a temporary directory."""

    directory: Path

    def file(self, topic: str) -> Path:
        return self.directory / "group_vars" / "all" / f"{topic}.yml"

    def set(self, path: str, value: Any) -> None:
        """Set a value by its dotted path, with list indices as numbers; ``DELETE`` removes the key."""
        parts: list[Any] = [int(part) if part.isdigit() else part for part in path.split(".")]
        file = self.file(TOPIC_OF[parts[0]])
        content = yaml.safe_load(file.read_text())
        target = content
        for part in parts[:-1]:
            target = target[part] if isinstance(target, list) else target.setdefault(part, {})
        if value is DELETE:
            del target[parts[-1]]
        elif isinstance(target, list) and parts[-1] == len(target):
            target.append(copy.deepcopy(value))
        else:
            target[parts[-1]] = copy.deepcopy(value)
        file.write_text(yaml.safe_dump(content))

    def problems(self) -> list[str]:
        with pytest.raises(CatalogError) as caught:
            load(self.directory)
        return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def spoil(tmp_path: Path) -> Callable[[str], Spoiled]:
    def make(environment: str = "dev") -> Spoiled:
        directory = tmp_path / "inventories" / environment
        shutil.copytree(INVENTORIES / environment, directory)
        return Spoiled(directory)

    return make


@pytest.fixture(scope="session", params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> Environment:
    return load(INVENTORIES / request.param)


@pytest.fixture(scope="session")
def dev() -> Environment:
    return load(INVENTORIES / "dev")
