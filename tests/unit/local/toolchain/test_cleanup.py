# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.local.toolchain import cleanup
from miniapp_infra.local.toolchain.golang import GoCaches
from miniapp_infra.local.toolchain.recipes import load

from .conftest import Recorder

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Checkout

BLOCK = 4096


def write(path: Path, size: int = BLOCK, age: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    moment = time.time() - age
    os.utime(path, (moment, moment))
    return path


@pytest.fixture
def caches(tmp_path: Path) -> GoCaches:
    return GoCaches(tmp_path / "go")


def test_shrink_keeps_the_modules_of_the_remaining_tools(checkout: Checkout, caches: GoCaches) -> None:
    checkout.put_module("beta", "v2.0.0")
    with (checkout.toolchain / "beta" / "go.sum").open("a") as sums:
        sums.write("github.com/BurntSushi/toml v1.5.0 h1:x=\n")
    needed = write(caches.modules / "github.com" / "!burnt!sushi" / "toml@v1.5.0" / "decode.go")
    finished = write(caches.modules / "example.org" / "alpha@v1.2.3" / "main.go")
    archive = write(caches.modules / "cache" / "download" / "example.org" / "alpha" / "@v" / "v1.2.3.zip")
    checksum = write(caches.modules / "cache" / "download" / "example.org" / "alpha" / "@v" / "v1.2.3.ziphash")
    cleanup.shrink(caches, load(checkout.toolchain)[1:], limit=10**9)
    assert needed.exists()
    assert checksum.exists()
    assert not finished.parent.exists()
    assert not archive.exists()


def test_shrink_removes_what_was_used_longest_ago_until_it_fits(checkout: Checkout, caches: GoCaches) -> None:
    entries = [write(caches.builds / f"{n:02x}" / "entry-d", age=n * 100) for n in range(4)]
    other = write(caches.builds / "README", age=10**6)
    cleanup.shrink(caches, load(checkout.toolchain), limit=3 * BLOCK)
    assert [entry.exists() for entry in entries] == [True, True, False, False]
    assert other.exists()


def test_ageing_keeps_the_order_and_makes_go_note_the_next_use(caches: GoCaches) -> None:
    young, old = write(caches.builds / "00" / "a", age=0), write(caches.builds / "01" / "b", age=50)
    cleanup.age(caches)
    assert time.time() - young.stat().st_mtime > 3600
    assert young.stat().st_mtime > old.stat().st_mtime


def test_usage_counts_blocks(caches: GoCaches) -> None:
    write(caches.builds / "00" / "a", size=3 * BLOCK)
    assert cleanup.usage(caches.root) == 3 * BLOCK
    assert cleanup.usage(caches.root / "nothing") == 0


def test_old_builds_go_and_used_ones_stay(tmp_path: Path) -> None:
    month = 30 * 24 * 3600
    for name in ("used-1", "abandoned-1", "recent-1"):
        (tmp_path / name).mkdir()
    for name in ("used-1", "abandoned-1"):
        os.utime(tmp_path / name, (time.time() - month,) * 2)
    write(tmp_path / ".lock", age=month)
    cleanup.remove_unused(tmp_path, [tmp_path / "used-1"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "recent-1", "used-1"]
    assert time.time() - (tmp_path / "used-1").stat().st_mtime < 3600


def test_caches_over_the_limit_are_shrunk_between_tools(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(checkout.cache / "go" / "mod" / "example.org" / "alpha@v1.2.3" / "main.go", size=10 * BLOCK)
    monkeypatch.setattr(cleanup, "CACHE_LIMIT", 5 * BLOCK)
    monkeypatch.setenv("FAKE_GO_FAIL", "three")
    reporter = Recorder()
    with pytest.raises(Exception, match="beta"):
        checkout.ensure(reporter)
    assert any("Removing what finished tools left" in line for line in reporter.said)
    assert not source.exists()
