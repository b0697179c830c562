# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold between the parts of an environment.

A check is a function that takes the parts it needs by their name and yields what it finds. It does not run while one of
these parts is invalid by itself; ``services`` always has those services that are valid.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from miniapp_infra.catalog.checks import capacity, egress, foundation, freezes, network, security, services
from miniapp_infra.catalog.problems import Location

Finding = tuple[Location, str]
Check = Callable[..., Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    *foundation.CHECKS,
    *network.CHECKS,
    *egress.CHECKS,
    *services.CHECKS,
    *security.CHECKS,
    *capacity.CHECKS,
    *freezes.CHECKS,
)


def run_checks(parts: Mapping[str, Any]) -> Iterator[Finding]:
    """Run every check whose parts are there."""
    for check in CHECKS:
        needed = tuple(inspect.signature(check).parameters)
        if all(part in parts for part in needed):
            yield from check(**{part: parts[part] for part in needed})
