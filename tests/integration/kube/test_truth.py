# SPDX-License-Identifier: GPL-3.0-or-later
"""``changed`` and diffs against what the API server itself says, for generated objects that others edit."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from truth.edits import Edit, edited, edits
from truth.kinds import KINDS, definition
from truth.oracle import Oracle, Said, normal, text

from live_apiserver import BIN, ApiServer
from miniapp_infra.kube.apply import apply
from miniapp_infra.kube.client import Client
from miniapp_infra.kube.connection import ConnectionOptions
from miniapp_infra.kube.discovery import Discovery
from miniapp_infra.kube.errors import ApiError, KubeError, SeveralError
from miniapp_infra.kube.models import ApplyOptions, Outcome, report
from miniapp_infra.local.layout import cache_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from truth.kind import Kind

    from live_apiserver import Raw

pytestmark = pytest.mark.live
set_hypothesis_home_dir(cache_directory() / "tests" / "hypothesis")

_names = (f"truth-{number}" for number in itertools.count(1))
Object = dict[str, Any]


@dataclass(frozen=True)
class Ours:
    """The engine, and the server behind it."""

    client: Client
    discovery: Discovery
    raw: Raw
    namespace: str

    def apply(self, obj: Object, *, force: bool, check: bool) -> Outcome:
        options = ApplyOptions(namespace=self.namespace, force_conflicts=force, check=check)
        (outcome,) = apply(self.client, self.discovery, [obj], options)
        return outcome

    def oracle(self, kind: Kind, name: str) -> Oracle:
        return Oracle(self.raw, kind, kind.path(self.namespace, name))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Of its own, because some kinds have no namespace and concern the whole server."""
    with ApiServer(tmp_path_factory.mktemp("truth")) as running:
        yield running


@pytest.fixture(scope="module")
def ours(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Ours:
    client = Client.connect(ConnectionOptions(kubeconfig=str(server.kubeconfig)))
    discovery = Discovery(client, tmp_path_factory.mktemp("discovery"))
    raw = server.raw()
    namespace = "truth"
    for path, name in (("namespaces", namespace), (f"namespaces/{namespace}/serviceaccounts", "default")):
        status, body = raw.send("POST", f"/api/v1/{path}", {"metadata": {"name": name}})
        assert status == 201, body
    crd = definition()
    status, body = raw.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
    assert status == 201, body
    deadline = time.monotonic() + 120
    widgets = KINDS[-1].path(namespace, "")
    while raw.send("GET", widgets.rstrip("/"))[0] != 200:
        assert time.monotonic() < deadline, "the kind Widget was not served in time"
        time.sleep(0.1)
    return Ours(client, discovery, raw, namespace)


def complete(kind: Kind, body: Object, name: str, namespace: str) -> Object:
    metadata = {**body["metadata"], "name": name}
    if kind.namespaced:
        metadata["namespace"] = namespace
    return {**body, "apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_changed_and_diff_are_what_the_server_says(ours: Ours, kind: Kind) -> None:
    accepted = 0

    @settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=6,
        phases=(Phase.generate,),
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        body=kind.body,
        redeclared=edits,
        by_others=st.lists(st.tuples(st.integers(0, len(EDITORS) - 1), edits), max_size=2),
        force=st.booleans(),
    )
    def run(body: Object, redeclared: list[Edit], by_others: list[tuple[int, list[Edit]]], force: bool) -> None:  # noqa: FBT001 - drawn
        nonlocal accepted
        name = next(_names)
        oracle = ours.oracle(kind, name)
        first = complete(kind, body, name, ours.namespace)
        if not agrees(ours, oracle, first, force=force):
            return
        accepted += 1
        assert agrees(ours, oracle, first, force=force, unchanged=True)
        for editor, changes in by_others:
            EDITORS[editor](oracle, first, changes)
        second = first
        for change in redeclared:
            second = edited(second, change)
        agrees(ours, oracle, second, force=force)

    run()
    assert accepted, f"the server refused every generated {kind.kind}"


def widget(spec: Object) -> tuple[str, Object]:
    return "Widget", {"metadata": {}, "spec": spec}


def keep(**fields: Any) -> tuple[str, Object]:
    """A Widget with something in it that stays."""
    return widget({"order": ["stays"], **fields})


def secret(**sections: Any) -> tuple[str, Object]:
    return "Secret", {"metadata": {}, **sections}


def quota(cpu: Any) -> tuple[str, Object]:
    return "ResourceQuota", {"metadata": {}, "spec": {"hard": {"limits.cpu": cpu}}}


def labelled(labels: Any) -> tuple[str, Object]:
    return "ConfigMap", {"metadata": {"labels": labels}, "data": {"a": "1"}}


def service(**port: Any) -> tuple[str, Object]:
    return "Service", {"metadata": {}, "spec": {"ports": [{"name": "p", "port": 80, **port}]}}


@pytest.mark.parametrize(
    ("first", "second", "changed"),
    [
        pytest.param(widget({"free": {"a": 1}}), widget({"free": {"a": True}}), True, id="one-and-true"),
        pytest.param(widget({"free": {"a": [0]}}), widget({"free": {"a": [False]}}), True, id="zero-and-false-in-list"),
        pytest.param(widget({"free": {"a": 1}}), widget({"free": {"a": 1.0}}), False, id="int-and-float"),
        pytest.param(widget({"free": {"a": 1}}), widget({"free": {"a": "1"}}), True, id="int-and-string"),
        pytest.param(widget({"limit": 1}), widget({"limit": "1"}), True, id="int-or-string"),
        pytest.param(widget({"ratio": 1}), widget({"ratio": 1.0}), False, id="number"),
        pytest.param(widget({"tags": ["a", "b"]}), widget({"tags": ["b", "a"]}), True, id="order-of-a-set"),
        pytest.param(widget({"order": ["a", "b"]}), widget({"order": ["b", "a"]}), True, id="order-of-a-list"),
        pytest.param(widget({"order": ["a", "a"]}), widget({"order": ["a"]}), True, id="duplicates-in-a-list"),
        pytest.param(
            widget({"sizes": [{"name": "a"}, {"name": "b"}]}),
            widget({"sizes": [{"name": "b"}, {"name": "a"}]}),
            True,
            id="order-of-a-keyed-list",
        ),
        pytest.param(keep(sizes=[{"name": "a"}]), keep(sizes=[]), True, id="last-item"),
        pytest.param(keep(mode="slow"), keep(), False, id="default-not-declared-any-more"),
        pytest.param(keep(), keep(mode="slow"), False, id="default-declared"),
        pytest.param(keep(mode="fast"), keep(), True, id="back-to-the-default"),
        pytest.param(widget({"whole": {"a": "1", "b": "2"}}), widget({"whole": {"a": "1"}}), True, id="map-as-a-whole"),
        pytest.param(widget({"free": {"a": "1"}}), widget({"free": {"a": None}}), True, id="null"),
        pytest.param(widget({"free": {"a": {}}}), widget({"free": {"a": []}}), True, id="empty-map-and-empty-list"),
        pytest.param(keep(free={"a": {}, "b": 1}), keep(free={"b": 1}), True, id="empty-map"),
        pytest.param(quota("1000m"), quota("1"), False, id="quantity"),
        pytest.param(quota("1"), quota(1), False, id="quantity-as-number"),
        pytest.param(quota("1"), quota("2"), True, id="other-quantity"),
        pytest.param(labelled({"a": "1"}), labelled({}), True, id="label-removed"),
        pytest.param(labelled({}), labelled(None), False, id="no-labels-and-null"),
        pytest.param(service(protocol="TCP"), service(), False, id="key-with-default"),
        pytest.param(service(targetPort=80), service(targetPort="http"), True, id="port-by-name"),
        pytest.param(secret(stringData={"a": "x"}), secret(stringData={"a": "x"}), False, id="string-data-again"),
        pytest.param(secret(stringData={"a": "x"}), secret(stringData={"a": "y"}), True, id="string-data-changed"),
        pytest.param(secret(stringData={"a": "x"}), secret(data={"a": "eA=="}), False, id="string-data-as-data"),
        pytest.param(secret(data={"a": "eA=="}), secret(data={}), True, id="key-of-a-secret-removed"),
    ],
)
def test_what_is_easily_taken_for_the_same(
    ours: Ours,
    first: tuple[str, Object],
    second: tuple[str, Object],
    changed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    kind = next(item for item in KINDS if item.kind == first[0])
    name = next(_names)
    oracle = ours.oracle(kind, name)
    assert agrees(ours, oracle, complete(kind, first[1], name, ours.namespace), force=False)
    obj = complete(kind, second[1], name, ours.namespace)
    assert oracle.apply(obj, force=False, dry_run=True).changed is changed
    assert agrees(ours, oracle, obj, force=False)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.kind in {"ConfigMap", "Deployment", "Secret"}])
def test_what_kubectl_applied_the_old_way(ours: Ours, server: ApiServer, kind: Kind) -> None:
    """Client-side apply is another owner, and its annotation is no difference."""

    def kubectl_apply(obj: Object) -> None:
        command = [str(BIN / "kubectl"), "--kubeconfig", str(server.kubeconfig), "apply", "-f", "-"]
        done = subprocess.run(command, input=json.dumps(obj), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    bodies = {
        "ConfigMap": {"data": {"a": "1", "b": "2"}},
        "Secret": {"data": {"a": "YQ==", "b": "Yg=="}},
        "Deployment": {
            "spec": {
                "selector": {"matchLabels": {"app": "a"}},
                "template": {
                    "metadata": {"labels": {"app": "a"}},
                    "spec": {"containers": [{"name": "a", "image": "example.com/a:1"}]},
                },
            }
        },
    }
    name = next(_names)
    oracle = ours.oracle(kind, name)
    theirs = complete(kind, {"metadata": {"labels": {"a": "1"}}, **bodies[kind.kind]}, name, ours.namespace)
    kubectl_apply(theirs)
    assert agrees(ours, oracle, theirs, force=False, unchanged=True)
    without = {**theirs, "metadata": {**theirs["metadata"], "labels": {"a": "2"}}}
    assert not agrees(ours, oracle, without, force=False)
    assert agrees(ours, oracle, without, force=True)
    kubectl_apply(theirs)
    assert agrees(ours, oracle, without, force=True)


def agrees(ours: Ours, oracle: Oracle, obj: Object, *, force: bool, unchanged: bool = False) -> bool:
    """Apply an object, first in check mode, and compare with the server's own word; tell whether it was accepted."""
    said = oracle.apply(obj, force=force, dry_run=True)
    if said.before is not None and said.before["metadata"].get("deletionTimestamp"):
        with pytest.raises(SeveralError, match="it is being deleted"):
            ours.apply(obj, force=force, check=False)
        return False
    if said.status >= 400:
        for check in (True, False):
            same_refusal(ours, said, obj, force=force, check=check)
        assert text(oracle.read()) == text(said.before)
        return False
    assert not (unchanged and said.changed)

    told = ours.apply(obj, force=force, check=True)
    same_outcome(said, told)
    assert text(oracle.read()) == text(said.before), "check mode changed something"

    done = ours.apply(obj, force=force, check=False)
    after = oracle.read()
    assert after is not None
    same_outcome(Said(said.status, after, said.before), done)
    assert done.changed is told.changed
    if said.before is not None:
        # Two dry runs of a creation differ in what the server draws, such as addresses.
        assert text(after) == text(said.body)
        assert shown(told) == shown(done)

    # For a custom resource whose declared list has become empty, the server itself may need a second apply.
    converged = not oracle.apply(obj, force=force, dry_run=True).changed
    assert ours.apply(obj, force=force, check=False).changed is not converged
    if not converged:
        after = oracle.read()
        assert not ours.apply(obj, force=force, check=False).changed
    assert text(oracle.read()) == text(after), "the second apply wrote something"
    return True


def same_outcome(said: Said, outcome: Outcome) -> None:
    assert outcome.changed is said.changed, f"{said.before}\n{said.body}"
    assert (outcome.action == "created") is (said.status == 201)
    diffs = shown(outcome)
    if not said.changed:
        assert diffs == []
        return
    (diff,) = diffs
    if said.body["kind"] == "Secret":
        same_secret(said, diff)
    elif said.before is not None or outcome.after == said.body:
        assert diff == (normal(said.before), normal(said.body))


def same_secret(said: Said, diff: tuple[Any, Any]) -> None:
    """The diff of a Secret shows the same keys, equal placeholders for equal values, and no value."""
    for shown_state, state in zip(diff, (said.before, said.body), strict=True):
        assert (shown_state.get("data") or {}).keys() == (normal(state).get("data") or {}).keys()
        assert not {"YQ==", "Y2FuYXJ5"} & set((shown_state.get("data") or {}).values())
    if said.before is not None:
        before, after = normal(said.before).get("data") or {}, normal(said.body).get("data") or {}
        for key in before.keys() & after.keys():
            assert (before[key] == after[key]) is (diff[0]["data"][key] == diff[1]["data"][key])


def same_refusal(ours: Ours, said: Said, obj: Object, *, force: bool, check: bool) -> None:
    with pytest.raises(KubeError) as caught:
        ours.apply(obj, force=force, check=check)
    assert isinstance(caught.value, SeveralError)
    (failure,) = caught.value.failures
    assert isinstance(failure, ApiError)
    assert failure.status == said.status, failure.message
    assert {(item.field, item.manager) for item in failure.conflicts} == said.conflicts


def shown(outcome: Outcome) -> list[tuple[Any, Any]]:
    return [
        (yaml.safe_load(diff["before"]) or {}, yaml.safe_load(diff["after"]) or {})
        for diff in report([outcome], with_diff=True)["diff"]
    ]


def by_apply(oracle: Oracle, declared: Object, changes: list[Edit]) -> None:
    """Another manager declares nearly the same, and takes over what differs."""
    for change in changes:
        declared = edited(declared, change)
    oracle.apply(declared, force=True, dry_run=False, manager="gardener")


def by_update(oracle: Oracle, declared: Object, changes: list[Edit], manager: str = "editor") -> None:
    """Somebody reads the object, edits it, and writes it back."""
    del declared
    present = oracle.read()
    if present is not None:
        for change in changes:
            present = edited(present, change)
        oracle.replace(present, manager)


def by_update_in_our_name(oracle: Oracle, declared: Object, changes: list[Edit]) -> None:
    by_update(oracle, declared, changes, "miniapp-infra")


def by_labels(oracle: Oracle, declared: Object, changes: list[Edit]) -> None:
    values = {f"label-{change.what}": str(change.place % 2) for change in changes}
    oracle.merge({"metadata": {"labels": {**values, "alpha": None, "beta": "theirs"}}}, "labeller")
    oracle.merge({"metadata": {"annotations": {"example.com/alpha": "theirs"}}}, "annotator")
    del declared


def by_scale(oracle: Oracle, declared: Object, changes: list[Edit]) -> None:
    del declared
    if oracle.kind.scaled:
        oracle.merge({"spec": {"replicas": 3 + len(changes)}}, "scaler", subresource="/scale")


def by_delete(oracle: Oracle, declared: Object, changes: list[Edit]) -> None:
    del declared, changes
    oracle.delete()


def by_forgetting(oracle: Oracle, declared: Object, changes: list[Edit]) -> None:
    """Somebody removes the record of who declared what."""
    del declared, changes
    oracle.merge({"metadata": {"managedFields": [{}]}}, "forgetter")


EDITORS = (by_update, by_apply, by_labels, by_scale, by_update_in_our_name, by_forgetting, by_delete)
