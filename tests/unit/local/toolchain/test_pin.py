# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.toolchain.pin import parse_replace, pin, render, wrapper
from miniapp_infra.local.toolchain.recipes import Recipe

from .conftest import REPOSITORY, recipe

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Checkout

ALPHA = Recipe.model_validate(recipe("alpha", "one"))
KUBERNETES = Recipe.model_validate({**recipe("kubernetes", "kubelet"), "module": "k8s.io/kubernetes"})


def replace(old: str, new: str, version: str | None = None) -> dict[str, object]:
    return {"Old": {"Path": old}, "New": {"Path": new} | ({"Version": version} if version else {})}


def test_wrapper_keeps_upstreams_versions_and_published_replaces() -> None:
    upstream = {
        "Go": "1.25.0",
        "Require": [{"Path": "a.org/x", "Version": "v1.0.0"}, {"Path": "a.org/own", "Version": "v1.2.3"}],
        "Replace": [replace("a.org/x", "fork.org/x", "v1.0.1"), replace("a.org/own", "./own")],
    }
    made = wrapper(ALPHA, "v1.2.3", upstream)
    assert made["Require"] == [
        {"Path": "example.org/alpha", "Version": "v1.2.3"},
        {"Path": "a.org/x", "Version": "v1.0.0", "Indirect": True},
        {"Path": "a.org/own", "Version": "v1.2.3", "Indirect": True},
    ]
    assert made["Replace"] == [replace("a.org/x", "fork.org/x", "v1.0.1")]
    assert made["Tool"] == [{"Path": "example.org/alpha/cmd/one"}]


def test_wrapper_of_an_own_main_names_no_tool_of_the_module() -> None:
    own = Recipe.model_validate(
        recipe("alpha") | {"programs": {"one": {"package": "miniapp-infra.local/toolchain/alpha"}}}
    )
    made = wrapper(own, "v1.2.3", {"Go": "1.25.0"})
    assert made["Module"] == {"Path": "miniapp-infra.local/toolchain/alpha"}
    assert made["Tool"] == []


def test_wrapper_gives_staged_kubernetes_modules_their_published_version() -> None:
    upstream = {
        "Go": "1.26.0",
        "Require": [{"Path": "k8s.io/api", "Version": "v0.0.0"}, {"Path": "k8s.io/utils", "Version": "v0.1.0"}],
        "Replace": [replace("k8s.io/api", "./staging/src/k8s.io/api")],
    }
    made = wrapper(KUBERNETES, "v1.36.3", upstream)
    assert made["Replace"] == [replace("k8s.io/api", "k8s.io/api", "v0.36.3")]
    assert [require["Path"] for require in made["Require"]] == ["k8s.io/kubernetes", "k8s.io/utils"]


def test_sibling_without_published_version_is_asked_for() -> None:
    upstream = {
        "Go": "1.26.0",
        "Require": [{"Path": "a.org/engine", "Version": "v0.0.0"}],
        "Replace": [replace("a.org/engine", "./engine")],
    }
    with pytest.raises(MiniappInfraError, match=r"requires a\.org/engine from its own tree") as caught:
        wrapper(ALPHA, "v1.2.3", upstream)
    assert "--replace" in caught.value.hint
    given = parse_replace("a.org/engine=>b.org/engine v0.3.0")
    assert wrapper(ALPHA, "v1.2.3", upstream, [given])["Replace"] == [replace("a.org/engine", "b.org/engine", "v0.3.0")]


@pytest.mark.parametrize("text", ["a.org/x", "a.org/x=>./x", "a.org/x=>b.org/x 1.0.0"])
def test_malformed_replace_is_refused(text: str) -> None:
    with pytest.raises(MiniappInfraError) as caught:
        parse_replace(text)
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_render_writes_sorted_blocks() -> None:
    document = {
        "Module": {"Path": "local/x"},
        "Go": "1.26.0",
        "Tool": [{"Path": "a.org/x/cmd"}],
        "Require": [
            {"Path": "c.org/z", "Version": "v1.0.0", "Indirect": True},
            {"Path": "b.org/y", "Version": "v1.0.0", "Indirect": True},
        ],
        "Replace": [replace("b.org/y", "f.org/y", "v1.0.1")],
    }
    assert render(document, "the command") == (
        "// SPDX-License-Identifier: GPL-3.0-or-later\n// Written by: the command\nmodule local/x\n\ngo 1.26.0\n\n"
        "tool a.org/x/cmd\n\n"
        "require (\n\tb.org/y v1.0.0 // indirect\n\tc.org/z v1.0.0 // indirect\n)\n\n"
        "replace b.org/y => f.org/y v1.0.1\n"
    )


@pytest.mark.skipif(not shutil.which("go"), reason="asks Go to read the files")
def test_shipped_files_are_in_the_form_that_pin_writes() -> None:
    for path in sorted((REPOSITORY / "local" / "toolchain").glob("*/go.mod")):
        parsed = json.loads(subprocess.check_output(["go", "mod", "edit", "-json", path], cwd=path.parent))
        text = path.read_text()
        command = text.splitlines()[1].removeprefix("// Written by: ")
        assert render(parsed, command) == text, path


def test_failed_pin_leaves_the_files_as_they_were(checkout: Checkout) -> None:
    before = contents(checkout.toolchain / "alpha")
    upstream = checkout.module / "go.mod"
    checkout.put_program(
        checkout.commands,
        "go",
        f"""#!/bin/sh
case "$2" in
download) echo '{{"GoMod": "{upstream}"}}' ;;
edit) echo '{{"Go": "1.26.0"}}' ;;
tidy) rm -f go.sum; echo 'no such version' >&2; exit 1 ;;
esac
""",
    )
    with pytest.raises(MiniappInfraError, match="go mod tidy ended with 1:\nno such version"):
        pin(checkout.toolchain, "alpha", "v9.9.9")
    assert contents(checkout.toolchain / "alpha") == before


def test_unknown_tool_is_refused(checkout: Checkout) -> None:
    with pytest.raises(MiniappInfraError, match="gamma is not a tool") as caught:
        pin(checkout.toolchain, "gamma", "v1.0.0")
    assert caught.value.code is ErrorCode.NOT_FOUND


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}
