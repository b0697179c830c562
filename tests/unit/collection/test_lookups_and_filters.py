# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup ``platform_output``, and the filters ``redact``, ``is_frozen`` and ``resource_name``, in playbooks."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from warm_ansible import WarmAnsible

ROOT = Path(__file__).parents[3]
OUTPUTS = {
    "cluster_endpoint": {"sensitive": False, "type": "string", "value": "https://k8s.example.com"},
    "registry_password": {"sensitive": True, "type": "string", "value": "canary"},
    "subnets": {"sensitive": False, "type": ["list", "string"], "value": ["a", "b"]},
}
FILES = {
    "terraform.tfstate": json.dumps({"version": 4, "outputs": OUTPUTS}),
    "outputs.json": json.dumps(OUTPUTS),
}
GIVEN = "outputs=lookup('ansible.builtin.file', 'outputs.json')"


@pytest.fixture
def evaluate(warm_ansible: WarmAnsible) -> Any:
    """Evaluate an expression of Jinja; a failed one gives its message."""

    def evaluate_(expression: str) -> Any:
        task = {"ansible.builtin.set_fact": {"value": "{{ " + expression + " }}"}}
        played = warm_ansible.play([task], files=FILES)
        result = played.only()
        return result["ansible_facts"]["value"] if played.code == 0 else result["msg"]

    return evaluate_


def platform_output(*terms: str, **options: Any) -> str:
    words = [repr(term) for term in terms] + [f"{name}={value}" for name, value in options.items()]
    return f"lookup('fuze.miniapp_infra.platform_output', {', '.join(words)})"


def test_one_output_several_and_all(evaluate: Any) -> None:
    state = {"state_file": "'terraform.tfstate'"}
    assert evaluate(platform_output("cluster_endpoint", **state)) == "https://k8s.example.com"
    assert evaluate(platform_output("subnets", **state)) == ["a", "b"]
    query = platform_output("cluster_endpoint", "subnets", **state).replace("lookup(", "query(", 1)
    assert evaluate(query) == ["https://k8s.example.com", ["a", "b"]]
    all_of_them = f"lookup('fuze.miniapp_infra.platform_output', {GIVEN})"
    assert evaluate(all_of_them) == {"cluster_endpoint": "https://k8s.example.com", "subnets": ["a", "b"]}


def test_sensitive_outputs_only_when_asked_for(evaluate: Any) -> None:
    refused = evaluate(f"lookup('fuze.miniapp_infra.platform_output', 'registry_password', {GIVEN})")
    assert "Failed to show output registry_password: it is sensitive" in refused
    assert "canary" not in refused
    asked = f"lookup('fuze.miniapp_infra.platform_output', 'registry_password', {GIVEN}, sensitive=true)"
    assert evaluate(asked) == "canary"


def test_endpoints(evaluate: Any) -> None:
    found = evaluate(f"lookup('fuze.miniapp_infra.platform_output', {GIVEN}, endpoints=true)")
    assert found == {"cluster": "https://k8s.example.com"}


def test_exactly_one_source(evaluate: Any) -> None:
    assert "exactly one of directory, state_file, outputs must be given, got none" in evaluate(platform_output("x"))
    both = platform_output("x", state_file="'terraform.tfstate'", directory="'.'")
    assert "got directory, state_file" in evaluate(both)


def test_redact(evaluate: Any) -> None:
    shown = evaluate("{'password': 'canary', 'url': 'https://a:canary@b', 'name': 'x'} | fuze.miniapp_infra.redact")
    assert "canary" not in str(shown)
    assert shown["name"] == "x"
    assert "canary" not in evaluate("'it is canary' | fuze.miniapp_infra.redact(['canary'])")


def test_resource_name(evaluate: Any) -> None:
    assert evaluate("'playhub' | fuze.miniapp_infra.resource_name('prod')") == "prod-miniapp-playhub"


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-12-18T15:59:59+07:00", False),
        ("2026-12-18T16:00:00+07:00", True),
        ("2026-12-18T09:00:00+00:00", True),
        ("2027-01-04T07:59:59+07:00", True),
        ("2027-01-04T08:00:00+07:00", False),
    ],
)
def test_is_frozen(evaluate: Any, moment: str, *, expected: bool) -> None:
    """At the edges of the windows of prod: a weekend that begins on Friday at 16:00, then the end of the year."""
    inventory = ROOT / "inventories" / "prod"
    assert evaluate(f"'{inventory}' | fuze.miniapp_infra.is_frozen('{moment}')") is expected


def test_is_frozen_now_and_with_a_bad_moment(evaluate: Any) -> None:
    inventory = ROOT / "inventories" / "local"
    assert evaluate(f"'{inventory}' | fuze.miniapp_infra.is_frozen") is False
    bad = evaluate(f"'{inventory}' | fuze.miniapp_infra.is_frozen('2026-12-24T10:00:00')")
    assert "at: 2026-12-24T10:00:00 needs an offset from UTC" in bad
    assert "at: must be a moment" in evaluate(f"'{inventory}' | fuze.miniapp_infra.is_frozen('tomorrow')")


def test_every_filter_and_lookup_is_documented(ansible_environment: dict[str, str]) -> None:
    """By ansible-doc itself, so that the sidecar files are valid."""
    for kind, names in (("filter", ["is_frozen", "redact", "resource_name"]), ("lookup", ["platform_output"])):
        done = subprocess.run(
            ["ansible-doc", "--json", "-t", kind, *(f"fuze.miniapp_infra.{name}" for name in names)],
            capture_output=True,
            text=True,
            check=True,
            env=ansible_environment,
        )
        documented = json.loads(done.stdout)
        for name in names:
            assert documented[f"fuze.miniapp_infra.{name}"]["doc"]["options"]
            assert documented[f"fuze.miniapp_infra.{name}"]["examples"]
