# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.toolchain import Toolset, host
from miniapp_infra.local.toolchain.host import Machine

from .conftest import Recorder

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Checkout

INTERRUPTED_RUN = """
import sys
from pathlib import Path
from miniapp_infra.local.layout import Layout
from miniapp_infra.local.toolchain import ensure
from miniapp_infra.local.toolchain.host import Machine
Machine.here = classmethod(lambda _: Machine("Linux", 0))
ensure(Layout(Path(sys.argv[1])), cache=Path(sys.argv[2]))
"""


def wait_for(path: Path) -> None:
    until = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_builds_links_and_records(checkout: Checkout) -> None:
    toolset = checkout.ensure()
    assert subprocess.check_output([checkout.layout.bin / "one"], text=True) == "version v1.2.3\n"
    assert toolset.path("one") == (checkout.layout.bin / "one").readlink()
    assert "CustomResource" in (checkout.layout.assets / "beta" / "config" / "crd.yaml").read_text()
    assert toolset.tools["alpha"].source == "built"
    assert Toolset.load(checkout.layout).path("three") == toolset.path("three")


def test_second_run_compiles_nothing(checkout: Checkout) -> None:
    checkout.ensure()
    before = checkout.calls
    toolset = checkout.ensure()
    assert checkout.calls == before
    assert {tool.source for tool in toolset.tools.values()} == {"cached"}


def test_tools_are_linked_one_by_one(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_GO_FAIL", "three")
    with pytest.raises(MiniappInfraError):
        checkout.ensure()
    assert (checkout.layout.bin / "one").exists()


def test_compile_failure_names_tool_lines_and_log_and_keeps_the_rest(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_GO_FAIL", "three")
    with pytest.raises(MiniappInfraError, match=r"Failed to build beta v2\.0\.0") as caught:
        checkout.ensure()
    assert "three.go:7: undefined: answer" in caught.value.message
    log = checkout.layout.logs / "toolchain" / "beta.log"
    assert str(log) in caught.value.hint
    assert "undefined: answer" in log.read_text()
    assert not list((checkout.cache / "toolchain").glob("beta-*"))

    monkeypatch.delenv("FAKE_GO_FAIL")
    reporter = Recorder()
    checkout.ensure(reporter)
    assert reporter.built == ["beta"]


def test_program_that_does_not_state_its_version_is_refused(checkout: Checkout) -> None:
    checkout.change("alpha", stamps={})
    with pytest.raises(MiniappInfraError, match=r"one was compiled but does not state version v1\.2\.3"):
        checkout.ensure()
    assert not list((checkout.cache / "toolchain").glob("alpha-*"))


@pytest.mark.parametrize("damage", ["content", "truncated", "missing", "surplus", "mode", "manifest"])
def test_damaged_cache_is_built_again(checkout: Checkout, damage: str) -> None:
    directory = checkout.ensure().path("one").parent.parent
    program = directory / "bin" / "one"
    text = program.read_bytes()
    match damage:
        case "content":
            program.write_bytes(text.replace(b"version", b"VERSION"))
        case "truncated":
            # As a file system does that loses the last blocks in a crash: the time stays.
            status = program.stat()
            program.write_bytes(text[:5])
            os.utime(program, ns=(status.st_atime_ns, status.st_mtime_ns))
        case "missing":
            program.unlink()
        case "surplus":
            (directory / "bin" / "four").write_text("")
        case "mode":
            program.chmod(0o600)
        case "manifest":
            (directory / "manifest.json").write_text("{")
    reporter = Recorder()
    checkout.ensure(reporter)
    assert reporter.built == ["alpha"]
    assert "cached alpha is damaged" in reporter.said[0]
    assert program.read_bytes() == text
    assert not (directory / "bin" / "four").exists()


def test_touched_but_unchanged_cache_is_kept(checkout: Checkout) -> None:
    program = checkout.ensure().path("one")
    os.utime(program, (1, 1))
    reporter = Recorder()
    checkout.ensure(reporter)
    assert reporter.built == []


def test_killed_build_leaves_nothing_and_the_next_run_resumes(checkout: Checkout) -> None:
    command = [sys.executable, "-c", INTERRUPTED_RUN, str(checkout.layout.root), str(checkout.cache)]
    slow = {**os.environ, "FAKE_GO_SLOW": "three"}
    with subprocess.Popen(command, env=slow, stderr=subprocess.DEVNULL) as run:
        pid_file = checkout.commands / "calls.pid"
        wait_for(pid_file)
        run.send_signal(signal.SIGKILL)
    compiler = int(pid_file.read_text())
    until = time.monotonic() + 10
    while alive(compiler):
        assert time.monotonic() < until, "the compiler outlived the build"
        time.sleep(0.02)
    assert not list((checkout.cache / "toolchain").glob("beta-*"))

    reporter = Recorder()
    checkout.ensure(reporter)
    assert reporter.built == ["beta"]
    assert not list((checkout.cache / "toolchain").glob(".partial-*"))
    assert (checkout.layout.bin / "three").exists()


def test_rest_of_a_build_that_is_no_longer_wanted_is_removed(checkout: Checkout) -> None:
    partial = checkout.cache / "toolchain" / ".partial-gone"
    partial.mkdir(parents=True)
    (partial / "half").write_text("")
    checkout.ensure()
    assert not partial.exists()


def test_second_run_waits_for_the_first(checkout: Checkout) -> None:
    command = [sys.executable, "-c", INTERRUPTED_RUN, str(checkout.layout.root), str(checkout.cache)]
    slow = {**os.environ, "FAKE_GO_SLOW": "one"}
    first = subprocess.Popen(command, env=slow, stderr=subprocess.DEVNULL)
    second = None
    try:
        wait_for(checkout.commands / "calls.pid")
        second = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert second.stderr is not None
        assert "waiting for it to end" in second.stderr.readline()
        assert second.poll() is None
    finally:
        for process in filter(None, (first, second)):
            process.kill()
            process.wait()
        if second and second.stderr:
            second.stderr.close()


def test_change_of_pin_builds_that_tool_only(checkout: Checkout) -> None:
    checkout.ensure()
    checkout.put_module("alpha", "v1.2.4")
    reporter = Recorder()
    toolset = checkout.ensure(reporter)
    assert reporter.built == ["alpha"]
    assert toolset.tools["alpha"].version == "v1.2.4"
    assert subprocess.check_output([checkout.layout.bin / "one"], text=True) == "version v1.2.4\n"


def put_on_path(checkout: Checkout, **versions: str) -> None:
    checkout.change("alpha", on_path=True)
    for name, version in versions.items():
        checkout.put_program(checkout.commands, name, f"#!/bin/sh\necho {name} version {version}\n")


def test_exact_version_on_path_is_used(checkout: Checkout) -> None:
    put_on_path(checkout, one="v1.2.3", two="1.2.3")
    reporter = Recorder()
    toolset = checkout.ensure(reporter)
    assert reporter.built == ["beta"]
    assert toolset.tools["alpha"].source == "path"
    assert (checkout.layout.bin / "one").resolve() == checkout.commands / "one"


@pytest.mark.parametrize("two", ["v1.2.30", "v1.2", "v1.2.3-rc.1", "v1.2.3+vendor", "v11.2.3", "v1.2.3.4"])
def test_other_version_on_path_is_not_used(checkout: Checkout, two: str) -> None:
    put_on_path(checkout, one="v1.2.3", two=two)
    assert checkout.ensure().tools["alpha"].source == "built"


def test_tool_that_is_only_partly_on_path_is_built(checkout: Checkout) -> None:
    put_on_path(checkout, one="v1.2.3")
    assert checkout.ensure().tools["alpha"].source == "built"


def test_path_is_ignored_where_the_recipe_does_not_allow_it(checkout: Checkout) -> None:
    put_on_path(checkout, one="v1.2.3", two="v1.2.3")
    checkout.change("alpha", on_path=False)
    assert checkout.ensure().tools["alpha"].source == "built"


def test_own_links_on_path_are_not_taken_for_the_machines(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.change("alpha", on_path=True)
    checkout.ensure()
    monkeypatch.setenv("PATH", f"{checkout.layout.bin}{os.pathsep}{os.environ['PATH']}")
    checkout.cache.rename(checkout.cache.with_name("elsewhere"))
    for program in ("one", "two"):
        checkout.put_program(checkout.layout.state / "kept", program, "#!/bin/sh\necho v1.2.3\n")
        (checkout.layout.bin / program).unlink()
        (checkout.layout.bin / program).symlink_to(checkout.layout.state / "kept" / program)
    assert checkout.ensure().tools["alpha"].source == "built"


def test_go_caches_are_removed_when_all_is_built(checkout: Checkout) -> None:
    checkout.ensure()
    assert not (checkout.cache / "go").exists()


def test_go_caches_are_kept_on_request(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIAPP_INFRA_KEEP_GO_CACHE", "1")
    checkout.ensure()
    assert (checkout.cache / "go" / "build").exists()


def test_go_caches_survive_a_failure_so_that_the_next_run_resumes(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_GO_FAIL", "three")
    with pytest.raises(MiniappInfraError):
        checkout.ensure()
    assert (checkout.cache / "go" / "build").exists()


def test_too_little_disk_says_how_much_before_anything_is_built(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.change("alpha", megabytes=5000)
    monkeypatch.setattr(host, "free_bytes", lambda _: 2_000_000_000)
    with pytest.raises(MiniappInfraError) as caught:
        checkout.ensure()
    assert caught.value.code is ErrorCode.UNSUPPORTED_HOST
    assert "needs 7001000000 bytes (7.0 GB)" in caught.value.message
    assert "2000000000 bytes (2.0 GB) are available: 5.0 GB are missing" in caught.value.message
    assert "MINIAPP_INFRA_CACHE" in caught.value.hint
    assert checkout.calls == []


def test_disk_does_not_matter_when_all_is_cached(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.ensure()
    monkeypatch.setattr(host, "free_bytes", lambda _: 0)
    checkout.ensure()


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (Machine("Darwin", 0), "needs Linux, this is Darwin"),
        (Machine("Linux", 1000), "needs root, this is user id 1000"),
    ],
)
def test_unsupported_machine_learns_what_works(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, machine: Machine, said: str
) -> None:
    monkeypatch.setattr(Machine, "here", classmethod(lambda _: machine))
    with pytest.raises(MiniappInfraError, match=said) as caught:
        checkout.ensure()
    assert caught.value.code is ErrorCode.UNSUPPORTED_HOST
    assert "make up LOCAL_ENGINE=external" in caught.value.hint
    assert not checkout.cache.exists()


def test_deadline_leaves_out_tools_of_the_full_profile_with_a_reason(checkout: Checkout) -> None:
    checkout.change("beta", profile="full", seconds=500)
    toolset = checkout.ensure(profile="full", deadline=60)
    assert "alpha" in toolset.tools
    assert "60 s of the time for the toolchain were left" in toolset.left_out["beta"]
    assert json.loads((checkout.layout.state / "toolchain.json").read_text())["left_out"] == toolset.left_out
    with pytest.raises(MiniappInfraError, match="three is not there: beta was left out") as caught:
        Toolset.load(checkout.layout).path("three")
    assert caught.value.code is ErrorCode.MISSING_TOOL


def test_deadline_stops_a_tool_of_the_full_profile(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.change("beta", profile="full")
    monkeypatch.setenv("FAKE_GO_SLOW", "three")
    toolset = checkout.ensure(profile="full", deadline=2)
    assert "Stopped building beta" in toolset.left_out["beta"]
    assert (checkout.cache / "go").exists(), "what was compiled is there for the next run"


def test_a_tool_of_the_full_profile_that_does_not_compile_keeps_nobody_from_the_rest(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.change("beta", profile="full")
    monkeypatch.setenv("FAKE_GO_FAIL", "three")
    toolset = checkout.ensure(profile="full")
    assert "alpha" in toolset.tools
    assert toolset.left_out["beta"].startswith("Failed to build beta v2.0.0")
    assert "\n" not in toolset.left_out["beta"]
    assert not list((checkout.cache / "toolchain").glob("beta-*"))


def test_the_next_run_builds_what_was_left_out(checkout: Checkout) -> None:
    checkout.change("beta", profile="full", seconds=500)
    checkout.ensure(profile="full", deadline=60)
    reporter = Recorder()
    toolset = checkout.ensure(reporter, profile="full", deadline=900)
    assert reporter.built == ["beta"]
    assert toolset.left_out == {}


def test_a_tool_of_the_full_profile_that_is_cached_needs_no_time(checkout: Checkout) -> None:
    checkout.change("beta", profile="full", seconds=500)
    checkout.ensure(profile="full")
    assert checkout.ensure(profile="full", deadline=0).left_out == {}


def test_core_tools_are_built_whatever_the_deadline(checkout: Checkout) -> None:
    assert set(checkout.ensure(deadline=0).tools) == {"alpha", "beta"}


def test_build_is_reproducible_whatever_the_users_go_settings(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = checkout.commands / "go"
    script.write_text(script.read_text().replace("case $1 in", f'env >"{checkout.commands}/env-$1"\ncase $1 in', 1))
    for name, value in {"GOFLAGS": "-mod=mod", "GOOS": "plan9", "GOPROXY": "https://proxy.example"}.items():
        monkeypatch.setenv(name, value)
    checkout.ensure()
    lines = set((checkout.commands / "env-build").read_text().splitlines())
    assert "GOFLAGS=-trimpath -modcacherw -buildvcs=false" in lines
    assert {"CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOPROXY=https://proxy.example"} <= lines
    assert not any(line.startswith("GOOS=") for line in lines)
    assert all("-mod=readonly" in call for call in checkout.calls)
