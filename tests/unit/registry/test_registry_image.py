# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers and image layouts: reproducible, complete and of the right form."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.registry.image import ImageConfig, write_layout
from miniapp_infra.registry.layer import Entry, write_layer

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = ImageConfig(entrypoint=("/app/x",), user="65532", env={"B": "2", "A": "1"}, labels={"l": "1"})


def make(directory: Path, mtime: int, *, backwards: bool = False) -> tuple[Path, str]:
    directory.mkdir()
    program = directory / "program"
    program.write_bytes(b"program")
    os.utime(program, (mtime, mtime))
    entries = [
        Entry("/app/x", source=program),
        Entry("/app/y", target="/app/x"),
        Entry("/etc/z", mode=0o600, owner=7, content=b"z"),
    ]
    layer = write_layer(reversed(entries) if backwards else entries, directory)
    return layer.path, write_layout(directory / "layout", [layer], CONFIG)


def test_same_content_gives_the_same_digest_whatever_the_time_and_order(tmp_path: Path) -> None:
    first = make(tmp_path / "a", 1)[1]
    second = make(tmp_path / "b", 1_700_000_000, backwards=True)[1]
    assert first == second


def test_a_layer_has_directories_links_owners_and_modes(tmp_path: Path) -> None:
    path, _ = make(tmp_path / "a", 5)
    with tarfile.open(path) as tar:
        members = {member.name: member for member in tar}
    assert list(members) == ["app", "app/x", "app/y", "etc", "etc/z"]
    assert members["app"].isdir()
    assert (members["app/y"].issym(), members["app/y"].linkname) == (True, "/app/x")
    assert (members["etc/z"].mode, members["etc/z"].uid, members["etc/z"].gid) == (0o600, 7, 7)
    assert {member.mtime for member in members.values()} == {0}


def test_every_blob_of_a_layout_is_what_its_name_says(tmp_path: Path) -> None:
    _, digest = make(tmp_path / "a", 5)
    layout = tmp_path / "a" / "layout"
    for blob in (layout / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    index = json.loads((layout / "index.json").read_text())
    assert [manifest["digest"] for manifest in index["manifests"]] == [digest]
    manifest = json.loads((layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_text())
    config_blob = manifest["config"]["digest"].removeprefix("sha256:")
    config = json.loads((layout / "blobs" / "sha256" / config_blob).read_text())
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    assert config["config"]["User"] == "65532"
    assert config["config"]["Env"] == ["A=1", "B=2"]


@pytest.mark.parametrize("path", ["app/x", "/", "/a/../b"])
def test_a_path_has_to_be_absolute_and_inside(path: str) -> None:
    with pytest.raises(MiniappInfraError, match=r"^path: "):
        Entry(path)


def test_a_path_cannot_be_in_a_layer_twice(tmp_path: Path) -> None:
    with pytest.raises(MiniappInfraError, match="twice"):
        write_layer([Entry("/a", content=b"1"), Entry("/a", content=b"2")], tmp_path)
