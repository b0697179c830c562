# SPDX-License-Identifier: GPL-3.0-or-later
"""Label selectors, for objects that only exist on our side yet. Grammar and meaning are those of the API server."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.objects import lookup

if TYPE_CHECKING:
    from miniapp_infra.kube.objects import KubeObject

Labels = Mapping[str, str]
Requirement = Callable[[Labels], bool]

_KEY = r"(?P<key>[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?)"
_VALUE = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_EQUALITY = re.compile(rf"{_KEY}\s*(?P<operator>==|!=|=)\s*(?P<value>{_VALUE}|)")
_SET = re.compile(rf"{_KEY}\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_EXISTENCE = re.compile(rf"(?P<not>!?)\s*{_KEY}")
_COMMA = re.compile(r",(?![^(]*\))")  # that is not inside of parentheses


def parse(selectors: Sequence[str]) -> Callable[[Mapping[str, Any]], bool]:
    """Return a function that tells whether an object has the labels. All selectors must match.

    Raises:
        KubeError: one of them is not a label selector.
    """
    requirements = [_requirement(part.strip()) for text in selectors for part in _COMMA.split(text)]

    def matches(obj: Mapping[str, Any]) -> bool:
        labels = lookup(obj, "metadata", "labels") or {}
        return all(requirement(labels) for requirement in requirements)

    return matches


def with_labels(objects: Sequence[KubeObject], selectors: Sequence[str]) -> list[KubeObject]:
    """Return those objects of a set that have the labels. Raises KubeError as ``parse`` does."""
    return list(filter(parse(selectors), objects)) if selectors else list(objects)


def _requirement(text: str) -> Requirement:
    if found := _EQUALITY.fullmatch(text):
        return _one_of(found["key"], {found["value"]}, negated=found["operator"] == "!=")
    if found := _SET.fullmatch(text):
        values = {value.strip() for value in found["values"].split(",")}
        return _one_of(found["key"], values, negated=found["operator"] == "notin")
    if found := _EXISTENCE.fullmatch(text):
        key, negated = found["key"], bool(found["not"])
        return lambda labels: (key in labels) != negated
    raise KubeError(
        f"label_selectors: must be such as app=playhub, tier in (web, worker) or !legacy, got {text!r}",
        code=ErrorCode.INVALID_INPUT,
    )


def _one_of(key: str, values: set[str], *, negated: bool) -> Requirement:
    if negated:
        return lambda labels: labels.get(key) not in values
    return lambda labels: labels.get(key) in values
