# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m bench.chart RESULT.json CHART.png``: ratios with their targets, and how cost grows with the objects."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter

from bench import result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, PEER, TARGET = "#2563eb", "#d97706", "#111827"
WITHOUT_DATE = {"Software": "make bench PUBLISH=true"}
"""The same run gives the same file."""


def draw(document: result.Document, path: Path) -> None:
    """Draw the chart of a run."""
    figure = plt.figure(figsize=(13, 12), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=[1.25, 1])
    _ratios(figure.add_subplot(grid[0, :]), [item for item in document["metrics"] if item["target"] is not None])
    points = document["scale"]["points"]
    _series(figure.add_subplot(grid[1, 0]), points, "requests", "Requests of a run")
    _series(figure.add_subplot(grid[1, 1]), points, "seconds", "Seconds of a run, playbook start included")
    trip = round(document["round_trip_seconds"] * 1000)
    figure.suptitle(
        f"fuze.miniapp_infra beside its peers: one API server, {trip} ms round trip, "
        f"{document['machine']['cores']} cores, {document['date'][:10]}",
        fontsize=14,
    )
    figure.savefig(path, dpi=110, metadata=WITHOUT_DATE)
    plt.close(figure)


def _ratios(axes: Axes, metrics: list[dict[str, Any]]) -> None:
    rows = list(reversed(metrics))
    axes.barh(range(len(rows)), [row["ratio"] for row in rows], color=OURS, height=0.62, label="ratio of the medians")
    for position, row in enumerate(rows):
        label = "target, at least" if position == 0 else None
        axes.plot([row["target"]] * 2, [position - 0.42, position + 0.42], color=TARGET, linewidth=3, label=label)
        axes.plot(
            row["smallest_pair_ratio"], position, "D", color=PEER, label="worst round for us" if not position else None
        )
        axes.text(row["ratio"] * 1.04, position, f"{row['ratio']:.1f}x", va="center", fontsize=10)
    axes.set_yticks(range(len(rows)), [f"{row['title']}\nagainst {row['against']}" for row in rows], fontsize=9)
    axes.set_xscale("log")
    axes.set_xlim(1, max(max(row["ratio"], row["target"]) for row in rows) * 1.6)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.set_title("How many times less than the peer (logarithmic)")
    axes.grid(axis="x", which="both", alpha=0.25)
    axes.legend(loc="lower right")


def _series(axes: Axes, points: list[dict[str, Any]], value: str, title: str) -> None:
    for what, style in (("create", "-"), ("noop", "--")):
        told = "first apply" if what == "create" else "unchanged"
        for who, colour, name in (("ours", OURS, "k8s_apply"), ("peer", PEER, "kubernetes.core.k8s")):
            found = [(point["objects"], point[who][value]) for point in points if point["what"] == what and point[who]]
            axes.plot(*zip(*found, strict=True), style, color=colour, marker="o", label=f"{name}, {told}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    axes.set_xlabel("objects")
    axes.set_title(title)
    axes.grid(which="both", alpha=0.25)
    axes.legend(fontsize=9)


if __name__ == "__main__":
    draw(result.read(Path(sys.argv[1])), Path(sys.argv[2]))
