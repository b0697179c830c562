# SPDX-License-Identifier: GPL-3.0-or-later
"""One virtualenv for all contenders, ours among them, with the peers in pinned versions.

It is made once and kept beside the other caches; its name is the hash of everything that it was made from.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.local.layout import cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable

# The package is large and only the carrier of one collection: kubernetes.core 6.2.0.
CARRIER = "ansible==12.3.0 --hash=sha256:cd156f82fa87f7a899212b0efa9f7ca3a24d609212de9f78428a572eb01e5414"
COLLECTION = "ansible_collections/kubernetes/core/"


@dataclass(frozen=True)
class Peers:
    """Where the contenders are.

    Args:
        directory: of the virtualenv and the collections.
    """

    directory: Path

    @property
    def bin(self) -> Path:
        return self.directory / "venv" / "bin"

    @property
    def python(self) -> Path:
        return self.bin / "python"

    @property
    def collections(self) -> Path:
        """For ``ANSIBLE_COLLECTIONS_PATH``."""
        return self.directory / "collections"

    def mitogen_strategies(self) -> Path:
        (found,) = self.directory.glob("venv/lib/python*/site-packages/ansible_mitogen/plugins/strategy")
        return found

    def versions(self) -> dict[str, str]:
        """Return the versions of what is compared and of what it runs on."""
        names = ["ansible-core", "kubernetes", "mitogen", "urllib3", "PyYAML"]
        code = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {names!r}}}))"
        found: dict[str, str] = json.loads(subprocess.check_output([str(self.python), "-c", code], text=True))
        manifest = json.loads((self.collections / COLLECTION / "MANIFEST.json").read_text())
        return {"python": platform.python_version(), **found, "kubernetes.core": manifest["collection_info"]["version"]}


def ensure(root: Path, say: Callable[[str], None]) -> Peers:
    """Return the virtualenv of the contenders; it is made when it is not there."""
    requirements = _requirements(root)
    constraints = root / "requirements" / "constraints.txt"
    made_from = "\n".join([str(root), sys.version, CARRIER, *requirements, constraints.read_text(encoding="utf-8")])
    parent = cache_directory() / "bench"
    directory = parent / hashlib.sha256(made_from.encode()).hexdigest()[:16]
    complete = directory / "complete"
    parent.mkdir(parents=True, exist_ok=True)
    with (parent / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            say("Making the virtualenv of the contenders, once, in about a minute")
            shutil.rmtree(directory, ignore_errors=True)
            peers = Peers(directory)
            subprocess.run([sys.executable, "-m", "venv", str(directory / "venv")], check=True)
            pip = [str(peers.python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "install", "-c", str(constraints), *requirements], check=True)
            _add_collection(pip, peers.collections)
            # As an editable installation does it.
            (site,) = directory.glob("venv/lib/python*/site-packages")
            (site / "miniapp_infra.pth").write_text(f"{root / 'src'}\n")
            complete.touch()
    return Peers(directory)


def _requirements(root: Path) -> list[str]:
    """Return what our package needs and the extra ``bench``."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["bench"]]


def _add_collection(pip: list[str], collections: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        wanted = Path(directory) / "carrier.txt"
        wanted.write_text(CARRIER + "\n")
        command = [*pip, "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
        subprocess.run([*command, "-d", directory, "-r", str(wanted)], check=True)
        (wheel,) = Path(directory).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(collections, [name for name in archive.namelist() if name.startswith(COLLECTION)])
