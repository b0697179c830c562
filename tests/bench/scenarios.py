# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: scenarios, each with contenders that take turns, and the metrics that are read off them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bench import workload
from bench.contenders import LOOP_ITEMS, OURS, SERVER_SIDE, STOCK, Contender, Workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bench.contenders import Sample

OBJECTS = 100
ROLLOUTS = 12
ROUND_TRIP = 0.02
"""Seconds between here and the API server, as to one in the next region."""
NEAR = 0.005
"""Seconds to one in the same data centre. Loops are measured with it: from afar they show the distance alone."""


@dataclass(frozen=True)
class Metric:
    """One line of the table.

    Args:
        key: its name, for ``ONLY``.
        title: what is done.
        scenario: where the samples come from.
        ours: key of our contender.
        peer: key of the other one.
        target: the ratio that is wanted at least; None: it is only reported.
        unit: what is compared.
    """

    key: str
    title: str
    scenario: str
    ours: str
    peer: str
    target: float | None = None
    unit: Literal["seconds", "requests"] = "seconds"


METRICS = (
    Metric("rollout_wait_12", f"Roll out {ROLLOUTS} Deployments and wait", "rollout", "ours", "stock", 12),
    Metric("noop_100", f"{OBJECTS} unchanged objects", "noop", "ours", "server_side", 7),
    Metric(
        "noop_100_requests", f"{OBJECTS} unchanged objects, requests", "noop", "ours", "server_side", 30, "requests"
    ),
    Metric("create_100", f"First apply of {OBJECTS} objects", "create", "ours", "server_side", 5),
    Metric("kubectl_noop_100_api", f"{OBJECTS} unchanged objects, Python API", "noop", "api", "kubectl", 10),
    Metric("kubectl_create_100_api", f"First apply of {OBJECTS} objects, Python API", "create", "api", "kubectl", 4),
    Metric("kubectl_noop_100", f"{OBJECTS} unchanged objects", "noop", "ours", "kubectl", 2),
    Metric("kubectl_create_100", f"First apply of {OBJECTS} objects", "create", "ours", "kubectl", 2),
    Metric("loop_30", "Loop over 30 unchanged objects, 5 ms", "loop", "ours", "stock", 15),
    Metric("loop_30_mitogen", "Loop over 30 unchanged objects, 5 ms", "loop", "ours", "mitogen", 2),
    Metric("helm_install", f"Install a chart of {OBJECTS} objects", "helm_install", "ours", "helm", 2.5),
    Metric("helm_upgrade_noop", "Upgrade to the same chart", "helm_upgrade", "ours", "helm", 5),
    # Beside the targets: what a sceptical reader asks for next.
    Metric("rollout_wait_12_sleep_1", f"Roll out {ROLLOUTS} Deployments and wait", "rollout", "ours", "impatient"),
    Metric("noop_100_present", f"{OBJECTS} unchanged objects", "noop", "ours", "present"),
    Metric("create_100_present", f"First apply of {OBJECTS} objects", "create", "ours", "present"),
    Metric(
        "create_100_requests", f"First apply of {OBJECTS} objects, requests", "create", "ours", "server_side", None,
        "requests",
    ),
    Metric("loop_30_pipelining", "Loop over 30 unchanged objects, 5 ms", "loop", "ours", "pipelining"),
    Metric("loop_30_create_mitogen", "Loop that makes 30 objects, 5 ms", "loop_create", "ours", "mitogen"),
    Metric("loop_30_far", "Loop over 30 unchanged objects", "loop_far", "ours", "stock"),
    Metric("loop_30_far_mitogen", "Loop over 30 unchanged objects", "loop_far", "ours", "mitogen"),
)  # fmt: skip

TARGETS = tuple(metric for metric in METRICS if metric.target is not None)


@dataclass(frozen=True)
class Scenario:
    """Contenders that do the same thing in turns.

    Args:
        start: each run begins in an empty namespace, or where the same contender has done it already.
        contenders: ours first.
        first: how a contender brings its namespace to the state in which the runs begin; None: by a run.
        round_trip: seconds that each request takes longer.
    """

    key: str
    start: Literal["empty", "converged"]
    contenders: tuple[Contender, ...]
    first: dict[str, Callable[[], Sample]] | None = None
    round_trip: float = ROUND_TRIP


def needed(keys: Collection[str]) -> dict[str, set[str]]:
    """Return which contenders of which scenarios the metrics of these keys are read off.

    Raises:
        KeyError: names a key that is no metric.
    """
    known = {metric.key: metric for metric in METRICS}
    result: dict[str, set[str]] = {}
    for key in keys:
        result.setdefault(known[key].scenario, set()).update((known[key].ours, known[key].peer))
    return result


def build(shop: Workshop, wanted: dict[str, set[str]]) -> list[Scenario]:
    """Return the scenarios with the contenders that are wanted, in the order in which they run."""
    result = []
    for key, make in _MAKERS.items():
        if key in wanted:
            scenario = make(shop)
            kept = tuple(item for item in scenario.contenders if item.key in wanted[key])
            result.append(replace(scenario, contenders=kept))
    return result


def _hundred(shop: Workshop, key: str, *, changed: bool) -> tuple[Contender, ...]:
    def name(contender: str) -> str:
        return f"{key}-{contender.replace('_', '-')}"

    def objects(contender: str) -> list[workload.KubeObject]:
        return workload.mixed(OBJECTS, name(contender))

    def manifest(contender: str) -> str:
        return shop.manifest(name(contender), objects(contender))

    kubectl = ("kubectl", "apply", "--server-side", "--kubeconfig", shop.kubeconfig, "-f", manifest("kubectl"))
    runs: list[tuple[str, str, Callable[[], Sample]]] = [
        ("ours", "k8s_apply", shop.playbook(name("ours"), shop.ours(manifest("ours")), changed=changed)),
        ("api", "Python API", shop.api(objects("api"), name("api"), changed=changed)),
        ("kubectl", "kubectl apply --server-side", shop.program(*kubectl)),
        (
            "server_side",
            "kubernetes.core.k8s, apply and server_side_apply",
            shop.playbook(name("server_side"), shop.stock(manifest("server_side"), **SERVER_SIDE), changed=changed),
        ),
        (
            "present",
            "kubernetes.core.k8s, state present",
            shop.playbook(name("present"), shop.stock(manifest("present"), state="present"), changed=changed),
        ),
    ]
    return tuple(Contender(short, title, run, name(short)) for short, title, run in runs)


def _create(shop: Workshop) -> Scenario:
    return Scenario("create", "empty", _hundred(shop, "create", changed=True))


def _noop(shop: Workshop) -> Scenario:
    contenders = _hundred(shop, "noop", changed=False)
    makers = {item.key: item.run for item in _hundred(shop, "noop", changed=True)}
    return Scenario("noop", "converged", contenders, makers)


def _rollout(shop: Workshop) -> Scenario:
    def contender(
        key: str, title: str, task: Callable[[str], dict[str, object]], rounds: int | None = None
    ) -> Contender:
        namespace = f"rollout-{key}"
        manifest = shop.manifest(namespace, workload.rollout(ROLLOUTS, namespace))
        # A run of the stock peer takes a minute; one Deployment warms its caches as well.
        one = shop.manifest(f"{namespace}-one", workload.rollout(1, namespace))
        run = shop.playbook(namespace, task(manifest), changed=True)
        return Contender(key, title, run, namespace, rounds, shop.playbook(f"{namespace}-one", task(one), changed=True))

    stock = "kubernetes.core.k8s, wait"
    return Scenario(
        "rollout",
        "empty",
        (
            contender("ours", "k8s_apply, wait", lambda src: shop.ours(src, wait=True)),
            contender("stock", stock, lambda src: shop.stock(src, wait=True)),
            contender("impatient", f"{stock}, wait_sleep 1", lambda src: shop.stock(src, wait=True, wait_sleep=1), 2),
        ),
    )


def _loops(shop: Workshop, key: str, *, changed: bool) -> tuple[Contender, ...]:
    def contender(short: str, title: str, rounds: int | None, extra: dict[str, str] | None = None) -> Contender:
        namespace = f"{key}-{short}".replace("_", "-")
        module = OURS if short == "ours" else STOCK

        def run(items: int) -> Callable[[], Sample]:
            task = shop.loop(module, namespace, items)
            return shop.playbook(f"{namespace}-{items}", task, changed=changed, extra=extra)

        # Two items warm every cache; thirty of the stock peer take half a minute.
        return Contender(short, title, run(LOOP_ITEMS), namespace, rounds, run(2))

    return (
        contender("ours", "k8s_apply in a loop", None),
        contender("mitogen", "kubernetes.core.k8s in a loop, mitogen", None, shop.mitogen()),
        contender("stock", "kubernetes.core.k8s in a loop", None),
        contender("pipelining", "kubernetes.core.k8s in a loop, pipelining", 2, {"ANSIBLE_PIPELINING": "true"}),
    )


def _loop(shop: Workshop, key: str = "loop") -> Scenario:
    def maker(namespace: str) -> Callable[[], Sample]:
        objects = [workload.config_map(number, namespace) for number in range(LOOP_ITEMS)]
        task = shop.ours(shop.manifest(f"{namespace}-all", objects))
        if not namespace.endswith("ours"):
            task = shop.stock(shop.manifest(f"{namespace}-all", objects), state="present")
        return shop.playbook(f"{namespace}-all", task, changed=True)

    contenders = _loops(shop, key.replace("_", "-"), changed=False)
    return Scenario(key, "converged", contenders, {item.key: maker(item.namespace) for item in contenders}, NEAR)


def _loop_far(shop: Workshop) -> Scenario:
    near = _loop(shop, "loop_far")
    return replace(near, contenders=tuple(replace(item, rounds=2) for item in near.contenders), round_trip=ROUND_TRIP)


def _loop_create(shop: Workshop) -> Scenario:
    return Scenario("loop_create", "empty", _loops(shop, "loop-create", changed=True)[:2], round_trip=NEAR)


def _helm(shop: Workshop, key: str, verb: str, *, changed: bool) -> tuple[Contender, ...]:
    chart = workload.chart(workload.mixed(OBJECTS, "unused"), shop.work / "chart")
    names = {short: f"{key}-{short}" for short in ("ours", "helm")}
    ours = shop.playbook(names["ours"], shop.our_release(chart, names["ours"]), changed=changed)
    return (
        Contender("ours", "helm_release", ours, names["ours"]),
        Contender("helm", f"helm {verb}", shop.helm(verb, chart, names["helm"]), names["helm"]),
    )


def _helm_install(shop: Workshop) -> Scenario:
    return Scenario("helm_install", "empty", _helm(shop, "helm-install", "install", changed=True))


def _helm_upgrade(shop: Workshop) -> Scenario:
    contenders = _helm(shop, "helm-upgrade", "upgrade", changed=False)
    makers = {item.key: item.run for item in _helm(shop, "helm-upgrade", "install", changed=True)}
    return Scenario("helm_upgrade", "converged", contenders, makers)


_MAKERS: dict[str, Callable[[Workshop], Scenario]] = {
    "create": _create,
    "noop": _noop,
    "helm_install": _helm_install,
    "helm_upgrade": _helm_upgrade,
    "loop": _loop,
    "loop_create": _loop_create,
    "loop_far": _loop_far,
    "rollout": _rollout,
}
