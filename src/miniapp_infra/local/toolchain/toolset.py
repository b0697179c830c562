# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``ensure`` made: links in ``.local`` and a record of where every program is or why it was left out."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.local.layout import Layout

SOURCES = ("built", "cached", "path")
"""Where a tool came from: compiled now, from the cache, or found on PATH."""


@dataclass(frozen=True)
class Installed:
    """One tool that is there.

    Attributes:
        version: of its module, for example v1.36.3.
        source: one of SOURCES.
        programs: name to the file behind the link.
        assets: directory of the module's files; None when it has none.
        seconds: what building took; 0 when it was not built.
    """

    version: str
    source: str
    programs: Mapping[str, Path]
    assets: Path | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Toolset:
    """The programs of a profile.

    Attributes:
        profile: core or full.
        tools: by name.
        left_out: tool to the reason, for tools of the full profile that could not be built in the time given.
        missing: program to its tool, for the tools left out.
    """

    profile: str
    tools: Mapping[str, Installed]
    left_out: Mapping[str, str]
    missing: Mapping[str, str]

    def path(self, program: str) -> Path:
        """Return the file of a program.

        Raises:
            MiniappInfraError: missing_tool, with the reason.
        """
        for tool in self.tools.values():
            if program in tool.programs:
                return tool.programs[program]
        if program in self.missing:
            tool_name = self.missing[program]
            raise MiniappInfraError(
                f"{program} is not there: {tool_name} was left out: {self.left_out[tool_name]}",
                code=ErrorCode.MISSING_TOOL,
                hint="Run make up PROFILE=full with more time.",
            )
        raise MiniappInfraError(
            f"{program} is not a program of the {self.profile} toolchain",
            code=ErrorCode.MISSING_TOOL,
            hint="Run make up PROFILE=full." if self.profile == "core" else "Add it to local/toolchain/tools.yml.",
        )

    def save(self, layout: Layout) -> None:
        """Write ``.local/toolchain.json`` in one step."""
        document = {
            "profile": self.profile,
            "tools": {
                name: {
                    "version": tool.version,
                    "source": tool.source,
                    "seconds": round(tool.seconds, 1),
                    "assets": str(tool.assets) if tool.assets else None,
                    "programs": {program: str(path) for program, path in tool.programs.items()},
                }
                for name, tool in self.tools.items()
            },
            "left_out": dict(self.left_out),
            "missing": dict(self.missing),
        }
        layout.state.mkdir(parents=True, exist_ok=True)
        partial = layout.state / f".toolchain.json.{os.getpid()}"
        partial.write_text(json.dumps(document, indent=1) + "\n")
        partial.replace(layout.state / "toolchain.json")

    @classmethod
    def load(cls, layout: Layout) -> Toolset:
        """Read what the last ``ensure`` of this checkout made.

        Raises:
            MiniappInfraError: missing_tool, when there was none.
        """
        path = layout.state / "toolchain.json"
        try:
            document = json.loads(path.read_text())
            tools = {
                name: Installed(
                    version=tool["version"],
                    source=tool["source"],
                    programs={program: Path(file) for program, file in tool["programs"].items()},
                    assets=Path(tool["assets"]) if tool["assets"] else None,
                    seconds=tool["seconds"],
                )
                for name, tool in document["tools"].items()
            }
            return cls(document["profile"], tools, document["left_out"], document["missing"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MiniappInfraError(
                f"{path} cannot be read: the toolchain of this checkout is not there yet",
                code=ErrorCode.MISSING_TOOL,
                hint="Run make up.",
            ) from error


def link(layout: Layout, name: str, tool: Installed) -> None:
    """Point ``.local/bin/<program>`` and ``.local/assets/<tool>`` at a tool, each in one step."""
    for program, path in tool.programs.items():
        _point(layout.bin / program, path)
    if tool.assets:
        _point(layout.assets / name, tool.assets)


def _point(name: Path, target: Path) -> None:
    if name.is_symlink() and name.readlink() == target:
        return
    name.parent.mkdir(parents=True, exist_ok=True)
    if name.is_dir() and not name.is_symlink():
        raise MiniappInfraError(
            f"{name} is a directory, not a link to the toolchain",
            code=ErrorCode.CONFLICT,
            hint=f"Nothing of ours writes there: move it away, or remove {name.parent}.",
        )
    partial = name.with_name(f".{name.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    partial.symlink_to(target)
    partial.replace(name)
