# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing: only what is missing or has changed, and the right content."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.local.images import publish
from miniapp_infra.local.images.debian import RootBuilder
from miniapp_infra.local.images.recipes import Root
from miniapp_infra.local.images.static import require_static
from miniapp_infra.local.layout import Layout
from miniapp_infra.local.toolchain.toolset import Installed, Toolset
from miniapp_infra.registry import Completed, RegistryClient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UPSTREAM = "quay.io/example/tool:v1.2.3"
RECIPE = {
    "name": "tool",
    "repository": "quay.io/example/tool",
    "tag_from": "tool",
    "profile": "core",
    "programs": {"tool": {"path": "/bin/tool", "links": ["/bin/other"]}},
    "assets": [{"tool": "tool", "path": "files", "target": "/files"}],
    "entrypoint": ["/bin/tool"],
    "user": "65532:65532",
}


def elf(segment: int = 1) -> bytes:
    """The smallest 64-bit program header table: one segment of the given kind."""
    header = b"\x7fELF\x02\x01\x01".ljust(32, b"\0") + struct.pack("<QQIHHHHHH", 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return header + struct.pack("<I", segment).ljust(56, b"\0")


class Crane:
    """A registry in memory that remembers what was pushed."""

    def __init__(self, keep: Path) -> None:
        self.keep = keep
        self.tags: dict[str, str] = {}
        self.pushed: list[str] = []

    def __call__(self, argv: Sequence[str], *, environment: Mapping[str, str], timeout: float) -> Completed:  # noqa: ARG002 - the protocol's name
        if argv[1] == "digest":
            digest = self.tags.get(argv[2])
            return Completed(0, digest, "") if digest else Completed(1, "", "Error: MANIFEST_UNKNOWN")
        layout, name = Path(argv[2]), argv[3]
        digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
        shutil.copytree(layout, self.keep / digest, dirs_exist_ok=True)
        self.tags[name] = digest
        self.pushed.append(name)
        return Completed(0, f"{name}@{digest}", "")


class Checkout:
    def __init__(self, root: Path) -> None:
        self.layout = Layout(root / "checkout")
        self.program = root / "tool"
        self.program.write_bytes(elf())
        (root / "assets" / "files").mkdir(parents=True)
        (root / "assets" / "files" / "one.yaml").write_text("one")
        (self.layout.root / "local" / "images").mkdir(parents=True)
        self.write(RECIPE)
        installed = Installed("v1.2.3", "built", {"tool": self.program}, root / "assets")
        self.toolset = Toolset("core", {"tool": installed}, {}, {})
        self.crane = Crane(root / "pushed")
        self.reports: list[str] = []

    def write(self, recipe: Mapping[str, object]) -> None:
        (self.layout.root / "local" / "images" / "images.yml").write_text(yaml.safe_dump({"images": [recipe]}))

    def publish(self) -> bool:
        client = RegistryClient(run=self.crane)
        return publish(self.layout, self.toolset, self.reports.append, registry=client, host="r.example.com:5000")

    def members(self) -> dict[str, tarfile.TarInfo]:
        blobs = self.crane.keep / self.crane.tags["r.example.com:5000/example/tool:v1.2.3"] / "blobs" / "sha256"
        digest = self.crane.tags["r.example.com:5000/example/tool:v1.2.3"].removeprefix("sha256:")
        layer = json.loads((blobs / digest).read_text())["layers"][-1]["digest"].removeprefix("sha256:")
        with tarfile.open(blobs / layer) as tar:
            return {member.name: member for member in tar}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    monkeypatch.setenv("MINIAPP_INFRA_CACHE", str(tmp_path / "cache"))
    return Checkout(tmp_path)


def test_the_second_time_nothing_is_built_or_pushed(checkout: Checkout) -> None:
    assert checkout.publish()
    checkout.reports.clear()
    assert not checkout.publish()
    assert checkout.reports == []
    assert checkout.crane.pushed == ["r.example.com:5000/example/tool:v1.2.3"]


def test_an_image_holds_program_links_and_assets(checkout: Checkout) -> None:
    checkout.publish()
    members = checkout.members()
    assert {"bin/tool", "bin/other", "files/one.yaml"} <= set(members)
    assert members["bin/other"].linkname == "/bin/tool"


def test_digests_are_recorded_by_the_name_that_manifests_use(checkout: Checkout) -> None:
    checkout.publish()
    recorded = json.loads((checkout.layout.state / "images.json").read_text())
    assert recorded[UPSTREAM]["digest"] == checkout.crane.tags["r.example.com:5000/example/tool:v1.2.3"]


def test_a_registry_that_lost_the_image_gets_it_again(checkout: Checkout) -> None:
    checkout.publish()
    checkout.crane.tags.clear()
    assert checkout.publish()


def test_another_program_is_another_image(checkout: Checkout) -> None:
    checkout.publish()
    before = dict(checkout.crane.tags)
    checkout.program.write_bytes(elf() + b"newer")
    assert checkout.publish()
    assert checkout.crane.tags != before


def test_a_touched_program_with_the_same_content_is_not_pushed(checkout: Checkout) -> None:
    checkout.publish()
    os.utime(checkout.program, (1, 1))
    assert not checkout.publish()
    assert len(checkout.crane.pushed) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"x": 1}', '{"x": {"digest": 1}}', "nonsense"])
def test_a_damaged_record_costs_only_time(checkout: Checkout, text: str) -> None:
    checkout.publish()
    (checkout.layout.state / "images.json").write_text(text)
    assert not checkout.publish()


def test_scratch_space_is_removed_also_after_a_failure(checkout: Checkout) -> None:
    checkout.program.write_bytes(elf(segment=3))
    with pytest.raises(MiniappInfraError, match="needs shared libraries"):
        checkout.publish()
    assert not (checkout.layout.state / "images.part").exists()
    assert checkout.crane.pushed == []


def test_a_missing_asset_is_named(checkout: Checkout) -> None:
    checkout.write({**RECIPE, "assets": [{"tool": "tool", "path": "other", "target": "/x"}]})
    with pytest.raises(MiniappInfraError, match="tool tool has no asset other"):
        checkout.publish()


def test_an_image_whose_tool_was_left_out_is_left_out(checkout: Checkout) -> None:
    checkout.toolset = Toolset("full", {}, {"tool": "there was no time"}, {"tool": "tool"})
    assert not checkout.publish()
    assert checkout.crane.pushed == []
    assert json.loads((checkout.layout.state / "images.json").read_text()) == {}


def test_an_image_whose_plugin_alone_was_left_out_is_left_out(checkout: Checkout) -> None:
    checkout.write({**RECIPE, "programs": {**RECIPE["programs"], "plugin": {"path": "/plugins/plugin"}}})
    checkout.toolset = Toolset("full", checkout.toolset.tools, {"plugin": "there was no time"}, {"plugin": "plugin"})
    assert not checkout.publish()


def test_a_missing_tool_that_was_not_left_out_is_an_error(checkout: Checkout) -> None:
    checkout.toolset = Toolset("full", {}, {}, {})
    with pytest.raises(MiniappInfraError, match="there is no tool tool"):
        checkout.publish()


def test_what_is_not_a_program_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "x"
    script.write_text("#!/bin/sh\n")
    with pytest.raises(MiniappInfraError, match="not a 64-bit ELF program"):
        require_static(script)


class Mmdebstrap:
    def __init__(self, returncode: int = 0) -> None:
        self.returncode = returncode
        self.calls: list[list[str]] = []

    def __call__(self, argv: Sequence[str], *, environment: Mapping[str, str], timeout: float) -> Completed:  # noqa: ARG002 - the protocol's name
        assert environment["SOURCE_DATE_EPOCH"] == "0"
        self.calls.append(list(argv))
        target = Path(next(word for word in argv if word.endswith(".tar")))
        target.write_bytes(hashlib.sha256(str(argv).encode()).digest())
        return Completed(self.returncode, "", "E: Unable to locate package x")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: {"VERSION_CODENAME": "bookworm"})
    lists = tmp_path / "apt" / "sources.list.d"
    lists.mkdir(parents=True)
    (lists / "debian.sources").write_text(
        "Types: deb\nURIs: http://m.example.com/debian\nSuites: bookworm bookworm-updates\nComponents: main\n"
    )
    (lists / "other.list").write_text("deb https://p.example.com/apt other-bookworm main\n")
    (lists / "node.sources").write_text("Types: deb\nURIs: https://n.example.com\nSuites: nodistro\nComponents: main\n")
    (lists / "off.sources").write_text(
        "Enabled: no\nTypes: deb\nURIs: http://o.example.com\nSuites: bookworm\nComponents: main\n"
    )
    (tmp_path / "apt" / "sources.list").write_text("# deb http://m.example.com/debian bookworm main\n")
    return tmp_path


def builder(machine: Path, run: Mmdebstrap) -> RootBuilder:
    (machine / "work").mkdir(exist_ok=True)
    return RootBuilder(machine / "cache", machine / "work", lambda _: None, run, machine / "apt")


def test_a_root_is_made_once_from_the_mirror_of_the_machine_and_nothing_else(machine: Path) -> None:
    run = Mmdebstrap()
    root = Root(packages={"git": "x"}, exclude=("/usr/share/doc/*",), users={"argocd": 999})
    first = builder(machine, run).tarball("debian", root)
    assert builder(machine, run).tarball("debian", root) == first
    (call,) = run.calls
    assert [word for word in call if word.startswith(str(machine / "apt"))] == [
        str(machine / "apt" / "sources.list.d" / "debian.sources")
    ]
    assert "--include=git" in call


def test_one_line_sources_count_too(machine: Path) -> None:
    (machine / "apt" / "sources.list.d" / "debian.sources").unlink()
    (machine / "apt" / "sources.list").write_text(
        "deb [arch=amd64] http://m.example.com/debian bookworm contrib main\n"
    )
    run = Mmdebstrap()
    builder(machine, run).tarball("debian", Root(packages={"git": "x"}))
    assert run.calls[0][-1] == str(machine / "apt" / "sources.list")


def test_other_packages_are_another_root(machine: Path) -> None:
    one = builder(machine, Mmdebstrap())
    assert one.key("debian", Root(packages={"git": "x"})) != one.key("debian", Root(packages={"tini": "x"}))


def test_a_root_that_cannot_be_made_is_not_kept(machine: Path) -> None:
    root = Root(packages={"git": "x"})
    with pytest.raises(MiniappInfraError, match="Unable to locate package x"):
        builder(machine, Mmdebstrap(100)).tarball("debian", root)
    assert not list((machine / "cache").glob("*.tar"))


def test_a_machine_without_a_usable_source_is_told_so(machine: Path) -> None:
    (machine / "apt" / "sources.list.d" / "debian.sources").unlink()
    with pytest.raises(MiniappInfraError, match="offers component main of bookworm"):
        builder(machine, Mmdebstrap()).tarball("debian", Root(packages={"git": "x"}))
