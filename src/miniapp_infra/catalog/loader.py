# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads an inventory directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from miniapp_infra.catalog.origin import Origin
from miniapp_infra.catalog.problems import MISSING, CatalogError, Problem, nearest
from miniapp_infra.catalog.reader import read
from miniapp_infra.catalog.topics import TOPIC_OF, TOPICS
from miniapp_infra.catalog.validation import merged_services, validate

if TYPE_CHECKING:
    from miniapp_infra.catalog.environment import Environment

VARIABLES = Path("group_vars", "all")


def load(inventory_dir: Path) -> Environment:
    """Return the environment that ``inventories/<env>`` describes.

    Args:
        inventory_dir: the directory with ``hosts.yml`` and ``group_vars/all/<topic>.yml``.

    Raises:
        CatalogError: with every problem of every file at once.
    """
    # Absolute, so that `.` has a name; messages show the last two parts, as the files are called in the repository.
    directory = inventory_dir.resolve()
    origin = Origin(f"{directory.parent.name}/{directory.name}")
    variables = directory / VARIABLES
    if not variables.is_dir():
        raise CatalogError([Problem(f"{origin.directory}/{VARIABLES}", "", "no such directory; is this an inventory?")])
    raw, problems = _read_topics(variables, origin)
    services, defaults = raw.get("services"), raw.get("service_defaults")
    if not isinstance(defaults, dict):
        message = MISSING if defaults is None else "must be a mapping"
        problems.append(origin.problem(("service_defaults",), message))
        raw["service_defaults"] = {}
    origin = Origin(
        origin.directory,
        services=services if isinstance(services, dict) else {},
        defaults=raw["service_defaults"],
    )
    if "services" in raw:
        raw["services"] = merged_services(raw)
    return validate(raw, origin, problems)


def _read_topics(variables: Path, origin: Origin) -> tuple[dict[str, Any], list[Problem]]:
    """Read all topic files into one mapping of variables."""
    raw: dict[str, Any] = {}
    problems: list[Problem] = []
    for path in sorted(variables.iterdir()):
        # The files that Ansible passes over as well: hidden ones and backups of editors.
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.suffix != ".yml" or path.stem not in TOPICS:
            message = f"unknown file, but Ansible would read it{nearest(path.stem, TOPICS)}"
            problems.append(Problem(f"{origin.directory}/{VARIABLES}/{path.name}", "", message))
            continue
        content, found = read(path, origin.file(path.stem))
        problems.extend(found)
        for key, value in content.items():
            problems.extend(_misplaced(key, path.stem, raw, origin))
            raw.setdefault(key, value)
    return raw, problems


def _misplaced(key: str, topic: str, seen: dict[str, Any], origin: Origin) -> list[Problem]:
    """Refuse a variable that is unknown, or that stands in another topic's file and so may be there twice."""
    home = TOPIC_OF.get(key)
    if home == topic:
        return []
    if home is None:
        return [Problem(origin.file(topic), key, f"unknown key{nearest(key, TOPIC_OF)}")]
    message = f"belongs in {origin.file(home)}; keep it there only"
    if key in seen:
        message = f"is also set in {origin.file(home)}; keep it there only"
    return [Problem(origin.file(topic), key, message)]
