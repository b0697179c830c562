# SPDX-License-Identifier: GPL-3.0-or-later
"""What to build: ``local/toolchain/tools.yml``, validated, together with the go.mod and go.sum beside it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miniapp_infra.local.layout import Layout

Profile = Literal["core", "full"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
_MAJOR_SUFFIX = re.compile(r"^v[0-9]+$")
_OWN_MODULES = "miniapp-infra.local/toolchain"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Program(_Strict):
    """One executable.

    Attributes:
        package: import path of its main package.
        version_args: arguments that make it print its version; empty where it cannot.
    """

    package: str
    version_args: tuple[str, ...] = ()

    @property
    def go_name(self) -> str:
        """Name that ``go build`` gives the executable: the last path element that is not a major version suffix."""
        path = PurePosixPath(self.package)
        return path.parent.name if _MAJOR_SUFFIX.match(path.name) else path.name


class Recipe(_Strict):
    """How one tool is built; ``tools.yml`` says what each field means."""

    name: Name
    module: str
    profile: Profile
    programs: dict[Name, Program] = Field(min_length=1)
    stamps: dict[str, str] = {}
    assets: tuple[str, ...] = ()
    on_path: bool = False
    seconds: int = Field(gt=0)
    megabytes: int = Field(gt=0)

    @property
    def own_module(self) -> str:
        """Path of the module in ``local/toolchain/<name>``; as a package it is the ``main.go`` beside the go.mod."""
        return f"{_OWN_MODULES}/{self.name}"

    @property
    def upstream_packages(self) -> tuple[str, ...]:
        """Return the packages that the tool's own module brings, in the order of the programs."""
        packages = (program.package for program in self.programs.values())
        return tuple(package for package in packages if package != self.own_module)

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        built = [program.go_name for program in self.programs.values()]
        if len(set(built)) != len(built):
            raise ValueError("programs: two packages end in the same name, so one would overwrite the other")
        for asset in self.assets:
            if PurePosixPath(asset).is_absolute() or ".." in PurePosixPath(asset).parts:
                raise ValueError(f"assets: {asset} must be a path inside the module")
        if self.on_path and self.assets:
            raise ValueError("on_path: a tool with assets needs its module, so it cannot be taken from PATH")
        if self.on_path and not all(program.version_args for program in self.programs.values()):
            raise ValueError("on_path: every program needs version_args, or its version on PATH cannot be told")
        return self


class _Document(_Strict):
    tools: tuple[Recipe, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> _Document:
        for label, names in (
            ("tool", [tool.name for tool in self.tools]),
            ("program", [program for tool in self.tools for program in tool.programs]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{label} defined twice: {', '.join(twice)}")
        return self


class Tool:
    """A recipe with the module directory that pins it.

    Args:
        recipe: the entry of ``tools.yml``.
        directory: ``local/toolchain/<name>``, with ``go.mod`` and ``go.sum``, and a ``main.go`` where upstream has no
            main package that can be built.

    Raises:
        MiniappInfraError: invalid_input, when a file is missing or does not require the recipe's module.
    """

    def __init__(self, recipe: Recipe, directory: Path) -> None:
        self.recipe = recipe
        self.directory = directory
        self._go_mod = _read(directory / "go.mod")
        self._go_sum = _read(directory / "go.sum")
        self._sources = "".join(_read(path) for path in sorted(directory.glob("*.go")))
        if bool(self._sources) != (len(recipe.upstream_packages) < len(recipe.programs)):
            own = recipe.own_module
            raise _invalid(f"{directory}: main.go has to be there exactly if the package of a program is {own}")
        required = re.search(rf"^\s*(?:require\s+)?{re.escape(recipe.module)} (v\S+)", self._go_mod, re.MULTILINE)
        if required is None:
            raise _invalid(f"{directory / 'go.mod'}: no requirement of {recipe.module}, which tools.yml names")
        self.version = required[1]

    @property
    def name(self) -> str:
        return self.recipe.name

    @property
    def go_version(self) -> str:
        """The lowest Go release that compiles this tool, as its ``go.mod`` states it."""
        line = re.search(r"^go (\S+)", self._go_mod, re.MULTILINE)
        if line is None:
            raise _invalid(f"{self.directory / 'go.mod'}: no go line")
        return line[1]

    @property
    def bare_version(self) -> str:
        return self.version.removeprefix("v")

    @property
    def ldflags(self) -> str:
        """Linker flags: no symbol table, and the version stamps."""
        major, minor, *_ = self.bare_version.split(".")
        values = {"version": self.version, "bare": self.bare_version, "major": major, "minor": minor}
        stamps = [f"-X {name}={value.format_map(values)}" for name, value in sorted(self.recipe.stamps.items())]
        return " ".join(["-s -w", *stamps])

    def digest(self, compiler: str) -> str:
        """Return 16 hex digits of everything that decides what the programs contain.

        Args:
            compiler: its ``major.minor`` release and target (``Go.identity``). Patch releases are left out, because a
                security update of the machine's Go must not cost everybody a build of twenty minutes.
        """
        recipe = self.recipe.model_dump_json(exclude={"seconds", "megabytes", "profile", "on_path"})
        content = f"{compiler}\n{recipe}\n{self._go_mod}\n{self._go_sum}{self._sources}"
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def modules(self) -> frozenset[tuple[str, str]]:
        """Return ``(module, version)`` of every module whose source this tool's build may read."""
        lines = (line.split() for line in self._go_sum.splitlines())
        return frozenset((words[0], words[1]) for words in lines if words and not words[1].endswith("/go.mod"))


def toolchain_directory(layout: Layout) -> Path:
    return layout.root / "local" / "toolchain"


def load_recipes(directory: Path) -> tuple[Recipe, ...]:
    """Read and validate ``tools.yml`` alone.

    Args:
        directory: ``local/toolchain`` of a checkout.

    Raises:
        MiniappInfraError: invalid_input, naming file, field and fault.
    """
    path = directory / "tools.yml"
    try:
        return _Document.model_validate(yaml.safe_load(_read(path))).tools
    except yaml.YAMLError as error:
        raise _invalid(f"{path}: not valid YAML: {error}") from error
    except ValidationError as error:
        raise _invalid(f"{path}: " + "; ".join(_faults(error))) from error


def load(directory: Path) -> tuple[Tool, ...]:
    """Read and validate ``tools.yml`` and every module directory it names.

    Args:
        directory: ``local/toolchain`` of a checkout.

    Raises:
        MiniappInfraError: invalid_input, naming file, field and fault.
    """
    return tuple(Tool(recipe, directory / recipe.name) for recipe in load_recipes(directory))


def of_profile(tools: Sequence[Tool], profile: Profile) -> tuple[Tool, ...]:
    """Return the tools of a profile in building order; ``full`` contains ``core``."""
    return tuple(tool for tool in tools if profile == "full" or tool.recipe.profile == "core")


def _faults(error: ValidationError) -> list[str]:
    return [f"{'.'.join(str(part) for part in fault['loc']) or 'document'}: {fault['msg']}" for fault in error.errors()]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise _invalid(f"{path}: cannot be read: {error.strerror}") from error


def _invalid(message: str) -> MiniappInfraError:
    return MiniappInfraError(message, code=ErrorCode.INVALID_INPUT)
