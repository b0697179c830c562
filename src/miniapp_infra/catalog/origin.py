# SPDX-License-Identifier: GPL-3.0-or-later
"""Remembers where each value came from, so that a message names the file and the key that a person has to edit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from miniapp_infra.catalog.problems import Location, Problem, dotted
from miniapp_infra.catalog.topics import TOPIC_OF

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVICE_DEPTH = 2


@dataclass(frozen=True)
class Origin:
    """Where an environment was read from.

    Args:
        directory: ``inventories/<env>``, or empty for data that did not come from files.
        services: the services as written, before the merge.
        defaults: ``service_defaults`` as written.
    """

    directory: str = ""
    services: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def file(self, topic: str) -> str:
        """Return the name of a topic file in messages."""
        return f"{self.directory}/group_vars/all/{topic}.yml" if self.directory else ""

    def problem(self, location: Location, message: str) -> Problem:
        """Make a problem; a value that a service has from ``service_defaults`` is reported there, and thus once."""
        top = str(location[0])
        if top == "services" and len(location) > _SERVICE_DEPTH:
            service, inner = location[1], location[_SERVICE_DEPTH:]
            if not _has(self.services.get(str(service)), inner) and _has(self.defaults, inner):
                location = ("service_defaults", *inner)
        return Problem(self.file(TOPIC_OF[top]) if top in TOPIC_OF else "", dotted(location), message)


def _has(value: Any, path: Location) -> bool:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def merge(defaults: Any, own: Any) -> Any:
    """Return ``own`` with the keys that it leaves out taken from ``defaults``.

    Mappings are merged key by key at every depth; lists and scalars are replaced as a whole.
    """
    if not (isinstance(defaults, dict) and isinstance(own, dict)):
        return own
    merged = {key: merge(defaults[key], value) if key in defaults else value for key, value in own.items()}
    return {**{key: value for key, value in defaults.items() if key not in own}, **merged}
