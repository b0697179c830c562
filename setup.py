# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the collection into the wheel, so that one ``pip install`` brings the package and the collection of one version.

Everything else about the build is in pyproject.toml. An editable install leaves the collection in the checkout.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
COLLECTION = Path("ansible_collections", "fuze", "miniapp_infra")
DIRECTORIES = ("charts", "gitops", "inventories", "meta", "observability", "playbooks", "plugins", "policies", "roles")
FILES = ("LICENSE", "README.md", "galaxy.yml", "requirements.yml")
SKIPPED = {"__pycache__", "tests"}


def collection_files() -> list[Path]:
    """Return the files of the collection, relative to the checkout."""
    inside = [path for name in DIRECTORIES for path in sorted((ROOT / name).rglob("*")) if path.is_file()]
    paths = [path.relative_to(ROOT) for path in [*(ROOT / name for name in FILES), *inside]]
    return [path for path in paths if not SKIPPED.intersection(path.parts)]


class BuildWithCollection(build_py):
    """``build_py`` that also copies the collection beside the package."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source, target in self._copies():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:  # noqa: FBT001, FBT002 - overrides
        outputs: list[str] = super().get_outputs(include_bytecode)
        return outputs if self.editable_mode else [*outputs, *(str(target) for _, target in self._copies())]

    def _copies(self) -> list[tuple[Path, Path]]:
        return [(ROOT / path, Path(self.build_lib) / COLLECTION / path) for path in collection_files()]


setup(cmdclass={"build_py": BuildWithCollection})
