# SPDX-License-Identifier: GPL-3.0-or-later
"""A complete run, with invented numbers that the code itself has to judge."""

from __future__ import annotations

from typing import Any

import pytest

from bench import scale, scenarios
from bench.arithmetic import Comparison
from bench.result import PAIRS

OURS = [0.9, 1.0, 1.1, 1.0, 0.95]


def metric(key: str, title: str, target: float | None, unit: str, factor: float) -> dict[str, Any]:
    comparison = Comparison(OURS, [value * factor for value in OURS])
    return {
        "key": key,
        "title": title,
        "we": "k8s_apply",
        "against": "the peer",
        "unit": unit,
        **comparison.as_dict(target),
        "requests": {"ours": 5, "peer": 300},
        "most_in_flight": {"ours": 5, "peer": 1},
        "compared_objects": 100,
    }


def point(size: int, what: str) -> dict[str, Any]:
    most = scale.allowed_requests(size) + (size if what == "create" else 0)
    ours = {"seconds": 1 + size / 500, "requests": most, "most_in_flight": 8, "by_verb": {"list pods": 1}}
    peer = {"seconds": 1 + size / 10, "requests": 3 * size, "most_in_flight": 1, "by_verb": {"get pods": size}}
    measured = size in scale.PEER_SIZES
    return {
        "objects": size,
        "what": what,
        "ours": ours,
        "peer": peer if measured else None,
        "peer_reason": "" if measured else scale.TOO_LONG,
        "most_requests": most,
        "met": True,
    }


@pytest.fixture
def document() -> dict[str, Any]:
    metrics = [
        metric(item.key, item.title, item.target, item.unit, (item.target or 3) + 1) for item in scenarios.METRICS
    ]
    points = [point(size, what) for size in scale.SIZES for what in ("create", "noop")]
    return {
        "schema": 1,
        "date": "2026-11-24T10:00:00+00:00",
        "seconds": 1300,
        "only": [],
        "pairs": PAIRS,
        "round_trip_seconds": 0.02,
        "machine": {
            "processor": "Processor",
            "cores": 2,
            "memory_gib": 8.0,
            "kernel": "6.1",
            "system": "System",
            "load_before": 0.1,
        },
        "versions": {"kube-apiserver": "v1.36.3", "etcd": "v3.7.3", "mitogen": "0.3.54"},
        "playbook_start": {"samples": [0.7] * PAIRS, "median": 0.7},
        "metrics": metrics,
        "scale": scale.Series(points).as_dict(),
    }
