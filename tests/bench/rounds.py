# SPDX-License-Identifier: GPL-3.0-or-later
"""How a scenario is measured: warm up, then let the contenders take turns, then look at what each has left behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from bench import state
from bench.arithmetic import Comparison
from bench.scenarios import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from bench.cluster import Cluster
    from bench.contenders import Contender, Sample, Workshop
    from bench.scenarios import Metric, Scenario


@dataclass
class Measured:
    """Samples by scenario and contender, one a round, and how many objects were equal in the end."""

    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    titles: dict[str, dict[str, str]] = field(default_factory=dict)
    compared: dict[str, int] = field(default_factory=dict)


def run(cluster: Cluster, scenario: Scenario, pairs: int, measured: Measured, say: Callable[[str], None]) -> None:
    """Measure one scenario.

    Raises:
        DifferentStateError: the contenders left different things behind.
        ContenderError: one of them failed, or said something that is not so.
    """
    cluster.set_round_trip(scenario.round_trip)
    for contender in scenario.contenders:
        cluster.ensure_namespace(contender.namespace)
        warm_up(cluster, scenario, contender)
    samples: dict[str, list[Sample]] = {contender.key: [] for contender in scenario.contenders}
    for number in range(pairs):
        for contender in turns(scenario.contenders, number):
            if contender.rounds is None or number < contender.rounds:
                if scenario.start == "empty":
                    cluster.empty(contender.namespace)
                samples[contender.key].append(contender.run())
        shown = ", ".join(
            f"{key} {found[number].seconds:.2f} s" for key, found in samples.items() if number < len(found)
        )
        say(f"{scenario.key} {number + 1}/{pairs}: {shown}")
    measured.samples[scenario.key] = samples
    measured.titles[scenario.key] = {contender.key: contender.title for contender in scenario.contenders}
    first, *others = scenario.contenders
    ours = cluster.objects(first.namespace)
    for other in others:
        measured.compared[scenario.key] = state.require_same(ours, cluster.objects(other.namespace), other.title)


def playbook_start(shop: Workshop, count: int) -> dict[str, Any]:
    """Measure what every playbook costs, whatever it does: one with a single ``debug`` task."""
    run = shop.playbook("start", {"ansible.builtin.debug": {"msg": "ready"}}, changed=False)
    run()
    samples = [run().seconds for _ in range(count)]
    return {"samples": samples, "median": round(median(samples), 4)}


def warm_up(cluster: Cluster, scenario: Scenario, contender: Contender) -> None:
    """Bring the namespace of a contender to where the runs begin, and run the contender once."""
    cluster.empty(contender.namespace)
    if scenario.first is not None:
        scenario.first[contender.key]()
    (contender.warm_up or contender.run)()


def turns(contenders: Sequence[Contender], number: int) -> list[Contender]:
    """Return the order of one round: each begins once in a while, so that none always follows the same other one."""
    shift = number % len(contenders)
    return [*contenders[shift:], *contenders[:shift]]


def metrics(measured: Measured, keys: Collection[str]) -> list[dict[str, Any]]:
    """Read the metrics off the samples."""
    return [_metric(metric, measured) for metric in METRICS if metric.key in keys]


def _metric(metric: Metric, measured: Measured) -> dict[str, Any]:
    samples, titles = measured.samples[metric.scenario], measured.titles[metric.scenario]
    count = min(len(samples[metric.ours]), len(samples[metric.peer]))
    ours, peer = samples[metric.ours][:count], samples[metric.peer][:count]

    def values(found: Sequence[Sample]) -> list[float]:
        return [item.seconds if metric.unit == "seconds" else item.traffic.requests for item in found]

    return {
        "key": metric.key,
        "title": metric.title,
        "we": titles[metric.ours],
        "against": titles[metric.peer],
        "unit": metric.unit,
        **Comparison(values(ours), values(peer)).as_dict(metric.target),
        "requests": {
            "ours": median(item.traffic.requests for item in ours),
            "peer": median(item.traffic.requests for item in peer),
        },
        "most_in_flight": {
            "ours": max(item.traffic.most_in_flight for item in ours),
            "peer": max(item.traffic.most_in_flight for item in peer),
        },
        "compared_objects": measured.compared[metric.scenario],
    }
