# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipes of the repository and the errors of wrong ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.images import load
from miniapp_infra.local.layout import Layout
from miniapp_infra.local.toolchain.recipes import load as load_tools
from miniapp_infra.local.toolchain.recipes import toolchain_directory

ROOT = Path(__file__).parents[3]
GOOD: dict[str, Any] = {
    "roots": {"debian": {"packages": {"git": "because"}, "users": {"someone": 999}}},
    "images": [
        {
            "name": "a",
            "repository": "registry.k8s.io/a",
            "tag": "1",
            "profile": "core",
            "root": "debian",
            "programs": {"p": {"path": "/p"}},
            "entrypoint": ["/p"],
            "user": "1:1",
        }
    ],
}


def write(tmp_path: Path, **changes: Any) -> Path:
    document = {"roots": GOOD["roots"], "images": [{**GOOD["images"][0], **changes}]}
    path = tmp_path / "images.yml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_the_recipes_of_the_repository_use_programs_and_assets_that_the_toolchain_has() -> None:
    recipes = load(ROOT / "local" / "images" / "images.yml")
    tools = {tool.name: tool.recipe for tool in load_tools(toolchain_directory(Layout(ROOT)))}
    programs = {program for recipe in tools.values() for program in recipe.programs} | {"pause"}
    for recipe in recipes.images:
        assert set(recipe.programs) <= programs, recipe.name
        assert recipe.tag_from is None or recipe.tag_from in tools, recipe.name
        for asset in recipe.assets:
            shipped = tools[asset.tool].assets
            assert any(asset.path == path or asset.path.startswith(f"{path}/") for path in shipped), asset


def test_no_image_of_the_repository_runs_as_root_and_every_entrypoint_is_in_its_image() -> None:
    for recipe in load(ROOT / "local" / "images" / "images.yml").images:
        assert not recipe.user.startswith("0")
        places = {program.path for program in recipe.programs.values()}
        assert recipe.entrypoint[0] in places or recipe.root is not None, recipe.name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"user": "root"}, r"images\.0\.user"),
        ({"user": "0:0"}, r"images\.0\.user"),
        ({"surprise": 1}, r"images\.0\.surprise"),
        ({"root": "arch"}, "root arch is not one of: debian"),
        ({"tag_from": "coredns"}, "either tag or tag_from"),
        ({"tag": None}, "either tag or tag_from"),
        ({"entrypoint": []}, r"images\.0\.entrypoint"),
        ({"programs": {"p": {"path": "relative"}}}, r"images\.0\.programs\.p\.path"),
        ({"directories": [{"path": "/d", "mode": "rwx"}]}, r"images\.0\.directories\.0\.mode"),
    ],
)
def test_a_wrong_recipe_names_the_key(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(MiniappInfraError, match=message) as caught:
        load(write(tmp_path, **changes))
    assert caught.value.code is ErrorCode.INVALID_INPUT


@pytest.mark.parametrize("name", ["git;reboot", "$(x)", "a b", "-o"])
def test_what_reaches_a_shell_is_checked(tmp_path: Path, name: str) -> None:
    path = tmp_path / "images.yml"
    for roots in ({"r": {"packages": {name: "x"}}}, {"r": {"packages": {}, "users": {name: 999}}}):
        path.write_text(yaml.safe_dump({"roots": roots, "images": GOOD["images"]}))
        with pytest.raises(MiniappInfraError, match=r"images\.yml: "):
            load(path)


def test_the_core_profile_leaves_out_the_rest(tmp_path: Path) -> None:
    recipes = load(write(tmp_path, profile="full"))
    assert recipes.of_profile("core") == ()
    assert [recipe.name for recipe in recipes.of_profile("full")] == ["a"]
