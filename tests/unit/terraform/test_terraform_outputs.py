# SPDX-License-Identifier: GPL-3.0-or-later
"""Outputs from a program, a state file or given text; what is sensitive is shown only when asked for."""

from __future__ import annotations

import json
import shutil
import stat
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry import Completed
from miniapp_infra.terraform import outputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PRINTED: dict[str, Any] = {
    "cluster_endpoint": {"sensitive": False, "type": "string", "value": "https://k8s.example.com"},
    "database_password": {"sensitive": True, "type": "string", "value": "canary"},
    "database_url": {"sensitive": True, "type": "string", "value": "mongodb://app:canary@db"},
    "endpoints": {"sensitive": False, "type": ["map", "string"], "value": {"registry": "r.example.com"}},
    "subnets": {"sensitive": False, "type": ["list", "string"], "value": ["a", "b"]},
    "zone_address": {"sensitive": False, "type": "number", "value": 7},
}


def parsed() -> outputs.Outputs:
    return outputs.parse(PRINTED, source="outputs")


def test_text_and_dictionary_are_the_same() -> None:
    assert outputs.parse(json.dumps(PRINTED), source="outputs") == parsed()
    assert outputs.parse("{}", source="outputs") == {}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("canary {", "outputs: is not JSON"),
        ("[]", "outputs: must be a dictionary"),
        (None, "outputs: must be a dictionary"),
        ({"x": "canary"}, "outputs: x: must be a dictionary with value"),
    ],
)
def test_what_is_no_output_is_refused_and_not_repeated(document: Any, problem: str) -> None:
    with pytest.raises(MiniappInfraError, match=problem) as caught:
        outputs.parse(document, source="outputs")
    assert caught.value.code is ErrorCode.INVALID_INPUT
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_sensitive_outputs_are_left_out_of_all() -> None:
    assert set(outputs.select(parsed(), [])) == set(PRINTED) - {"database_password", "database_url"}
    assert outputs.select(parsed(), [], sensitive=True)["database_password"] == "canary"  # noqa: S105 - a canary


def test_a_sensitive_output_by_name_is_refused_unless_asked_for() -> None:
    with pytest.raises(MiniappInfraError, match="output database_password: it is sensitive") as caught:
        outputs.select(parsed(), ["subnets", "database_password"])
    assert caught.value.code is ErrorCode.FORBIDDEN
    assert outputs.select(parsed(), ["database_password"], sensitive=True) == {"database_password": "canary"}
    assert "canary" not in repr(parsed())


def test_an_output_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(MiniappInfraError, match="output vpc: there are cluster_endpoint, database_password") as caught:
        outputs.select(parsed(), ["vpc"])
    assert caught.value.code is ErrorCode.NOT_FOUND
    with pytest.raises(MiniappInfraError, match="there are none"):
        outputs.select({}, ["vpc"])
    many = outputs.parse({f"o{number:02}": {"value": 1} for number in range(15)}, source="outputs")
    with pytest.raises(MiniappInfraError, match="o11 and 3 more"):
        outputs.select(many, ["vpc"])


def test_endpoints_are_called_after_their_things() -> None:
    found = outputs.endpoints(parsed())
    assert outputs.select(found, []) == {"cluster": "https://k8s.example.com", "registry": "r.example.com"}
    assert outputs.select(found, ["database"], sensitive=True) == {"database": "mongodb://app:canary@db"}
    with pytest.raises(MiniappInfraError, match="output database: it is sensitive"):
        outputs.select(found, ["database"])


def test_two_addresses_of_one_thing_are_a_conflict() -> None:
    twice = {"registry_url": {"value": "https://r"}, "registry_host": {"value": "r"}}
    with pytest.raises(MiniappInfraError, match="endpoint of registry: outputs name more than one") as caught:
        outputs.endpoints(outputs.parse(twice, source="outputs"))
    assert caught.value.code is ErrorCode.CONFLICT
    same = {"registry_url": {"value": "r"}, "endpoints": {"value": {"registry": "r"}, "sensitive": True}}
    assert outputs.endpoints(outputs.parse(same, source="outputs"))["registry"].is_sensitive


def test_a_state_file(tmp_path: Path) -> None:
    path = tmp_path / "terraform.tfstate"
    path.write_text(json.dumps({"version": 4, "outputs": PRINTED, "resources": []}))
    assert outputs.from_state(path) == parsed()
    path.write_text('{"version": 4}')
    assert outputs.from_state(path) == {}


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot be read"), ("canary", "is not JSON"), ('{"version": 3}', "is no Terraform state of format 4")],
)
def test_a_state_file_that_is_none(tmp_path: Path, content: str | None, problem: str) -> None:
    path = tmp_path / "state"
    if content is not None:
        path.write_text(content)
    with pytest.raises(MiniappInfraError, match=problem) as caught:
        outputs.from_state(path)
    assert caught.value.message.startswith("state_file: ")
    assert "canary" not in caught.value.message


def test_the_program_is_asked_in_its_directory(tmp_path: Path) -> None:
    calls: list[tuple[list[str], dict[str, str]]] = []

    def run(argv: Sequence[str], *, environment: Mapping[str, str], timeout: float) -> Completed:  # noqa: ARG001 - the protocol's name
        calls.append((list(argv), dict(environment)))
        return Completed(0, json.dumps(PRINTED), "")

    assert outputs.from_program(tmp_path, program="tofu", workspace="dev", run=run) == parsed()
    ((argv, environment),) = calls
    assert argv == ["tofu", f"-chdir={tmp_path}", "output", "-json", "-no-color"]
    assert environment["TF_WORKSPACE"] == "dev"


def test_what_the_program_says_is_told_without_its_frame(tmp_path: Path) -> None:
    frame = "╷\n│ Error: Backend initialization required\n│ \n│ Reason: ...\n╵\n"
    with pytest.raises(
        MiniappInfraError, match=r"Failed to read outputs of .*: Backend initialization required"
    ) as caught:
        outputs.from_program(tmp_path, program="tofu", run=lambda *_, **__: Completed(1, "", frame))
    assert "init" in caught.value.hint


def test_a_missing_program_or_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MiniappInfraError, match=r"directory: .* is not a directory"):
        outputs.from_program(tmp_path / "nowhere")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MiniappInfraError, match="neither terraform nor tofu is installed") as caught:
        outputs.from_program(tmp_path)
    assert caught.value.code is ErrorCode.MISSING_TOOL


def test_the_program_that_is_installed_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "tofu"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{json.dumps(PRINTED)}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin")
    assert outputs.from_program(tmp_path) == parsed()


REAL = next((program for program in outputs.PROGRAMS if shutil.which(program)), None)


@pytest.mark.skipif(REAL is None, reason="neither terraform nor tofu is installed")
def test_the_real_program(tmp_path: Path) -> None:
    """With state in a file beside the configuration it needs no provider and no network."""
    (tmp_path / "main.tf").write_text('output "name" {\n  value = "x"\n}\n')
    state = {
        "version": 4,
        "terraform_version": "1.5.0",
        "serial": 1,
        "lineage": "00000000-0000-4000-8000-000000000000",
        "outputs": {
            "name": {"value": "x", "type": "string"},
            "key": {"value": "s", "type": "string", "sensitive": True},
        },
        "resources": [],
    }
    (tmp_path / "terraform.tfstate").write_text(json.dumps(state))
    found = outputs.from_program(tmp_path, program=REAL)
    assert outputs.select(found, [], sensitive=True) == {"key": "s", "name": "x"}
    assert outputs.select(found, []) == {"name": "x"}
    assert found == outputs.from_state(tmp_path / "terraform.tfstate")
