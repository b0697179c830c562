# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are wrong as files: what YAML and Ansible would have let pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from miniapp_infra.catalog import CatalogError, load
from miniapp_infra.catalog.origin import merge
from miniapp_infra.errors import ErrorCode

from .conftest import INVENTORIES, Spoiled

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = "inventories/dev/group_vars/all"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cloud:\n  provider: aws\n  provider: gcp\n", "duplicate key 'provider', lines 2 and 3; keep one"),
        ("cloud: {}\ncloud: {}\n", "duplicate key 'cloud', lines 1 and 2; keep one"),
        ("base: &b {}\ncloud:\n  <<: *b\n", "line 3: '<<' is not used here; service_defaults is the place for it"),
        ("cloud:\n  yes: 1\n", "line 2: the key 'yes' must be a string; put it in quotes"),
        (
            "cloud:\n  account_id: !vault x\n",
            "line 2: the tag !vault is not used here; secrets are references, and every other value is plain",
        ),
        ("cloud: [\n", "line 2: not valid YAML: expected the node content, but found '<stream end>'"),
        ("- cloud\n", "must be a mapping of variables"),
        ("", "must be a mapping of variables"),
    ],
)
def test_file_is_refused(spoil: Callable[[str], Spoiled], text: str, expected: str) -> None:
    inventory = spoil("dev")
    inventory.file("cloud").write_text(text)

    assert f"{HERE}/cloud.yml: {expected}" in inventory.problems()


def test_unreadable_text_is_refused(spoil: Callable[[str], Spoiled]) -> None:
    inventory = spoil("dev")
    inventory.file("cloud").write_bytes(b"cloud: \xff\xfe\n")

    assert inventory.problems()[0].startswith(f"{HERE}/cloud.yml: not valid YAML:")


@pytest.mark.parametrize("template", ["{{ lookup('env', 'X') }}", "a{% if b %}c{% endif %}", "{# note #}"])
def test_jinja_is_refused_with_its_place(spoil: Callable[[str], Spoiled], template: str) -> None:
    inventory = spoil("dev")
    inventory.set("services.price.egress.0.host", template)

    assert inventory.problems() == [
        f"{HERE}/services.yml: services.price.egress[0].host: Jinja is not expanded here; write the value itself"
    ]


def test_variable_in_two_files_is_refused(spoil: Callable[[str], Spoiled]) -> None:
    inventory = spoil("dev")
    file = inventory.file("supply_chain")
    file.write_text(file.read_text() + "cloud: {}\n")

    assert inventory.problems() == [
        f"{HERE}/supply_chain.yml: cloud: is also set in {HERE}/cloud.yml; keep it there only"
    ]


def test_variable_in_the_wrong_file_is_refused(spoil: Callable[[str], Spoiled]) -> None:
    inventory = spoil("dev")
    file = inventory.file("cloud")
    inventory.file("access").write_text(inventory.file("access").read_text() + file.read_text().split("---\n")[1])
    file.write_text("{}\n")

    assert inventory.problems() == [f"{HERE}/access.yml: cloud: belongs in {HERE}/cloud.yml; keep it there only"]


def test_unknown_variable_is_refused(spoil: Callable[[str], Spoiled]) -> None:
    inventory = spoil("dev")
    inventory.file("cloud").write_text(inventory.file("cloud").read_text() + "clouds: {}\n")

    assert inventory.problems() == [f"{HERE}/cloud.yml: clouds: unknown key; did you mean 'cloud'?"]


@pytest.mark.parametrize("name", ["clouds.yml", "cloud.yaml", "cloud.json", "cloud"])
def test_file_that_ansible_would_read_is_refused(spoil: Callable[[str], Spoiled], name: str) -> None:
    inventory = spoil("dev")
    (inventory.directory / "group_vars" / "all" / name).write_text("x: 1\n")

    assert inventory.problems() == [f"{HERE}/{name}: unknown file, but Ansible would read it; did you mean 'cloud'?"]


@pytest.mark.parametrize("name", [".cloud.yml.swp", "cloud.yml~"])
def test_files_that_ansible_passes_over_do_not_matter(spoil: Callable[[str], Spoiled], name: str) -> None:
    inventory = spoil("dev")
    (inventory.directory / "group_vars" / "all" / name).write_text("x: [\n")

    assert load(inventory.directory).name == "dev"


def test_missing_file_names_what_it_holds(spoil: Callable[[str], Spoiled]) -> None:
    inventory = spoil("dev")
    inventory.file("services").unlink()

    assert inventory.problems()[:2] == [
        f"{HERE}/services.yml: service_defaults: missing key; add it to this file",
        f"{HERE}/services.yml: services: missing key; add it to this file",
    ]


def test_directory_without_variables(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no such directory; is this an inventory"):
        load(tmp_path)


def test_error_is_for_programs_too(spoil: Callable[[str], Spoiled]) -> None:
    inventory = spoil("dev")
    inventory.set("services.payhub.replicas", 0)

    with pytest.raises(CatalogError) as caught:
        load(inventory.directory)

    assert caught.value.code is ErrorCode.INVALID_INPUT
    assert caught.value.message == str(caught.value.problems[0])


def test_relative_and_absolute_directories_are_shown_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(INVENTORIES / "dev")

    assert load(Path()) == load(INVENTORIES / "dev")


def test_merge() -> None:
    defaults = {"a": {"b": 1, "c": [1, 2]}, "d": 4, "e": {"f": 1}}
    own = {"a": {"c": [3]}, "d": None, "e": 5}

    assert merge(defaults, own) == {"a": {"b": 1, "c": [3]}, "d": None, "e": 5}
    assert defaults == {"a": {"b": 1, "c": [1, 2]}, "d": 4, "e": {"f": 1}}
