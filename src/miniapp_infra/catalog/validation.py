# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns plain data into an ``Environment``, or into the list of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from miniapp_infra.catalog.checks import run_checks
from miniapp_infra.catalog.environment import Environment
from miniapp_infra.catalog.models.services import Service
from miniapp_infra.catalog.origin import Origin, merge
from miniapp_infra.catalog.problems import MISSING, CatalogError, Problem, explain
from miniapp_infra.catalog.types import ShortName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from miniapp_infra.catalog.problems import Location

# How pydantic marks that the key of a mapping, and not its value, was refused.
_KEY_MARK = "[key]"
# A subclass becomes its base by the base's own method, whatever the subclass makes of it. A bool is a kind of int.
_SCALARS: dict[type, Callable[[Any], Any]] = {
    bool: bool,
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
}


def validate(raw: Mapping[str, Any], origin: Origin, found: Iterable[Problem] = ()) -> Environment:
    """Return the environment that ``raw`` describes.

    Args:
        raw: the variables by their top-level name, ``services`` already merged with their defaults.
        origin: where they came from.
        found: problems that reading already brought up; they are reported together with the new ones.

    Raises:
        CatalogError: with every problem at once.
    """
    validation = _Validation(origin, list(found))
    parts: dict[str, Any] = {}
    for key, field in Environment.model_fields.items():
        if key not in raw:
            validation.add((key,), MISSING)
        elif key == "services":
            parts[key] = validation.services(raw[key])
        else:
            parts.update(validation.part((key,), field.annotation, raw[key]))
    names = tuple(raw["services"]) if isinstance(raw.get("services"), dict) else ()
    for location, message in run_checks({**parts, "service_names": names, "directory": origin.directory}):
        validation.add(location, message)
    if validation.problems:
        raise CatalogError(validation.problems)
    return Environment(**parts)


def from_mapping(data: Mapping[str, Any]) -> Environment:
    """Return an environment from its own dump (``model_dump``), as Ansible hands it around.

    Raises:
        CatalogError: the data is not a whole, valid environment.
    """
    unknown = [Problem("", str(key), "unknown key") for key in data if key not in Environment.model_fields]
    return validate(_plain(data), Origin(), unknown)


def _plain(value: Any) -> Any:
    """Return the value in Python's own types.

    Ansible hands out subclasses that evaluate their items when they are iterated; pydantic would read the raw items.
    """
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    for kind, convert in _SCALARS.items():
        if isinstance(value, kind):
            return convert(value)
    return value


def merged_services(raw: Mapping[str, Any]) -> Any:
    """Return ``services`` with ``service_defaults`` merged into each; anything that is not a mapping stays as it is."""
    services, defaults = raw.get("services"), raw.get("service_defaults", {})
    if not isinstance(services, dict):
        return services
    return {name: merge(defaults, own) for name, own in services.items()}


@dataclass(frozen=True)
class _Validation:
    """Validates part by part: a mistake in one must not hide those in the others or between them."""

    origin: Origin
    problems: list[Problem]

    def add(self, location: Location, message: str) -> None:
        self.problems.append(self.origin.problem(location, message))

    def services(self, raw: Any) -> dict[str, Service]:
        """Return the services that are valid by themselves."""
        valid: dict[str, Service] = {}
        if not isinstance(raw, dict):
            self.add(("services",), "must be a mapping of service names to services")
            return valid
        for name, service in raw.items():
            if self.part(("services", name), ShortName, name):
                valid.update(self.part(("services", name), Service, service))
        return valid

    def part(self, location: Location, kind: Any, value: Any) -> dict[str, Any]:
        """Return the value under the last part of its location, or nothing when it is not of its type."""
        try:
            return {str(location[-1]): _adapter(kind).validate_python(value)}
        except ValidationError as error:
            for detail in error.errors():
                at = tuple(part for part in detail["loc"] if part != _KEY_MARK)
                self.add((*location, *at), explain(detail, (*location, *at), _known_keys(kind, at[:-1])))
            return {}


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return the validator of a type; making one takes longer than using it."""
    return TypeAdapter(kind)


def _known_keys(kind: Any, path: Location) -> tuple[str, ...]:
    """Return the keys that the model at ``path`` inside ``kind`` knows."""
    for part in path:
        model = _model(kind)
        if model is not None and part in model.model_fields:
            kind = model.model_fields[str(part)].annotation
        elif get_args(kind) and model is None:
            kind = next((argument for argument in get_args(kind) if _model(argument)), None)
    model = _model(kind)
    return tuple(model.model_fields) if model else ()


def _model(kind: Any) -> type[BaseModel] | None:
    """Return the model behind ``Model`` or ``Model | None``."""
    candidates = [kind, *(get_args(kind) if type(None) in get_args(kind) else ())]
    return next((item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)), None)
