# SPDX-License-Identifier: GPL-3.0-or-later
"""How cost grows with the number of objects, in a cluster with nodes and running pods, which KWOK plays."""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import state, workload
from bench.contenders import SERVER_SIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.contenders import Sample, Workshop
    from bench.toolchain import Kwok

SIZES = (10, 100, 1000, 5000)
PEER_SIZES = (10, 100, 1000)
TOO_LONG = (
    "three requests for each object, one after another, take the peer more than five minutes a run at this size; "
    "the smaller sizes show the slope"
)
NODES = 50
PAGE = 500
"""Objects that our client asks for at once."""
OTHER_REQUESTS = 4
"""Requests that do not depend on the set: the list of kinds is read anew (2) when it is older than ten minutes."""
SETTLE_TIMEOUT = 300.0


@dataclass(frozen=True)
class Series:
    """The points, and the largest number of requests that an unchanged set of each size may take."""

    points: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        return {"nodes": NODES, "points": self.points, "met": all(point["met"] is not False for point in self.points)}


def allowed_requests(size: int) -> int:
    """Return how many requests an unchanged set may take: one for each page of each kind."""
    each = Counter(obj["kind"] for obj in workload.mixed(size, "any", workload.SCALE_KINDS))
    return sum(math.ceil(count / PAGE) for count in each.values()) + OTHER_REQUESTS


def run(shop: Workshop, kwok: Kwok, say: Callable[[str], None], sizes: Sequence[int] = SIZES) -> Series:
    """Measure a first apply and an unchanged one at each size.

    Raises:
        DifferentStateError: the contenders left different things behind.
        ContenderError: one of them failed, or said something that is not so.
    """
    process = kwok.start(shop.cluster.direct_kubeconfig, shop.work / "kwok.log")
    try:
        _make_nodes(shop)
        _warm_up(shop)
        points = [point for size in sizes for point in _size(shop, size, say)]
    finally:
        process.terminate()
        process.wait(timeout=30)
    return Series(points)


def _size(shop: Workshop, size: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    names = {who: f"scale-{who}-{size}" for who in (("ours", "peer") if size in PEER_SIZES else ("ours",))}
    found: dict[tuple[str, str], Sample] = {}
    for who, name in names.items():
        task = _task(shop, who, name, size)
        found[who, "create"] = shop.playbook(name, task, changed=True)()
        _settle(shop, name)
        found[who, "noop"] = shop.playbook(name, task, changed=False)()
        for what in ("create", "noop"):
            sample = found[who, what]
            say(f"scale {size} {who} {what}: {sample.seconds:.2f} s, {sample.traffic.requests} requests")
    if "peer" in names:
        state.require_same(
            shop.cluster.objects(names["ours"]), shop.cluster.objects(names["peer"]), "kubernetes.core.k8s"
        )
    for name in names.values():
        shop.cluster.empty(name)
    return [_point(size, what, found[("ours", what)], found.get(("peer", what))) for what in ("create", "noop")]


def _task(shop: Workshop, who: str, name: str, size: int) -> dict[str, Any]:
    """Return what a contender is told; the namespace is there and empty."""
    shop.cluster.ensure_namespace(name)
    shop.cluster.empty(name)
    src = shop.manifest(name, workload.mixed(size, name, workload.SCALE_KINDS, NODES))
    return shop.ours(src) if who == "ours" else shop.stock(src, **SERVER_SIDE)


def _warm_up(shop: Workshop) -> None:
    """Fill the caches of both contenders."""
    for who in ("ours", "peer"):
        name = f"scale-{who}-first"
        shop.playbook(name, _task(shop, who, name, SIZES[0]), changed=True)()
        shop.cluster.empty(name)


def _point(size: int, what: str, ours: Sample, peer: Sample | None) -> dict[str, Any]:
    most = allowed_requests(size) + (size if what == "create" else 0)
    return {
        "objects": size,
        "what": what,
        "ours": _described(ours),
        "peer": None if peer is None else _described(peer),
        "peer_reason": TOO_LONG if peer is None else "",
        "most_requests": most,
        "met": ours.traffic.requests <= most,
    }


def _described(sample: Sample) -> dict[str, Any]:
    traffic = sample.traffic
    return {
        "seconds": sample.seconds,
        "requests": traffic.requests,
        "most_in_flight": traffic.most_in_flight,
        "by_verb": traffic.by_verb,
    }


def _make_nodes(shop: Workshop) -> None:
    for number in range(NODES):
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": workload.node_name(number)}}
        shop.cluster.ensure("/api/v1/nodes", node)


def _settle(shop: Workshop, namespace: str) -> None:
    """Wait until KWOK has made every pod run: a set is unchanged only when nobody else works on it."""
    deadline = time.monotonic() + SETTLE_TIMEOUT
    while any(pod.get("status", {}).get("phase") != "Running" for pod in shop.cluster.objects_of("Pod", namespace)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the pods of {namespace} do not run after {SETTLE_TIMEOUT:.0f} s")
        time.sleep(0.5)
