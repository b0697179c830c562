# SPDX-License-Identifier: GPL-3.0-or-later
"""The four inventories of the repository: alike in their keys, different in their values."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from itertools import combinations
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml
from ansible.vars.reserved import get_reserved_names

from miniapp_infra.catalog import Environment, load, naming
from miniapp_infra.catalog.schema import render
from miniapp_infra.catalog.topics import TOPIC_OF, TOPICS
from miniapp_infra.local import layout

from .conftest import ENVIRONMENTS, INVENTORIES, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

# Mappings whose keys are names that an inventory chooses. Flags and plain variables are still the same everywhere.
FREE = {"secrets", "overrides"}
NAMESPACES = {
    *("identity", "payhub", "playhub", "price", "watchlist", "funding"),
    *("escrow", "campaigns", "events", "admin", "webapp", "workers"),
}
FILES = [(environment, topic) for environment in ENVIRONMENTS for topic in TOPICS]


def read(environment: str, topic: str) -> Any:
    return yaml.safe_load((INVENTORIES / environment / "group_vars" / "all" / f"{topic}.yml").read_text())


def keys(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all keys; lists are values, and so is what an inventory names itself."""
    if isinstance(value, dict) and path.rpartition(".")[2] not in FREE:
        for key, item in value.items():
            yield f"{path}.{key}"
            yield from keys(item, f"{path}.{key}")


@pytest.fixture(scope="module")
def all_environments() -> dict[str, Environment]:
    return {name: load(INVENTORIES / name) for name in ENVIRONMENTS}


def test_every_inventory_is_valid(all_environments: dict[str, Environment]) -> None:
    assert set(all_environments) == {path.name for path in INVENTORIES.iterdir()}


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic not in {"services", "gitops"}])
def test_key_sets_are_the_same(topic: str) -> None:
    expected = set(keys(read("prod", topic)))

    assert [name for name in ENVIRONMENTS if set(keys(read(name, topic))) != expected] == []


def test_key_sets_are_the_same_once_merged(all_environments: dict[str, Environment]) -> None:
    """Services and defaults are compared after the merge, so that prod may say more about payhub than dev does."""
    found = {name: set(keys(environment.model_dump()["services"])) for name, environment in all_environments.items()}

    assert {name: found["prod"] ^ paths for name, paths in found.items() if paths != found["prod"]} == {}


def test_gitops_differs_in_credentials_only() -> None:
    found = {name: set(keys(read(name, "gitops"))) for name in ENVIRONMENTS}

    assert found["dev"] == found["staging"] == found["prod"]
    assert found["prod"] - found["local"] == {".gitops.credentials.secret_name"}


def test_what_a_service_is_does_not_depend_on_the_environment(all_environments: dict[str, Environment]) -> None:
    def identity(environment: Environment) -> dict[str, Any]:
        return {
            name: (service.owner, service.tier, service.port, service.calls, [rule.name for rule in service.egress])
            for name, service in environment.services.items()
        }

    expected = identity(all_environments["prod"])

    assert all(identity(environment) == expected for environment in all_environments.values())


def test_services_are_those_of_the_specification(environment: Environment) -> None:
    assert set(environment.services) == NAMESPACES


def test_edges_that_must_and_must_not_be(environment: Environment) -> None:
    calls = {name: set(service.calls) for name, service in environment.services.items()}

    assert "payhub" not in calls["price"]
    assert all("identity" in called for name, called in calls.items() if name != "identity")
    assert {"payhub", "price"} <= calls["playhub"]
    assert "playhub" in calls["webapp"]


def test_domains(all_environments: dict[str, Environment]) -> None:
    assert {name: environment.wildcard_host for name, environment in all_environments.items()} == {
        "local": "*.local.miniapp.test",
        "dev": "*.dev.example.com",
        "staging": "*.stg.example.com",
        "prod": "*.app.example.com",
    }


def test_environments_have_accounts_and_networks_of_their_own(all_environments: dict[str, Environment]) -> None:
    clouds = [environment.cloud.account_id for environment in all_environments.values()]
    networks = [
        (environment.network.vpc_cidr, environment.network.pod_cidr, environment.network.service_cidr)
        for environment in all_environments.values()
    ]

    assert len(set(clouds)) == len(clouds)
    for first, second in combinations(networks, 2):
        assert not any(IPv4Network(a).overlaps(IPv4Network(b)) for a in first for b in second)


def test_local_is_where_the_local_node_is(all_environments: dict[str, Environment]) -> None:
    local = all_environments["local"]

    assert local.network.pod_cidr == layout.POD_CIDR
    assert local.network.service_cidr == layout.SERVICE_CIDR
    assert local.registry.host == layout.REGISTRY
    assert local.gitops.repository == f"{layout.GIT_URL}/platform.git"
    assert local.gitops.chart.ref == f"oci://{layout.REGISTRY}/charts/{naming.PRODUCT}-service"
    benchmark = IPv4Network("198.18.0.0/15")
    rules = [rule for name in local.services for rule in local.egress(name)]
    assert all(IPv4Network(rule.cidr).subnet_of(benchmark) for rule in rules)


def test_local_is_small(all_environments: dict[str, Environment]) -> None:
    services = all_environments["local"].services.values()

    assert {service.replicas for service in services} == {1}
    assert {tuple(service.resources.requests.model_dump().values()) for service in services} == {("10m", "32Mi")}
    assert not any(service.autoscaling.enabled or service.secrets for service in services)


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_nothing_is_left_to_fill_in(environment: str) -> None:
    for path in (INVENTORIES / environment).rglob("*.yml"):
        text = json.dumps(yaml.safe_load(path.read_text())).lower()
        assert not [word for word in ("changeme", "todo", "fixme", "xxx", "placeholder", "<") if word in text], path


def test_no_variable_is_a_keyword_of_ansible() -> None:
    assert not set(TOPIC_OF) & get_reserved_names()


@pytest.mark.parametrize(("environment", "topic"), FILES)
def test_files_name_their_schema_and_follow_it(environment: str, topic: str) -> None:
    path = INVENTORIES / environment / "group_vars" / "all" / f"{topic}.yml"
    license_line, schema_line, start = path.read_text().splitlines()[:3]
    reference = schema_line.removeprefix("# yaml-language-server: $schema=")
    schema = (path.parent / reference).resolve()

    assert license_line == "# SPDX-License-Identifier: GPL-3.0-or-later"
    assert start == "---"
    assert schema == ROOT / "docs" / "schema" / f"{topic}.schema.json"
    jsonschema.validate(read(environment, topic), json.loads(schema.read_text()))


@pytest.mark.parametrize(("name", "text"), render().items())
def test_checked_in_schemas_are_current(name: str, text: str) -> None:
    path = ROOT / "docs" / "schema" / name

    assert path.read_text() == text, "run: python -m miniapp_infra.catalog schema"


def test_no_other_schemas_are_checked_in() -> None:
    assert {path.name for path in (ROOT / "docs" / "schema").iterdir()} == set(render())


def test_schemas_refuse_what_an_editor_can_see() -> None:
    schema = json.loads(render()["services.schema.json"])
    content = read("dev", "services")
    content["services"]["payhub"]["replcas"] = 2

    with pytest.raises(jsonschema.ValidationError, match="replcas"):
        jsonschema.validate(content, schema)
