# SPDX-License-Identifier: GPL-3.0-or-later
"""``ansible-test sanity`` on the collection as users get it, without any file of ignored findings."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.full

ROOT = Path(__file__).parents[3]
LIMIT = 900
"""Seconds. It makes a virtual environment for some of its tests."""

# Stands for the script that ansible-test would download from a site of its own; packages still come from PyPI.
GET_PIP = """\
import subprocess, sys
# In a process of its own, because ensurepip takes the settings of pip away from the process that it runs in.
subprocess.check_call([sys.executable, "-m", "ensurepip"])
arguments = [word for word in sys.argv[1:] if word not in {"--no-setuptools", "--no-wheel"}]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *arguments]))
"""


def pip_version() -> str:
    """Return the version of pip that this ansible-test asks for, by which it looks for the script."""
    spec = find_spec("ansible_test")
    assert spec is not None
    assert spec.submodule_search_locations
    source = Path(next(iter(spec.submodule_search_locations))) / "_internal" / "python_requirements.py"
    found = re.search(r"pip='([0-9.]+)'", source.read_text())
    assert found is not None, f"{source} names no version of pip"
    return found[1]


def pip_settings() -> str:
    """Return the settings with which pip works here, as a file: ansible-test passes no environment on."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    listed = subprocess.run([*pip, "config", "list"], check=True, capture_output=True, text=True).stdout
    cache = subprocess.run([*pip, "cache", "dir"], check=True, capture_output=True, text=True).stdout.strip()
    settings = {"cache-dir": cache}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = ast.literal_eval(value)
    lines = [f"{name} = {indented(value)}" for name, value in settings.items()]
    return "\n".join(["[global]", *lines, ""])


def indented(value: str) -> str:
    """Return a value of several lines as the file takes it."""
    return value.replace("\n", "\n  ")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home directory of ansible-test, with the script that it would download; the tests share its environments."""
    place = tmp_path_factory.mktemp("home")
    cache = place / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True)
    (cache / f"get_pip_{pip_version().replace('.', '_')}.py").write_text(GET_PIP)
    settings = place / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True)
    settings.touch(mode=0o600)
    settings.write_text(pip_settings())
    return place


@pytest.fixture
def collection(tmp_path: Path, ansible_environment: dict[str, str]) -> Path:
    """The archive that ``ansible-galaxy collection build`` makes, unpacked where Ansible looks for collections."""
    build = ["ansible-galaxy", "collection", "build", str(ROOT), "--output-path", str(tmp_path)]
    subprocess.run(build, check=True, capture_output=True, env=ansible_environment)
    place = tmp_path / "ansible_collections" / "fuze" / "miniapp_infra"
    place.mkdir(parents=True)
    with tarfile.open(next(tmp_path.glob("fuze-miniapp_infra-*.tar.gz"))) as archive:
        archive.extractall(place)  # noqa: S202 - we have just built it
    # These are no parts of a collection: Helm templates are no YAML yet, and manifests hold several documents.
    for tree in ("charts", "gitops", "policies"):
        shutil.rmtree(place / tree, ignore_errors=True)
    return place


def sanity(collection: Path, home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    return subprocess.run(
        ["ansible-test", "sanity", "--color", "no", "--python", python, *options],
        cwd=collection,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
        env={**kept, "HOME": str(home), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
    )


def test_the_collection_passes(collection: Path, home: Path) -> None:
    assert not (collection / "tests" / "sanity").exists(), "there are ignored findings"
    done = sanity(collection, home)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
    assert "validate-modules" in done.stderr + done.stdout


def test_it_finds_an_option_that_is_not_documented(collection: Path, home: Path) -> None:
    """The check itself: without this the test above could pass by running nothing."""
    module = collection / "plugins" / "modules" / "cosign_key_pair.py"
    spoilt = module.read_text().replace("own = {", 'own = {"undocumented": {"type": "str"}, ', 1)
    module.write_text(spoilt)
    done = sanity(collection, home, "--test", "validate-modules", "plugins/modules/cosign_key_pair.py")
    assert done.returncode != 0
    assert "undocumented" in done.stdout + done.stderr
