# SPDX-License-Identifier: GPL-3.0-or-later
"""From a recipe to an image layout."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.images.static import require_static
from miniapp_infra.registry.image import ImageConfig, host_architecture, write_layout
from miniapp_infra.registry.layer import Entry, Layer, read_layer, write_layer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from miniapp_infra.local.images.compile import Compiler
    from miniapp_infra.local.images.debian import RootBuilder
    from miniapp_infra.local.images.recipes import Recipe, Root
    from miniapp_infra.local.toolchain import Toolset

_FORMAT = 1  # raised when the way of making an image changes its content


@dataclass(frozen=True)
class ImageBuilder:
    """Builds images of recipes.

    Args:
        roots: recipes of root file systems.
        tools: programs.
        compiler: our own small programs.
        root_builder: makes root file systems.
        work: scratch space that belongs to us.
    """

    roots: dict[str, Root]
    tools: Toolset
    compiler: Compiler
    root_builder: RootBuilder
    work: Path
    _root_layers: dict[str, Layer] = field(default_factory=dict)

    def inputs(self, recipe: Recipe) -> str:
        """Return a hash that changes whenever the image would; it takes file times instead of reading a gigabyte."""
        root = self.root_builder.key(recipe.root, self.roots[recipe.root]) if recipe.root else None
        sources = [entry.source.resolve() for entry in self._entries(recipe) if entry.source is not None]
        files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sources]
        parts = [_FORMAT, host_architecture(), recipe.model_dump(mode="json"), root, files]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def build(self, recipe: Recipe) -> tuple[Path, str]:
        """Write the layout of an image; return it and the image's digest.

        Raises:
            MiniappInfraError: if a program or asset is missing, or needs what the image does not have.
        """
        if recipe.root is None:
            for name in recipe.programs:
                require_static(self._program(name))
        layers = [self._root_layer(recipe.root)] if recipe.root else []
        layers.append(write_layer(self._entries(recipe), self.work))
        layout = self.work / f"{recipe.name}.oci"
        config = ImageConfig(
            entrypoint=recipe.entrypoint,
            user=recipe.user,
            workdir=recipe.workdir,
            env=recipe.env,
            labels={
                "org.opencontainers.image.title": recipe.name,
                "org.opencontainers.image.description": "Local build for the embedded environment",
                "org.opencontainers.image.version": recipe.upstream(self.tools).tag or "",
            },
        )
        return layout, write_layout(layout, layers, config)

    def _root_layer(self, name: str) -> Layer:
        if name not in self._root_layers:
            self._root_layers[name] = read_layer(self.root_builder.tarball(name, self.roots[name]))
        return self._root_layers[name]

    def _program(self, name: str) -> Path:
        return self.compiler.program(name) if self.compiler.has(name) else self.tools.path(name)

    def _entries(self, recipe: Recipe) -> Iterator[Entry]:
        for name, program in recipe.programs.items():
            yield Entry(program.path, source=self._program(name))
            yield from (Entry(link, target=program.path) for link in program.links)
        for asset in recipe.assets:
            yield from self._asset_entries(recipe, asset.tool, asset.path, asset.target)
        for file in recipe.files:
            yield Entry(file.path, mode=0o644, content=file.content.encode())
        for directory in recipe.directories:
            yield Entry(directory.path, mode=int(directory.mode, 8), owner=directory.owner)

    def _asset_entries(self, recipe: Recipe, tool: str, path: str, target: str) -> Iterator[Entry]:
        installed = self.tools.tools.get(tool)
        source = installed.assets / path if installed and installed.assets else None
        if source is None or not source.exists():
            raise MiniappInfraError(
                f"Failed to build image {recipe.name}: tool {tool} has no asset {path}",
                code=ErrorCode.MISSING_TOOL,
                hint=f"list {path} among the assets of {tool} in local/toolchain/tools.yml",
            )
        files = sorted(item for item in source.rglob("*") if item.is_file()) if source.is_dir() else [source]
        for file in files:
            place = f"{target}/{file.relative_to(source)}" if source.is_dir() else target
            yield Entry(place, mode=0o644, source=file)
