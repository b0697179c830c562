# SPDX-License-Identifier: GPL-3.0-or-later
"""The document of a run, ``build/bench.json``: whether it is complete, and whether every target is met."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bench.scale import SIZES
from bench.scenarios import METRICS, TARGETS

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = 5
Document = dict[str, Any]


class PartialError(Exception):
    """A run is not one that may be published."""


def missed(document: Document) -> list[str]:
    """Return the keys of the targets that a run missed, the scale series among them."""
    keys = [metric["key"] for metric in document["metrics"] if metric["met"] is False]
    if document["scale"] is not None and not document["scale"]["met"]:
        keys.append("scale")
    return keys


def require_complete(document: Document) -> None:
    """Refuse a run that shows less than everything.

    Raises:
        PartialError: says what is missing.
    """
    problems = []
    if document["only"]:
        problems.append(f"it was limited to {', '.join(document['only'])}")
    if document["pairs"] < PAIRS:
        problems.append(f"it has {document['pairs']} rounds, at least {PAIRS} are needed")
    found = {metric["key"]: metric for metric in document["metrics"]}
    if lacking := [metric.key for metric in METRICS if metric.key not in found]:
        problems.append(f"it lacks {', '.join(lacking)}")
    for metric in TARGETS:
        samples = len(found[metric.key]["ours"]) if metric.key in found else PAIRS
        if samples < PAIRS:
            problems.append(f"{metric.key} has {samples} pairs, at least {PAIRS} are needed")
    sizes = {point["objects"] for point in (document["scale"] or {"points": []})["points"]}
    if lacking_sizes := [str(size) for size in SIZES if size not in sizes]:
        problems.append(f"the scale series lacks {', '.join(lacking_sizes)} objects")
    if problems:
        raise PartialError("The run cannot be published: " + "; ".join(problems))


def read(path: Path) -> Document:
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    return document


def write(document: Document, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(document), encoding="utf-8")


def text(document: Document) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
