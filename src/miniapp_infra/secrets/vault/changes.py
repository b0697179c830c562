# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks have in common: the comparison of before and after, and the form of the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

State = dict[str, Any]


def outcome(before: State | None, after: State | None, *, diff_mode: bool, **data: Any) -> dict[str, Any]:
    """Return the result of a module.

    Args:
        before: the managed fields as they were, without secrets; None when there was nothing.
        after: the same fields as they are, or in check mode would be.
        diff_mode: whether to show both.
        data: what else is reported.
    """
    result = {"changed": before != after, **data}
    if diff_mode:
        result["diff"] = {"before": before or {}, "after": after or {}}
    return result


def given(params: Mapping[str, Any], names: tuple[str, ...]) -> State:
    """Return the options that were given; the others are not managed."""
    return {name: params[name] for name in names if params.get(name) is not None}
