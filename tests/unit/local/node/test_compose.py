# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from miniapp_infra.local.node import compose, profiles
from miniapp_infra.local.node.component import Component, ExecProbe
from miniapp_infra.local.node.components import all_components
from miniapp_infra.local.standins import postgresql
from miniapp_infra.local.toolchain import Toolset

if TYPE_CHECKING:
    from pathlib import Path

    from miniapp_infra.local.layout import Layout


@pytest.fixture(params=["core", "full"], autouse=True)
def profile(request: pytest.FixtureRequest, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both profiles, on a machine that has PostgreSQL and every tool."""
    profiles.record(layout, request.param)
    monkeypatch.setattr(postgresql, "programs", lambda: tmp_path / "postgresql" / "15" / "bin")
    access = layout.data / "postgresql" / "pg_hba.conf"
    access.parent.mkdir(parents=True)
    access.write_text("")
    layout.vault_token.write_text("the-root-token")
    layout.bin.mkdir(parents=True)
    Toolset(request.param, {}, {}, {}).save(layout)
    for name in ("ferretdb", "vault"):
        (layout.bin / name).write_text("")
    return str(request.param)


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

    (prepared.bin / "etcd").symlink_to("/opt/etcd-1")
    before = launcher()
    (prepared.bin / "etcd").unlink()
    (prepared.bin / "etcd").symlink_to("/opt/etcd-2")
    assert launcher() != before


def test_no_secret_is_on_a_command_line(prepared: Layout) -> None:
    secrets = [prepared.git_password, prepared.pki / "encryption.key", prepared.pki / "registry.secret"]
    secrets.append(prepared.vault_token)
    text = compose.project(prepared, all_components(prepared)) + "".join(
        map(compose.launcher, all_components(prepared))
    )
    assert [path.name for path in secrets if path.read_text() in text] == []


def test_the_supervisor_never_gives_a_component_up(prepared: Layout) -> None:
    for name, process in yaml.safe_load(compose.project(prepared, all_components(prepared)))["processes"].items():
        assert process["availability"]["restart"] == "always", name
        assert process["readiness_probe"]["failure_threshold"] > 10**9, name


STANDINS = {"moto", "postgresql", "metering", "ferretdb", "vault"}


def names(layout: Layout) -> set[str]:
    return {component.name for component in all_components(layout)}


def test_stand_ins_belong_to_the_full_profile(layout: Layout, profile: str) -> None:
    assert names(layout) & STANDINS == (STANDINS if profile == "full" else set())


def test_a_stand_in_whose_tool_was_left_out_is_left_out(layout: Layout) -> None:
    Toolset("full", {}, {"ferretdb": "there was no time"}, {"ferretdb": "ferretdb"}).save(layout)
    assert "ferretdb" not in names(layout)


def test_a_stand_in_that_was_never_built_is_left_out(layout: Layout) -> None:
    (layout.bin / "vault").unlink()
    assert "vault" not in names(layout)


def test_who_a_component_runs_as_is_in_its_launcher() -> None:
    component = Component("one", ("/opt/one", "--flag=a b"), (), ExecProbe(("true",)), (), (), user="nobody")
    (start,) = [line for line in compose.launcher(component).splitlines() if not line.startswith("#")]
    assert start == ("cd / && exec setpriv --reuid=nobody --regid=nobody --init-groups -- /opt/one '--flag=a b'")


def test_postgresql_is_stopped_without_waiting_for_its_clients(layout: Layout, profile: str) -> None:
    processes = yaml.safe_load(compose.project(layout, all_components(layout)))["processes"]
    signals = {name: process["shutdown"]["signal"] for name, process in processes.items()}
    assert signals.pop("postgresql", 2) == 2
    assert set(signals.values()) == {15}, profile
