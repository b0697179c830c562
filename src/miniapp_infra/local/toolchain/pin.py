# SPDX-License-Identifier: GPL-3.0-or-later
"""For maintainers: write the go.mod and go.sum that pin one version of a tool.

``go install module@version`` refuses modules whose go.mod has replaces, because only the main module's replaces count.
So each tool gets a main module of its own that requires the tool's module, keeps the versions upstream was tested
with, and repeats its replaces.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.toolchain.recipes import load_recipes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miniapp_infra.local.toolchain.recipes import Recipe

_PLACEHOLDER = "v0.0.0"
"""Version that a repository of several modules writes for a sibling, which its own replace points at."""
_KUBERNETES = "k8s.io/kubernetes"


def pin(directory: Path, name: str, version: str, replaces: Sequence[str] = ()) -> None:
    """Write ``<directory>/<name>/go.mod`` and ``go.sum``.

    Args:
        directory: ``local/toolchain``.
        name: a tool of ``tools.yml``.
        version: of its module.
        replaces: ``old=>new version``, for siblings of the module that are published under another name or version.

    Raises:
        MiniappInfraError: invalid_input, not_found or upstream; the files are then as they were.
    """
    recipe = next((recipe for recipe in load_recipes(directory) if recipe.name == name), None)
    if recipe is None:
        raise MiniappInfraError(f"{name} is not a tool of {directory / 'tools.yml'}", code=ErrorCode.NOT_FOUND)
    target = directory / name
    target.mkdir(exist_ok=True)
    upstream = _download(recipe.module, version, target)
    header = f"python -m miniapp_infra.local.toolchain pin {name} {version}" + "".join(
        f" --replace '{replace}'" for replace in replaces
    )
    document = wrapper(recipe, version, upstream, [parse_replace(text) for text in replaces])
    before = {path: path.read_bytes() for path in (target / "go.mod", target / "go.sum") if path.exists()}
    try:
        (target / "go.mod").write_text(render(document, header))
        (target / "go.sum").unlink(missing_ok=True)
        _go(["mod", "tidy"], target)
        (target / "go.mod").write_text(render(_parse(target / "go.mod"), header))
    except MiniappInfraError:
        for path in (target / "go.mod", target / "go.sum"):
            path.unlink(missing_ok=True)
        for path, content in before.items():
            path.write_bytes(content)
        raise


def wrapper(
    recipe: Recipe,
    version: str,
    upstream: dict[str, Any],
    replaces: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return the main module that builds the recipe's programs, in the form of ``go mod edit -json``.

    Args:
        recipe: what to build.
        version: of the recipe's module.
        upstream: the go.mod of that version, in the same form.
        replaces: these come before upstream's.

    Raises:
        MiniappInfraError: invalid_input, when a sibling module has no published version that we know.
    """
    module = recipe.module
    given = {replace["Old"]["Path"] for replace in replaces}
    published: list[dict[str, Any]] = []
    siblings: list[dict[str, Any]] = []
    for replace in upstream.get("Replace") or []:
        if replace["Old"]["Path"] not in given:
            (siblings if replace["New"]["Path"].startswith(".") else published).append(replace)
    upstream_requires = upstream.get("Require") or []
    requires = [{**require, "Indirect": True} for require in upstream_requires if require["Version"] != _PLACEHOLDER]
    placeholders = {require["Path"] for require in upstream_requires if require["Version"] == _PLACEHOLDER} - given
    if module == _KUBERNETES:
        # The modules under staging/ are published as v0.<minor>.<patch> for Kubernetes v1.<minor>.<patch>.
        staged = "v0" + version.removeprefix("v1")
        for path in sorted(sibling["Old"]["Path"] for sibling in siblings if sibling["Old"]["Path"] in placeholders):
            published.append({"Old": {"Path": path}, "New": {"Path": path, "Version": staged}})
            placeholders.discard(path)
    if unknown := sorted(placeholders - {replace["Old"]["Path"] for replace in published}):
        raise MiniappInfraError(
            f"{module} {version} requires {', '.join(unknown)} from its own tree",
            code=ErrorCode.INVALID_INPUT,
            hint="Give the published version of each: --replace 'path=>path version'.",
        )
    return {
        "Module": {"Path": recipe.own_module},
        "Go": upstream["Go"],
        "Require": [{"Path": module, "Version": version}, *requires],
        "Replace": [*published, *replaces],
        "Exclude": upstream.get("Exclude") or [],
        "Tool": [{"Path": package} for package in recipe.upstream_packages],
    }


def render(document: dict[str, Any], command: str) -> str:
    """Write a go.mod in blocks: tools, direct requirements, indirect ones, replaces, excludes.

    Args:
        document: as ``go mod edit -json`` prints it.
        command: how the file was made, for its first lines.
    """
    requires = document.get("Require") or []
    blocks = [
        ("tool", [tool["Path"] for tool in document.get("Tool") or []]),
        ("require", [_versioned(require) for require in requires if not require.get("Indirect")]),
        ("require", [f"{_versioned(require)} // indirect" for require in requires if require.get("Indirect")]),
        (
            "replace",
            [f"{_versioned(item['Old'])} => {_versioned(item['New'])}" for item in document.get("Replace") or []],
        ),
        ("exclude", [_versioned(item) for item in document.get("Exclude") or []]),
    ]
    head = (
        "// SPDX-License-Identifier: GPL-3.0-or-later\n"
        f"// Written by: {command}\n"
        f"module {document['Module']['Path']}\n\ngo {document['Go']}\n"
    )
    return head + "".join(_block(directive, lines) for directive, lines in blocks if lines)


def parse_replace(text: str) -> dict[str, Any]:
    """Read ``old=>new version`` into the form of ``go mod edit -json``.

    Raises:
        MiniappInfraError: invalid_input.
    """
    parts = re.fullmatch(r"\s*(\S+?)\s*=>\s*(\S+)\s+(v\S+)\s*", text)
    if parts is None:
        raise MiniappInfraError(
            f"--replace {text}: is not of the form 'old=>new version'", code=ErrorCode.INVALID_INPUT
        )
    return {"Old": {"Path": parts[1]}, "New": {"Path": parts[2], "Version": parts[3]}}


def _block(directive: str, lines: list[str]) -> str:
    if len(lines) == 1:
        return f"\n{directive} {lines[0]}\n"
    return f"\n{directive} (\n" + "".join(f"\t{line}\n" for line in sorted(lines)) + ")\n"


def _versioned(item: dict[str, Any]) -> str:
    return f"{item['Path']} {item['Version']}" if item.get("Version") else str(item["Path"])


def _download(module: str, version: str, directory: Path) -> dict[str, Any]:
    # Outside of a module: the directory's own go.mod may be the one that is wrong.
    answer = json.loads(_go(["mod", "download", "-json", f"{module}@{version}"], directory.parent))
    return _parse(Path(answer["GoMod"]))


def _parse(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_go(["mod", "edit", "-json", str(path)], path.parent))
    return document


def _go(arguments: list[str], directory: Path) -> str:
    try:
        done = subprocess.run(["go", *arguments], cwd=directory, capture_output=True, text=True, check=False)
    except OSError as error:
        raise MiniappInfraError(
            f"go cannot be started: {error.strerror}", code=ErrorCode.MISSING_TOOL, hint="Put Go on PATH."
        ) from error
    if done.returncode != 0:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise MiniappInfraError(
            f"Failed to pin: go {' '.join(arguments)} ended with {done.returncode}:\n{last}",
            hint="A version that is not served usually has a neighbour that is. For a checksum that the sum database "
            "does not know: set GOSUMDB=off for this one command and review go.sum.",
        )
    return done.stdout
