# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory: one line per problem, all of them at once."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]

# A value at such a key may be a secret that was typed in by mistake; a message must not repeat it.
_SENSITIVE = re.compile(r"secret|password|passwd|token|credential|private|api_?key", re.IGNORECASE)

_URL_WITH_CREDENTIALS = re.compile(r"://[^/\s]*@")

MISSING = "missing key; add it to this file"

_BOUNDS = {
    "greater_than": (">", "gt"),
    "greater_than_equal": (">=", "ge"),
    "less_than": ("<", "lt"),
    "less_than_equal": ("<=", "le"),
}
_TYPES = {
    "string_type": "a string (put it in quotes)",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


@dataclass(frozen=True, order=True)
class Problem:
    """One finding.

    Args:
        file: the file to edit, as ``inventories/<env>/group_vars/all/<topic>.yml``.
        path: where in the file, as ``services.payhub.replicas``; empty when the file as a whole is meant.
        message: what is wrong and what would be right.
    """

    file: str
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.path, self.message) if part)


class CatalogError(MiniappInfraError):
    """An inventory cannot be used; ``problems`` has every finding, sorted by file and path."""

    code = ErrorCode.INVALID_INPUT

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__(
            "\n".join(str(problem) for problem in self.problems),
            hint="Every line names the file and the key to change; nothing was changed.",
        )


def dotted(path: Location) -> str:
    """Write a path the way the files read: ``services.payhub.egress[0].port``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif text:
            text += f".{part}"
        else:
            text = part
    return text


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` or, when nothing is near, the known words."""
    words = sorted(known)
    matches = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if matches:
        return f"; did you mean '{matches[0]}'?"
    return f"; known here: {', '.join(words)}" if words else ""


def shown(value: Any, path: Location) -> str:
    """Return ``, got <value>``, or nothing where the value may be a secret or is a whole structure."""
    if any(isinstance(part, str) and _SENSITIVE.search(part) for part in path):
        return ""
    if isinstance(value, str) and _URL_WITH_CREDENTIALS.search(value):
        return ""
    if isinstance(value, dict | list | tuple):
        return f", got a {'mapping' if isinstance(value, dict) else 'list'}"
    if value is None:
        return ", got nothing"
    return f", got {value!r}" if isinstance(value, str) else f", got {value}"


def explain(error: ErrorDetails, path: Location, known: Iterable[str]) -> str:
    """Put a validation error of the model into our words.

    Args:
        error: one entry of ``ValidationError.errors()``.
        path: where the value stands in its file.
        known: the keys that the mapping around it may have.
    """
    if error["type"] == "missing":
        return MISSING
    if error["type"] == "extra_forbidden":
        return f"unknown key{nearest(str(path[-1]), known)}"
    return f"{_demand(error)}{shown(error['input'], path)}"


def _demand(error: ErrorDetails) -> str:
    """Return what the value must be."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _BOUNDS:
        sign, bound = _BOUNDS[kind]
        return f"must be {sign} {context[bound]}"
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}"
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind == "string_pattern_mismatch":
        return f"must match {context['pattern']}"
    if kind == "value_error":
        return str(context["error"])
    return f"{error['msg'][:1].lower()}{error['msg'][1:]}"
