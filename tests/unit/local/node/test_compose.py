# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from miniapp_infra.local.node import compose
from miniapp_infra.local.node.components import all_components

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout


def test_each_component_comes_after_what_it_needs(layout: Layout) -> None:
    seen: set[str] = set()
    for component in all_components(layout):
        assert set(component.needs) <= seen, component.name
        seen.add(component.name)


def test_no_port_is_wanted_twice(layout: Layout) -> None:
    ports = [port for component in all_components(layout) for port in component.ports]
    assert len(ports) == len(set(ports))


def test_every_file_named_on_a_command_line_restarts_its_component(prepared: Layout) -> None:
    """Private keys are left out, they change together with their certificates; so is what a component writes."""
    for component in all_components(prepared):
        watched = {str(path) for path in component.files}
        for argument in component.argv[1:]:
            value = argument.rpartition("=")[2]
            reads = value.startswith((str(prepared.config), str(prepared.pki)))
            if reads and not value.endswith((".key", ".kubeconfig", ".pub")):
                assert value in watched, f"{component.name} {argument}"


def test_a_changed_file_changes_only_the_launchers_that_read_it(prepared: Layout) -> None:
    def launchers() -> dict[str, str]:
        return {item.name: compose.launcher(item) for item in all_components(prepared)}

    before = launchers()
    (prepared.config / "kube-proxy.yaml").write_text("mode: other\n")
    after = launchers()
    assert [name for name in before if before[name] != after[name]] == ["kube-proxy"]


def test_a_new_program_version_changes_its_launcher(prepared: Layout) -> None:
    def launcher() -> str:
        return next(compose.launcher(item) for item in all_components(prepared) if item.name == "etcd")

    prepared.bin.mkdir(parents=True)
    (prepared.bin / "etcd").symlink_to("/opt/etcd-1")
    before = launcher()
    (prepared.bin / "etcd").unlink()
    (prepared.bin / "etcd").symlink_to("/opt/etcd-2")
    assert launcher() != before


def test_no_secret_is_on_a_command_line(prepared: Layout) -> None:
    secrets = [prepared.git_password, prepared.pki / "encryption.key", prepared.pki / "registry.secret"]
    text = compose.project(prepared, all_components(prepared)) + "".join(
        map(compose.launcher, all_components(prepared))
    )
    assert [path.name for path in secrets if path.read_text() in text] == []


def test_the_supervisor_never_gives_a_component_up(prepared: Layout) -> None:
    for name, process in yaml.safe_load(compose.project(prepared, all_components(prepared)))["processes"].items():
        assert process["availability"]["restart"] == "always", name
        assert process["readiness_probe"]["failure_threshold"] > 10**9, name
