# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields that a caller does not want to see, such as ``metadata.annotations[example.com/note]`` or ``spec.list[0]``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.errors import KubeError

Tree = dict[str, "Tree | None"]
"""Keys, and under each what is hidden inside of it; None: all of it."""

_STEP = re.compile(r"\.?\[(?P<bracket>[^\]]+)\]|\.?(?P<plain>[^.\[\]]+)")


def parse(paths: Sequence[str]) -> Tree:
    """Read paths of keys, which may be in brackets, and of positions in lists.

    Raises:
        KubeError: one of them is not a path.
    """
    tree: Tree = {}
    for path in paths:
        steps = _steps(path)
        place: Tree = tree
        for step in steps[:-1]:
            inner = place.setdefault(step, {})
            if inner is None:
                break
            place = inner
        else:
            place[steps[-1]] = None
    return tree


def without(value: Any, tree: Tree) -> Any:
    """Return a value without the hidden fields, and without what they leave empty. Copies only what it changes."""
    if isinstance(value, Mapping):
        mapping = dict(value)
        for key, inner in tree.items():
            if key in mapping:
                kept = None if inner is None else without(mapping[key], inner)
                if kept in (None, {}, []):
                    del mapping[key]
                else:
                    mapping[key] = kept
        return mapping
    if isinstance(value, list):
        items = list(value)
        for position in sorted((int(key) for key in tree if key.isdecimal()), reverse=True):
            if position < len(items):
                inner = tree[str(position)]
                kept = None if inner is None else without(items[position], inner)
                if kept in (None, {}, []):
                    del items[position]
                else:
                    items[position] = kept
        return items
    return value


def _steps(path: str) -> list[str]:
    steps: list[str] = []
    position = 0
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None or (position == 0 and path.startswith(".")):
            break
        steps.append(found["bracket"] or found["plain"])
        position = found.end()
    if not steps or position < len(path):
        raise KubeError(
            f"hidden_fields: must be such as metadata.annotations[example.com/note] or spec.list[0], got {path!r}",
            code=ErrorCode.INVALID_INPUT,
        )
    return steps
