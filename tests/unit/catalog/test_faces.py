# SPDX-License-Identifier: GPL-3.0-or-later
"""The model through its faces: command, filters and module."""

from __future__ import annotations

import json
import runpy
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible.module_utils.testing import patch_module_args
from click.testing import CliRunner

from miniapp_infra.catalog import Environment, from_mapping
from miniapp_infra.catalog.__main__ import main
from miniapp_infra.catalog.problems import CatalogError
from miniapp_infra.catalog.render import service_values, tenancy_objects

from .conftest import INVENTORIES, ROOT, Spoiled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Shared by the filters; it is what imports the package.
RENDERING = "ansible_collections.fuze.miniapp_infra.plugins.plugin_utils.rendering"


@pytest.fixture
def filters() -> dict[str, Callable[..., Any]]:
    namespace = runpy.run_path(str(ROOT / "plugins" / "filter" / "catalog.py"))
    found: dict[str, Callable[..., Any]] = namespace["FilterModule"]().filters()
    return found


def test_command_validates() -> None:
    result = CliRunner().invoke(main, ["validate", str(INVENTORIES / "dev")])

    assert result.exit_code == 0
    assert "dev, 12 services, no problems" in result.stdout


def test_command_prints_each_problem_and_fails(spoil: Callable[[str], Spoiled]) -> None:
    inventory = spoil("dev")
    inventory.set("services.payhub.replicas", 0)
    inventory.set("services.price.replicas", 0)

    result = CliRunner().invoke(main, ["validate", str(inventory.directory)])

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "inventories/dev/group_vars/all/services.yml: services.payhub.replicas: must be >= 1, got 0",
        "inventories/dev/group_vars/all/services.yml: services.price.replicas: must be >= 1, got 0",
        "Error: 2 problems",
    ]


def test_command_writes_schemas_once(tmp_path: Path) -> None:
    first = CliRunner().invoke(main, ["schema", "--directory", str(tmp_path)])
    second = CliRunner().invoke(main, ["schema", "--directory", str(tmp_path)])

    assert first.stdout.count("wrote") == len(list(tmp_path.iterdir())) > 0
    assert second.stdout == f"{tmp_path} is up to date\n"


def test_command_renders(dev: Environment) -> None:
    tenancy = CliRunner().invoke(main, ["tenancy", str(INVENTORIES / "dev")])
    values = CliRunner().invoke(main, ["values", str(INVENTORIES / "dev"), "price"])

    assert list(yaml.safe_load_all(tenancy.stdout)) == tenancy_objects(dev)
    assert yaml.safe_load(values.stdout) == service_values(dev, "price")


def test_command_fails_on_an_unknown_service() -> None:
    result = CliRunner().invoke(main, ["values", str(INVENTORIES / "dev"), "payhbu"])

    assert result.exit_code == 1
    assert "did you mean 'payhub'?" in result.stderr


def test_filters_take_a_path_or_the_data(filters: dict[str, Callable[..., Any]], dev: Environment) -> None:
    for value in (str(INVENTORIES / "dev"), dev.model_dump(mode="json")):
        assert filters["tenancy_objects"](value) == tenancy_objects(dev)
        assert filters["service_values"](value, "price") == service_values(dev, "price")
    assert filters["resource_name"]("price", "dev") == "dev-miniapp-price"


class Lazy(list[Any]):
    """As Ansible's own: the items are elsewhere until somebody iterates."""

    def __init__(self, items: list[Any]) -> None:
        super().__init__([object()] * len(items))
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)


class Tagged(str):
    __slots__ = ("origin",)


def test_filters_take_what_ansible_hands_out(filters: dict[str, Callable[..., Any]], dev: Environment) -> None:
    def wrap(value: Any) -> Any:
        if isinstance(value, dict):
            return {Tagged(key): wrap(item) for key, item in value.items()}
        if isinstance(value, list):
            return Lazy([wrap(item) for item in value])
        return Tagged(value) if isinstance(value, str) else value

    rendered = filters["tenancy_objects"](wrap(dev.model_dump(mode="json")))

    assert rendered == tenancy_objects(dev)
    # PyYAML's safe dumper refuses subclasses, so this shows that none is left.
    assert yaml.safe_dump(rendered)


def test_documentation_of_the_module_is_yaml() -> None:
    namespace = runpy.run_path(str(ROOT / "plugins" / "modules" / "environment_info.py"), run_name="module")

    assert set(yaml.safe_load(namespace["DOCUMENTATION"])["options"]) == {"path"}
    assert yaml.safe_load(namespace["EXAMPLES"])
    assert set(yaml.safe_load(namespace["RETURN"])) == {"environment", "connection", "errors", "error"}


def test_filters_fail_as_ansible_expects(filters: dict[str, Callable[..., Any]], dev: Environment) -> None:
    data = dev.model_dump(mode="json")
    data["services"]["payhub"]["replicas"] = 0

    with pytest.raises(AnsibleFilterError, match=r"services\.payhub\.replicas: must be >= 1, got 0"):
        filters["tenancy_objects"](data)
    with pytest.raises(AnsibleFilterError, match="unknown service"):
        filters["service_values"](dev.model_dump(mode="json"), "payhbu")
    with pytest.raises(AnsibleFilterError, match="RFC 1123"):
        filters["resource_name"]("Price", "dev")


def test_every_filter_is_documented(filters: dict[str, Callable[..., Any]]) -> None:
    for name in filters:
        documentation = yaml.safe_load((ROOT / "plugins" / "filter" / f"{name}.yml").read_text())
        assert documentation["DOCUMENTATION"]["name"] == name
        assert documentation["RETURN"]["_value"]["description"]


def test_data_with_an_unknown_part_is_refused(dev: Environment) -> None:
    with pytest.raises(CatalogError, match="clouds: unknown key"):
        from_mapping({**dev.model_dump(mode="json"), "clouds": {}})


def run_module(capsys: pytest.CaptureFixture[str], path: Path) -> dict[str, Any]:
    """Run the module as Ansible would, and return what it prints."""
    with patch_module_args({"path": str(path)}), pytest.raises(SystemExit):
        runpy.run_path(str(ROOT / "plugins" / "modules" / "environment_info.py"), run_name="__main__")
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def test_module_returns_the_environment(capsys: pytest.CaptureFixture[str], spoil: Callable[[str], Spoiled]) -> None:
    inventory = spoil("local")

    result = run_module(capsys, inventory.directory)

    assert result["changed"] is False
    assert result["errors"] == []
    assert from_mapping(result["environment"]).name == "local"
    assert result["connection"] == {
        "context": "miniapp-local",
        "kubeconfig": str(inventory.directory.parents[1] / ".local" / "kubeconfig"),
    }


def test_module_fails_with_every_problem(capsys: pytest.CaptureFixture[str], spoil: Callable[[str], Spoiled]) -> None:
    inventory = spoil("dev")
    inventory.set("services.payhub.replicas", 0)
    inventory.set("cloud.provder", "aws")

    result = run_module(capsys, inventory.directory)

    assert result["failed"] is True
    assert result["errors"] == [
        "inventories/dev/group_vars/all/cloud.yml: cloud.provder: unknown key; did you mean 'provider'?",
        "inventories/dev/group_vars/all/services.yml: services.payhub.replicas: must be >= 1, got 0",
    ]
    assert result["msg"] == "\n".join(result["errors"])
    assert result["error"]["code"] == "invalid_input"


def test_faces_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Without the Python package both faces say so, instead of showing an ImportError."""
    monkeypatch.setitem(sys.modules, "miniapp_infra", None)
    monkeypatch.delitem(sys.modules, RENDERING, raising=False)
    namespace = runpy.run_path(str(ROOT / "plugins" / "filter" / "catalog.py"))

    with pytest.raises(AnsibleFilterError, match="miniapp-infra is missing on the control host"):
        namespace["resource_name"]("price", "dev")
    assert "Failed to import the required Python library (miniapp-infra)" in run_module(capsys, tmp_path)["msg"]
