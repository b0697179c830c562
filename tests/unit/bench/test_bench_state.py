# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
from typing import Any

import pytest

from bench import state, workload
from miniapp_infra.kube import inventory


def deployment() -> dict[str, Any]:
    (obj,) = workload.rollout(1, "here")
    obj["metadata"].update(
        uid="u1",
        resourceVersion="7",
        generation=1,
        creationTimestamp="2026-01-01T00:00:00Z",
        managedFields=[{"manager": "miniapp-infra"}],
    )
    ready = {"type": "Available", "status": "True", "lastTransitionTime": "2026-01-01T00:00:02Z"}
    obj["status"] = {"readyReplicas": 1, "conditions": [ready]}
    return obj


def service(address: str) -> dict[str, Any]:
    obj = workload.mixed(1, "here", ["Service"])[0]
    obj["spec"] |= {"clusterIP": address, "clusterIPs": [address], "type": "ClusterIP"}
    return obj


def test_what_differs_between_two_runs_of_the_same_program_does_not_count() -> None:
    ours, theirs = deployment(), deployment()
    theirs["metadata"].update(
        uid="u2",
        resourceVersion="9",
        generation=3,
        creationTimestamp="2026-02-02T00:00:00Z",
        managedFields=[{"manager": "kubectl"}],
        namespace="there",
    )
    theirs["metadata"]["annotations"] |= {
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "meta.helm.sh/release-name": "bench",
        "meta.helm.sh/release-namespace": "there",
    }
    ours["metadata"]["annotations"][state.INVENTORY] = "here/bench"
    theirs["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "Helm"
    theirs["status"]["conditions"][0]["lastTransitionTime"] = "2026-02-02T00:00:02Z"
    assert state.require_same([ours, service("10.0.0.1")], [theirs, service("10.0.0.2")], "the peer") == 2


def change(path: str, value: Any) -> dict[str, Any]:
    obj = deployment()
    *parents, last = path.split("/")
    place: Any = obj
    for step in parents:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[last] = value
    return obj


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec/replicas", 3),
        ("spec/template/spec/containers/0/image", "other"),
        ("metadata/labels/added", "x"),
        ("metadata/annotations/example.com~1team", "x"),
        ("metadata/finalizers", ["x"]),
        ("status/readyReplicas", 0),
        ("status/conditions/0/status", "False"),
    ],
)
def test_everything_else_does(path: str, value: Any) -> None:
    with pytest.raises(state.DifferentStateError, match=r"Deployment app-0000 \.\w+"):
        state.require_same([deployment()], [change(path, value)], "the peer")


def test_a_service_with_another_port_differs() -> None:
    other = service("10.0.0.1")
    other["spec"]["ports"][0]["port"] = 81
    with pytest.raises(state.DifferentStateError, match=r"Service app-0000 \.spec\.ports"):
        state.require_same([service("10.0.0.1")], [other], "the peer")


def test_an_object_that_only_one_has_is_named() -> None:
    for ours, theirs, who in (([deployment(), service("")], [deployment()], "us"), ([deployment()], [service("")], "")):
        with pytest.raises(state.DifferentStateError, match=f"exists for {who or 'the peer'} only"):
            state.require_same(ours, theirs, "the peer")


def test_nothing_is_not_the_same_as_nothing() -> None:
    with pytest.raises(state.DifferentStateError, match="empty"):
        state.require_same([], [], "the peer")


def test_the_books_of_release_tools_are_left_out_and_other_secrets_are_not() -> None:
    metadata = {"name": "sh.helm.release.v1.bench.v1", "labels": {"owner": "helm"}}
    release = {"kind": "Secret", "type": "helm.sh/release.v1", "metadata": metadata}
    record = {"kind": "ConfigMap", "metadata": {"name": "bench", "labels": {state.INVENTORY: "true"}}}
    assert state.require_same([deployment(), record], [deployment(), release], "the peer") == 1
    secret = {"kind": "Secret", "type": "Opaque", "metadata": {"name": "s"}}
    with pytest.raises(state.DifferentStateError, match="Secret s exists for the peer only"):
        state.require_same([deployment()], [deployment(), secret], "the peer")


def test_the_label_of_our_inventory_is_the_one_that_the_engine_writes() -> None:
    assert state.INVENTORY == inventory.OWNER


def test_comparing_changes_nothing() -> None:
    obj = deployment()
    before = copy.deepcopy(obj)
    state.require_same([obj], [deployment()], "the peer")
    assert obj == before
