# SPDX-License-Identifier: GPL-3.0-or-later
"""Small changes to any JSON, chosen by numbers: of what is declared, and of what others write."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]
# The same for the server in some fields, another value in others; only the server knows which.
_EQUIVALENT = {"1": "1000m", "1000m": "1", "500m": "0.5", "0.5": "500m", "1Gi": "1024Mi", "1024Mi": "1Gi"}


@dataclass(frozen=True)
class Edit:
    """One change.

    Args:
        place: which of the fields that there are; counts round.
        what: which kind of change; counts round.
    """

    place: int
    what: int


edits = st.lists(
    st.builds(Edit, st.integers(min_value=0, max_value=199), st.integers(min_value=0, max_value=11)), max_size=3
)


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every path inside of a value, but not what says which object it is."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        step = (*path, key)
        if step in {("apiVersion",), ("kind",), ("status",), ("metadata", "name"), ("metadata", "namespace")}:
            continue
        if step != ("metadata",):
            yield step
        yield from places(inner, step)


def edited(obj: dict[str, Any], edit: Edit) -> dict[str, Any]:
    """Return a changed copy; the same when there is nothing to change."""
    result = copy.deepcopy(obj)
    paths = list(places(result))
    if edit.what == 0 or not paths:
        result["metadata"].setdefault("labels", {})["added"] = str(edit.place % 3)
        return result
    if edit.what == 1:
        result["metadata"].setdefault("annotations", {})["example.com/added"] = str(edit.place % 3)
        return result
    path = paths[edit.place % len(paths)]
    holder: Any = result
    for step in path[:-1]:
        holder = holder[step]
    value = holder[path[-1]]
    if edit.what == 2:
        del holder[path[-1]]
    elif edit.what == 3:
        holder[path[-1]] = None
    else:
        holder[path[-1]] = _other(value, edit)
    return result


def _other(value: Any, edit: Edit) -> Any:  # noqa: PLR0911 - one line per type
    if isinstance(value, bool):
        return int(value) if edit.what == 4 else not value
    if isinstance(value, int):
        return {4: bool(value), 5: str(value), 6: float(value)}.get(edit.what, value + 1)
    if isinstance(value, float):
        return value * 2
    if isinstance(value, str):
        if edit.what == 4 and value in _EQUIVALENT:
            return _EQUIVALENT[value]
        return int(value) if edit.what == 5 and value.isdecimal() else value + "x"
    if isinstance(value, list):
        return {4: [], 5: value[::-1], 6: value + value[:1], 7: value[1:], 8: value[:-1]}.get(edit.what, value[::-1])
    if isinstance(value, dict):
        return {4: {}, 5: {**value, "added": "x"}, 6: {**value, "example.com/added": "x"}}.get(edit.what, dict(value))
    return edit.place % 2
