# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m bench``, called by ``make bench``."""

from __future__ import annotations

import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from bench import machine, peers, publication, result, rounds, scale, scenarios, toolchain
from bench.cluster import Cluster
from bench.contenders import ROOT, ContenderError, Workshop
from bench.state import DifferentStateError
from miniapp_infra.errors import MiniappInfraError

BUILD = ROOT / "build"
RESULT = BUILD / "bench.json"
DOCS = ROOT / "docs"
SCALE = "scale"


@click.group()
def main() -> None:
    """Measure this collection beside its peers."""


@main.command("run")
@click.option("--only", default="", metavar="KEY,KEY", help="Metrics to measure, or scale; all of them without this.")
@click.option("--pairs", default=result.PAIRS, show_default=True, type=click.IntRange(min=1), help="Rounds of each.")
@click.option("--publish", is_flag=True, help="Rewrite the page, the chart and the data in docs as well.")
@click.option("--output", default=RESULT, show_default=True, type=click.Path(dir_okay=False, path_type=Path))
def run_command(only: str, pairs: int, *, publish: bool, output: Path) -> None:
    """Measure, write the result and show it. Fails when a target is missed, unless --only was given.

    A run that missed a target is published as well, because it is what this code does.
    """
    keys = [key.strip() for key in only.split(",") if key.strip()]
    known = [metric.key for metric in scenarios.METRICS]
    if unknown := sorted(set(keys) - {*known, SCALE}):
        raise click.UsageError(f"--only: unknown: {', '.join(unknown)}; known: {', '.join([*known, SCALE])}")
    if publish and keys:
        raise click.UsageError("--publish: needs a whole run; leave --only out")
    document = measure(keys, pairs, say)
    result.write(document, output)
    show(document, Console())
    say(f"Wrote {output}")
    if publish:
        publish_result(output, DOCS)
    if (missed := result.missed(document)) and not keys:
        raise click.ClickException(f"missed: {', '.join(missed)}")


@main.command("publish")
@click.option("--result", "source", default=RESULT, show_default=True, type=click.Path(exists=True, path_type=Path))
@click.option("--docs", default=DOCS, show_default=True, type=click.Path(file_okay=False, path_type=Path))
def publish_command(source: Path, docs: Path) -> None:
    """Write the page, the chart and the data out of a complete run."""
    publish_result(source, docs)


def publish_result(source: Path, docs: Path) -> None:
    document = result.read(source)
    result.require_complete(document)
    for path in publication.publish(document, docs, peers.ensure(ROOT, say).python):
        say(f"Wrote {path}")


def measure(only: list[str], pairs: int, report: Any) -> result.Document:
    """Measure what ``only`` names, or everything, on an API server that is started for it."""
    keys = [metric.key for metric in scenarios.METRICS if not only or metric.key in only]
    with_scale = not only or SCALE in only
    tools = toolchain.local(ROOT)
    contenders = peers.ensure(ROOT, report)
    kwok = toolchain.kwok(ROOT, report) if with_scale else None
    work = BUILD / "bench"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    began, started, load = datetime.now(UTC), time.monotonic(), machine.load()
    if load > 1:
        report(f"The load of this machine is {load}: the numbers will be worse than on an idle one")
    measured = rounds.Measured()
    series = None
    with Cluster(work / "cluster", scenarios.ROUND_TRIP) as cluster:
        shop = Workshop(work, contenders, ROOT / ".local" / "bin", cluster)
        start = rounds.playbook_start(shop, pairs)
        with cluster.controller():
            for scenario in scenarios.build(shop, scenarios.needed(keys)):
                rounds.run(cluster, scenario, pairs, measured, report)
        if kwok is not None:
            cluster.set_round_trip(scenarios.ROUND_TRIP)
            series = scale.run(shop, kwok, report).as_dict()
        server = cluster.version()
    # The tool "kubernetes" holds kubectl; of that name is the Python client as well.
    names = {"etcd": "etcd", "helm": "helm", "kubernetes": "kubectl"}
    versions = {names[name]: tool.version for name, tool in tools.tools.items() if name in names}
    return {
        "schema": 1,
        "date": began.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started),
        "only": only,
        "pairs": pairs,
        "round_trip_seconds": scenarios.ROUND_TRIP,
        "machine": {**machine.facts(), "load_before": load},
        "versions": {
            "kube-apiserver": server,
            **versions,
            **({"kwok": kwok.version} if kwok else {}),
            **contenders.versions(),
        },
        "playbook_start": start,
        "metrics": rounds.metrics(measured, keys),
        "scale": series,
    }


def show(document: result.Document, console: Console) -> None:
    """Print the metrics and the scale series."""
    table = _table("key", "against", "ours", "peer", "ratio", "worst", "target", "")
    for metric in document["metrics"]:
        numbers = [publication.amount(metric[name], metric["unit"]) for name in ("ours_median", "peer_median")]
        verdict = {True: "met", False: "MISSED", None: ""}[metric["met"]]
        target = "" if metric["target"] is None else f"{metric['target']:g}"
        ratios = [f"{metric[name]:.1f}" for name in ("ratio", "smallest_pair_ratio")]
        table.add_row(metric["key"], metric["against"], *numbers, *ratios, target, verdict)
    console.print(table)
    if document["scale"] is None:
        return
    table = _table("objects", "what", "ours", "requests", "at most", "peer", "requests", "")
    for point in document["scale"]["points"]:
        cells = [str(point["objects"]), point["what"]]
        cells += [f"{point['ours']['seconds']:.2f} s", str(point["ours"]["requests"]), str(point["most_requests"])]
        peer = point["peer"]
        cells += ["not measured", ""] if peer is None else [f"{peer['seconds']:.2f} s", str(peer["requests"])]
        table.add_row(*cells, "met" if point["met"] else "MISSED")
    console.print(table)


def _table(*columns: str) -> Table:
    """Return a table whose texts may break and whose keys and numbers may not."""
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=column not in {"against", "what"})
    return table


def say(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    try:
        main()
    except (ContenderError, DifferentStateError, MiniappInfraError, result.PartialError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
