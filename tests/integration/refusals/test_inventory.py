# SPDX-License-Identifier: GPL-3.0-or-later
"""A wrong inventory is refused by the playbook that would converge it, before it asks the cluster anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import PREFLIGHT, Playbook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.live

FIRST_PLAY = "Check the environment before anything is changed"
FIRST_TASK = "Load and validate the environment"


def only_preflight(tasks: tuple[str, ...]) -> bool:
    """Tell whether nothing but the role preflight ran. Every playbook begins with it; it runs once."""
    return all(task == FIRST_TASK or task.startswith(PREFLIGHT) for task in tasks)


@dataclass(frozen=True)
class Mistake:
    topic: str
    edit: Callable[[dict[str, Any]], object]
    says: str


MISTAKES = {
    "unknown key": Mistake(
        "services",
        lambda content: content["services"]["payhub"].update(replcas=2),
        "services.payhub.replcas: unknown key; did you mean 'replicas'?",
    ),
    "missing key": Mistake(
        "network",
        lambda content: content["network"].pop("pod_cidr"),
        "network.pod_cidr: missing key; add it to this file",
    ),
    "duplicate CIDR": Mistake(
        "network",
        lambda content: content["network"].update(service_cidr=content["network"]["pod_cidr"]),
        "network.service_cidr: duplicate CIDR 198.19.0.0/24, which network.pod_cidr has as well",
    ),
    "unknown service": Mistake(
        "services",
        lambda content: content["services"]["price"]["calls"].append("playhbu"),
        "services.price.calls[2]: unknown service 'playhbu'; did you mean 'playhub'?; known: admin, campaigns, ",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_inventory_is_refused(
    playbook: Playbook,
    inventory: Path,
    rewrite: Callable[[str, Callable[[dict[str, Any]], object]], None],
    name: str,
) -> None:
    mistake = MISTAKES[name]
    rewrite(mistake.topic, mistake.edit)

    run = playbook("site", inventory)

    assert not run.succeeded
    (problem,) = run.failure["errors"]
    assert problem.startswith(f"inventories/local/group_vars/all/{mistake.topic}.yml: {mistake.says}")
    assert problem in run.failure["msg"]
    assert run.failure["error"]["code"] == "invalid_input"
    assert (run.plays, run.changed) == ((FIRST_PLAY,), 0)
    assert only_preflight(run.tasks), run.tasks
    assert run.tasks[-1] == f"{PREFLIGHT}Validate the inventory"


def test_the_inventory_that_was_copied_is_right(playbook: Playbook, inventory: Path) -> None:
    """The same playbook with nothing spoilt goes past the check; the tag keeps it from converging."""
    run = playbook("site", inventory, "--tags=preflight")

    assert (run.succeeded, run.changed) == (True, 0), run.output
    assert f"{PREFLIGHT}Keep what every role needs" in run.tasks
