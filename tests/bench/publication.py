# SPDX-License-Identifier: GPL-3.0-or-later
"""The page, the chart and the data in ``docs``, made out of one complete run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined

from bench import result, scale, scenarios

if TYPE_CHECKING:
    from bench.result import Document

HERE = Path(__file__).parent
PAGE = "performance.md"
DATA = "performance.json"
CHART = "performance.png"
COMMAND = "make bench PUBLISH=true"


def publish(document: Document, docs: Path, python: Path) -> list[Path]:
    """Write the three files; the chart first, because it alone can fail.

    Args:
        document: a complete run.
        docs: the directory.
        python: a Python that has matplotlib.
    """
    data, chart, page = docs / DATA, docs / CHART, docs / PAGE
    fresh = docs / f".{DATA}"
    result.write(document, fresh)
    try:
        command = [str(python), "-m", "bench.chart", str(fresh), str(chart)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(HERE.parent)})
        fresh.replace(data)
    finally:
        fresh.unlink(missing_ok=True)
    page.write_text(render(document), encoding="utf-8")
    return [page, data, chart]


def render(document: Document) -> str:
    """Return the page of a run."""
    environment = Environment(  # noqa: S701 - Markdown, out of our own numbers
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update(amount=amount, times=times)
    template = environment.from_string((HERE / "performance.md.in").read_text(encoding="utf-8"))
    return template.render(
        command=COMMAND,
        chart=CHART,
        data=DATA,
        run=document,
        minutes=round(document["seconds"] / 60),
        milliseconds=round(document["round_trip_seconds"] * 1000),
        objects=scenarios.OBJECTS,
        other_requests=scale.OTHER_REQUESTS,
        targets=[metric for metric in document["metrics"] if metric["target"] is not None],
        others=[metric for metric in document["metrics"] if metric["target"] is None],
        missed=result.missed(document),
        reason=next((point["peer_reason"] for point in document["scale"]["points"] if point["peer_reason"]), ""),
    )


def amount(value: float, unit: str = "seconds") -> str:
    """Return seconds or a number of requests as a table shows it."""
    return f"{value:.2f} s" if unit == "seconds" else f"{value:g}"


def times(value: Any) -> str:
    """Return a ratio as a table shows it, never better than it is."""
    return f"{int(value * 10) / 10:.1f}x"
