# SPDX-License-Identifier: GPL-3.0-or-later
"""What users install: a wheel with package and collection, and a small collection archive."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
INSIDE = "ansible_collections/fuze/miniapp_infra/"
MOST_BYTES = 2_000_000


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built in a copy of what is not ignored, by the build back end itself: no network is needed."""
    source = tmp_path_factory.mktemp("source")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            target.write_bytes((ROOT / name).read_bytes())
    target = tmp_path_factory.mktemp("wheel")
    code = f"from setuptools import build_meta; print(build_meta.build_wheel({str(target)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    return next(target.glob("*.whl"))


def setuptools_is_old() -> bool:
    spec = importlib.util.find_spec("setuptools")
    if spec is None:
        return True
    return int(importlib.import_module("setuptools").__version__.partition(".")[0]) < 80


@pytest.mark.skipif(
    setuptools_is_old(), reason="building the wheel here needs setuptools 80, as pyproject.toml asks for"
)
def test_the_wheel_has_package_and_collection(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path)  # noqa: S202 - we have just built it
    for path in ("plugins/modules/k8s_apply.py", "meta/runtime.yml", "galaxy.yml", "playbooks/site.yml"):
        assert INSIDE + path in names
    assert "miniapp_infra/kube/apply.py" in names
    assert not [name for name in names if "/tests/" in name or "__pycache__" in name or name.startswith("tests")]
    listed = subprocess.run(
        ["ansible-doc", "--list", "--json", "fuze.miniapp_infra"],
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(tmp_path),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
    )
    assert "fuze.miniapp_infra.k8s_apply" in json.loads(listed.stdout)


def test_the_collection_archive_is_small_and_has_no_state(tmp_path: Path, ansible_environment: dict[str, str]) -> None:
    subprocess.run(
        ["ansible-galaxy", "collection", "build", str(ROOT), "--output-path", str(tmp_path)],
        check=True,
        capture_output=True,
        env=ansible_environment,
    )
    archive = next(tmp_path.glob("fuze-miniapp_infra-*.tar.gz"))
    assert archive.stat().st_size < MOST_BYTES
    with tarfile.open(archive) as content:
        names = set(content.getnames())
    assert {"plugins/modules/k8s_apply.py", "meta/runtime.yml", "README.md"} <= names
    tops = {name.partition("/")[0] for name in names}
    assert not tops & {".local", ".venv", ".git", "tests", "src", "build", "local", ".cache"}
    assert not [name for name in names if "__pycache__" in name]
