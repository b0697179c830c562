# SPDX-License-Identifier: GPL-3.0-or-later
"""``local/images/images.yml`` as a model; an unknown key or a wrong value is an error that names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry.reference import ImageReference

if TYPE_CHECKING:
    from pathlib import Path

    from miniapp_infra.local.layout import Layout
    from miniapp_infra.local.toolchain import Toolset

# Numbers only, and not those of root.
_USER = r"[1-9][0-9]{0,8}(:[1-9][0-9]{0,8})?"
_ABSOLUTE = r"/[A-Za-z0-9._/*-]+"
_PACKAGE = r"[a-z0-9][a-z0-9+.-]+"
_LOGIN = r"[a-z][a-z0-9-]{0,30}"

AbsolutePath = Annotated[str, Field(pattern=f"^{_ABSOLUTE}$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Root(_Model):
    """A root file system made from packages of this machine's distribution."""

    packages: dict[Annotated[str, Field(pattern=f"^{_PACKAGE}$")], str]
    exclude: tuple[AbsolutePath, ...] = ()
    users: dict[Annotated[str, Field(pattern=f"^{_LOGIN}$")], Annotated[int, Field(gt=0)]] = {}
    remove: tuple[AbsolutePath, ...] = ()


class Program(_Model):
    """Where a program goes in an image."""

    path: AbsolutePath
    links: tuple[AbsolutePath, ...] = ()


class Asset(_Model):
    """A file or directory of a tool's module, and where it goes."""

    tool: str
    path: str
    target: AbsolutePath


class TextFile(_Model):
    """A file written by the recipe itself."""

    path: AbsolutePath
    content: str


class Directory(_Model):
    """An empty directory; ``mode`` is octal and quoted, as file modules of Ansible want it too."""

    path: AbsolutePath
    mode: Annotated[str, Field(pattern="^[0-7]{4}$")] = "0755"
    owner: Annotated[int, Field(ge=0)] = 0


class Recipe(_Model):
    """One image."""

    name: str
    repository: str
    tag: str | None = None
    tag_from: str | None = None
    profile: Literal["core", "full"]
    root: str | None = None
    programs: dict[str, Program] = {}
    assets: tuple[Asset, ...] = ()
    files: tuple[TextFile, ...] = ()
    directories: tuple[Directory, ...] = ()
    entrypoint: Annotated[tuple[str, ...], Field(min_length=1)]
    user: Annotated[str, Field(pattern=f"^{_USER}$")]
    workdir: AbsolutePath | Literal["/"] = "/"
    env: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_source_of_the_tag(self) -> Self:
        if (self.tag is None) == (self.tag_from is None):
            raise ValueError("give either tag or tag_from")
        return self

    def upstream(self, tools: Toolset) -> ImageReference:
        """Return the name that manifests use.

        Raises:
            MiniappInfraError: if the tool that gives the version is not in the toolset.
        """
        tag = self.tag
        if tag is None:
            installed = tools.tools.get(str(self.tag_from))
            if installed is None:
                raise MiniappInfraError(
                    f"Failed to name image {self.name}: there is no tool {self.tag_from}", code=ErrorCode.MISSING_TOOL
                )
            tag = installed.version
        return ImageReference.parse(f"{self.repository}:{tag}", field=f"images.{self.name}.repository")

    def tools_left_out(self, tools: Toolset) -> frozenset[str]:
        """Return the tools of the image that the time for the toolchain left out; without them it cannot be made."""
        wanted = {tools.missing[program] for program in self.programs if program in tools.missing}
        return frozenset(wanted | {str(self.tag_from), *(asset.tool for asset in self.assets)} & tools.left_out.keys())


class Recipes(_Model):
    """The whole file."""

    roots: dict[str, Root] = {}
    images: tuple[Recipe, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [recipe.name for recipe in self.images]
        repositories = [recipe.repository for recipe in self.images]
        for what, values in (("name", names), ("repository", repositories)):
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"{what} {twice[0]} is used by more than one image")
        for recipe in self.images:
            if recipe.root is not None and recipe.root not in self.roots:
                raise ValueError(f"image {recipe.name}: root {recipe.root} is not one of: {', '.join(self.roots)}")
        return self

    def of_profile(self, profile: str) -> tuple[Recipe, ...]:
        """Return the images of a profile; ``full`` has those of ``core`` too."""
        return tuple(recipe for recipe in self.images if profile == "full" or recipe.profile == "core")


def directory(layout: Layout) -> Path:
    """Return where recipes and the sources of small programs are."""
    return layout.root / "local" / "images"


def load(path: Path) -> Recipes:
    """Read ``images.yml``.

    Raises:
        MiniappInfraError: ``invalid_input`` naming every wrong key.
    """
    try:
        return Recipes.model_validate(yaml.safe_load(path.read_text()))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'file'}: {problem['msg']}"
            for problem in error.errors()
        )
        raise MiniappInfraError(f"{path.name}: {problems}", code=ErrorCode.INVALID_INPUT) from error
    except (OSError, yaml.YAMLError) as error:
        raise MiniappInfraError(f"{path} cannot be read: {error}", code=ErrorCode.INVALID_INPUT) from error
