# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused, and in which words: `refusals.yml` has a row for each guard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from .conftest import DELETE, Spoiled

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = yaml.safe_load((Path(__file__).parent / "refusals.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", ROWS, ids=[row["says"][:80] for row in ROWS])
def test_refused(spoil: Callable[[str], Spoiled], row: dict[str, Any]) -> None:
    inventory = spoil(row["in"])
    for path, value in row.get("set", {}).items():
        inventory.set(path, value)
    for path in row.get("remove", []):
        inventory.set(path, DELETE)

    assert inventory.problems() == [f"inventories/{row['in']}/group_vars/all/{row['says']}"]


@pytest.mark.parametrize("name", ["platform", "argocd", "default", "kube-system"])
def test_reserved_namespaces_are_no_services(spoil: Callable[[str], Spoiled], name: str) -> None:
    inventory = spoil("dev")
    inventory.set(f"services.{name}", {"owner": "x", "calls": []})

    expected = f"services.yml: services.{name}: '{name}' is reserved: its namespace has another purpose"
    assert inventory.problems() == [f"inventories/dev/group_vars/all/{expected}"]


def test_service_name_is_a_label(spoil: Callable[[str], Spoiled]) -> None:
    inventory = spoil("dev")
    inventory.set("services.Pay_Hub", {"owner": "x", "calls": []})

    (line,) = inventory.problems()

    assert line.startswith("inventories/dev/group_vars/all/services.yml: services.Pay_Hub: must be an RFC 1123 label")


def test_every_problem_is_reported_at_once(spoil: Callable[[str], Spoiled]) -> None:
    """Problems of one value, between values, of keys and of another file come together, sorted."""
    inventory = spoil("dev")
    inventory.set("services.payhub.replicas", 0)
    inventory.set("services.price.calls", ["payhbu"])
    inventory.set("services.webapp.jwks_url", "http://identity/jwks.json")
    inventory.set("network.service_cidr", "100.64.0.0/16")
    inventory.set("cloud.provder", "aws")
    inventory.set("access.readonly", DELETE)

    found = [line.split(": ")[1] for line in inventory.problems()]

    assert found == [
        "access.readonly",
        "cloud.provder",
        "network.service_cidr",
        "services.payhub.replicas",
        "services.price.calls[0]",
        "services.webapp.jwks_url",
    ]
