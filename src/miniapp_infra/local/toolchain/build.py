# SPDX-License-Identifier: GPL-3.0-or-later
"""Build one tool into a directory: compile, copy the module's files, ask each program for its version."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.toolchain.golang import Go, GoCaches, environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.local.toolchain.recipes import Program, Tool

_SHOWN_LINES = 15
_FULL_DISK = "The disk is full: free space, or set MINIAPP_INFRA_CACHE to a directory on a larger file system. "
_ASK_SECONDS = 60
"""How long a program may take to print its version; the largest reads 150 MB from a cold disk first."""


class OutOfTimeError(MiniappInfraError):
    """A build was stopped because its time was over."""


@dataclass(frozen=True)
class Builder:
    """Builds tools with one compiler.

    Attributes:
        go: the compiler.
        caches: its caches.
        lock: descriptor of the store's lock, inherited by the compiler.
        logs: directory of the log files, one per tool.
    """

    go: Go
    caches: GoCaches
    lock: int
    logs: Path

    def start(self) -> None:
        """Create the directories, without the temporary files that a killed compiler left; only under the lock."""
        shutil.rmtree(self.caches.temporary, ignore_errors=True)
        for directory in (self.logs, self.caches.modules, self.caches.builds, self.caches.temporary):
            directory.mkdir(parents=True, exist_ok=True)

    def build(self, tool: Tool, target: Path, timeout: float | None = None) -> None:
        """Fill ``target`` with ``bin`` and ``assets``.

        Args:
            tool: what to build.
            target: an empty directory.
            timeout: seconds after which the build is stopped; None for no limit.

        Raises:
            MiniappInfraError: upstream, when it does not compile or a program does not state the pinned version.
            OutOfTimeError: the time was over.
        """
        self._log(tool).unlink(missing_ok=True)
        compiled = target / "compiled"
        packages = [program.package for program in tool.recipe.programs.values()]
        # GOFLAGS is split at spaces and cannot carry -ldflags.
        command = ["build", "-mod=readonly", "-ldflags", tool.ldflags, "-o", f"{compiled}/", *packages]
        self._go(tool, command, timeout)
        programs = target / "bin"
        programs.mkdir()
        for name, program in tool.recipe.programs.items():
            (compiled / program.go_name).rename(programs / name)
        compiled.rmdir()
        if tool.recipe.assets:
            self._copy_assets(tool, target / "assets")
        for name, program in tool.recipe.programs.items():
            if program.version_args and not states_version(programs / name, program, tool.bare_version):
                raise MiniappInfraError(
                    f"Failed to build {tool.name}: {name} was compiled but does not state version {tool.version} "
                    f"when called with {' '.join(program.version_args)}",
                    hint=f"Check stamps and version_args of {tool.name} in tools.yml.",
                )

    def _log(self, tool: Tool) -> Path:
        return self.logs / f"{tool.name}.log"

    def _copy_assets(self, tool: Tool, target: Path) -> None:
        listed = ["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", tool.recipe.module]
        module = Path(self._go(tool, listed, None).strip())
        for asset in tool.recipe.assets:
            source, copy = module / asset, target / asset
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy)
            elif source.is_file():
                shutil.copy2(source, copy)
            else:
                raise MiniappInfraError(
                    f"Failed to build {tool.name}: {tool.recipe.module} {tool.version} has no {asset}",
                    hint=f"Correct assets of {tool.name} in tools.yml.",
                )

    def _go(self, tool: Tool, arguments: list[str], timeout: float | None) -> str:
        """Run the compiler in the tool's module directory; return its standard output, log its standard error."""
        log = self._log(tool)
        command = [*_dies_with_us(), str(self.go.executable), *arguments]
        with log.open("a") as sink:
            sink.write(f"$ {' '.join(command)}\n")
            sink.flush()
            try:
                done = subprocess.run(
                    command,
                    cwd=tool.directory,
                    env=environment(self.go, self.caches),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=sink,
                    text=True,
                    timeout=timeout,
                    check=False,
                    pass_fds=(self.lock,),
                )
            except subprocess.TimeoutExpired as error:
                raise OutOfTimeError(
                    f"Stopped building {tool.name} after {timeout:.0f} s: the time for the toolchain was over",
                    code=ErrorCode.TIMEOUT,
                    retryable=True,
                    hint="The next run resumes from what was compiled.",
                ) from error
        if done.returncode != 0:
            last = "\n".join(f"  {line}" for line in log.read_text(errors="replace").splitlines()[-_SHOWN_LINES:])
            raise MiniappInfraError(
                f"Failed to build {tool.name} {tool.version}: go {arguments[0]} ended with {done.returncode}. "
                f"Last lines:\n{last}",
                retryable=True,
                hint=f"{_FULL_DISK if 'no space left on device' in last else ''}The whole log is {log}. "
                "What was compiled is kept: the next run resumes.",
            )
        return done.stdout


def states_version(executable: Path, program: Program, bare_version: str) -> bool:
    """Tell whether a program prints exactly this version when asked; one that cannot be run does not."""
    try:
        done = subprocess.run(
            [executable, *program.version_args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    # Not 1.36.30, not 1.36.3-rc.1, not 1.36.3+vendor: those are other programs.
    exactly = rf"(?<![\d.]){re.escape(bare_version)}(?![\d+-]|\.\d)"
    return re.search(exactly, done.stdout + done.stderr) is not None


def from_path(tool: Tool, path: Mapping[str, str]) -> dict[str, Path] | None:
    """Return the machine's own programs when it has every one of a tool in exactly the pinned version.

    Args:
        tool: what is needed.
        path: environment with ``PATH``, without our own ``.local/bin``.
    """
    if not tool.recipe.on_path:
        return None
    found: dict[str, Path] = {}
    for name in tool.recipe.programs:
        executable = shutil.which(name, path=path.get("PATH", ""))
        if executable is None:
            return None
        found[name] = Path(executable)
    exact = (states_version(found[name], tool.recipe.programs[name], tool.bare_version) for name in found)
    return found if all(exact) else None


def _dies_with_us() -> list[str]:
    """Return a prefix that lets the kernel end the compiler when we are killed; util-linux has it on every Debian."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
