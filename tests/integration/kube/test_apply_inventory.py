# SPDX-License-Identifier: GPL-3.0-or-later
"""A set with an inventory against a real API server: what goes, what stays, and what a run that was cut off leaves."""

from __future__ import annotations

import itertools
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.kube.budget import Budget
from miniapp_infra.kube.client import Client, Response
from miniapp_infra.kube.discovery import Discovery
from miniapp_infra.kube.errors import KubeError, SeveralError
from miniapp_infra.kube.inventory import OWNER, Inventory, Place, read, write
from miniapp_infra.kube.models import Action, ApplyOptions
from miniapp_infra.kube.objects import ObjectRef
from miniapp_infra.kube.release import Converged, Ownership, converge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conftest import K8s, Kubectl

pytestmark = pytest.mark.live
GENEROUS = Budget(percent=100.0)
_numbers = itertools.count(1)
Objects = list[dict[str, Any]]


def config_map(name: str, namespace: str, value: str = "1", **annotations: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": value}}


def deployment(name: str, namespace: str) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "app", "image": "example.com/app:1"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    }


def gadget_definition(group: str, *versions: str, scope: str = "Namespaced") -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": "Gadget", "plural": "gadgets", "singular": "gadget"},
            "versions": [
                {"name": name, "served": True, "storage": name == versions[-1], "schema": {"openAPIV3Schema": schema}}
                for name in versions
            ],
        },
    }


def gadget(name: str, group: str, namespace: str, version: str = "v1") -> dict[str, Any]:
    return {
        "apiVersion": f"{group}/{version}",
        "kind": "Gadget",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"size": 1},
    }


class Engine:
    """Converges sets of one inventory after the other, with the discovery of a test of its own."""

    def __init__(self, client: Client, directory: Path) -> None:
        self.client = client
        self.discovery = Discovery(client, directory)

    def run(
        self,
        objects: Sequence[dict[str, Any]],
        place: Place,
        *,
        client: Client | None = None,
        check: bool = False,
        budget: Budget = GENEROUS,
        **more: Any,
    ) -> Converged:
        options = ApplyOptions(namespace=place.namespace, check=check)
        ready = more.pop("ready", None)
        ownership = Ownership(place, budget, **more)
        return converge(client or self.client, self.discovery, objects, options, ownership, ready=ready)

    def recorded(self, place: Place) -> list[str]:
        return sorted(f"{ref.kind}/{ref.name}" for ref in read(self.client, place).refs)


@pytest.fixture
def engine(client: Client, tmp_path: Path) -> Engine:
    return Engine(client, tmp_path)


class Counted(Client):
    """Counts what is sent, and with ``limit`` is killed at that write: nothing is sent from then on.

    Args:
        after: the fatal write reaches the server, and its answer is lost.
    """

    def __init__(self, client: Client, limit: int = 0, *, after: bool = False) -> None:
        self.__dict__.update(client.__dict__)
        self._inner = client
        self._limit = limit
        self._after = after
        self._writes_lock = threading.Lock()
        self._is_dead = False
        self.reads = 0
        self.writes = 0

    def request(self, method: str, path: str, **options: Any) -> Response:
        is_write = method != "GET" and "dryRun" not in str(options.get("query")) + str(options.get("body"))
        with self._writes_lock:
            if self._is_dead:
                raise Killed
            self.reads += not is_write
            self.writes += is_write
            is_fatal = is_write and self.writes == self._limit
            self._is_dead = is_fatal
        if not is_fatal:
            return self._inner.request(method, path, **options)
        if self._after:
            self._inner.request(method, path, **options)
        raise Killed


class Killed(BaseException):
    """Nothing catches it, as nothing catches kill -9."""


def names(kubectl: Kubectl, namespace: str) -> list[str]:
    """Return the ConfigMaps and Deployments of a namespace, without inventories and what Kubernetes makes."""
    lines = kubectl("get", "configmaps,deployments", "-n", namespace, "-o", "name").split()
    found = [line.replace("deployment.apps", "deployment") for line in lines]
    return sorted(line for line in found if not line.endswith("kube-root-ca.crt") and "/inventory-" not in line)


def owner(kubectl: Kubectl, name: str, namespace: str) -> str | None:
    found = kubectl("get", name, "-n", namespace, "-o", "json")
    return found["metadata"].get("annotations", {}).get(OWNER)


def actions(done: Converged) -> dict[str, str]:
    return {item.ref.name: item.action.value for item in done.outcomes}


def test_what_left_the_set_goes(engine: Engine, kubectl: Kubectl, namespace: str) -> None:
    place = Place(namespace, "inventory-app")
    first = [config_map("a", namespace), config_map("b", namespace), deployment("d", namespace)]
    done = engine.run(first, place)
    assert actions(done) == {"a": "created", "b": "created", "d": "created"}
    assert done.action is Action.CREATED
    assert owner(kubectl, "configmap/a", namespace) == f"{namespace}/inventory-app"

    second = [config_map("b", namespace), config_map("c", namespace)]
    told = engine.run(second, place, check=True)
    assert names(kubectl, namespace) == ["configmap/a", "configmap/b", "deployment/d"]
    done = engine.run(second, place)
    assert actions(told) == actions(done) == {"a": "deleted", "b": "unchanged", "c": "created", "d": "deleted"}
    assert told.result(with_diff=True) == done.result(with_diff=True)
    assert names(kubectl, namespace) == ["configmap/b", "configmap/c"]
    assert engine.recorded(place) == ["ConfigMap/b", "ConfigMap/c"]


def test_a_converged_set_costs_one_request_more_and_no_write(engine: Engine, client: Client, namespace: str) -> None:
    place = Place(namespace, "inventory-app")
    objects = [config_map(name, namespace) for name in "abc"] + [deployment(name, namespace) for name in "de"]
    engine.run(objects, place)
    for check in (True, False):
        counted = Counted(client)
        done = engine.run(objects, place, client=counted, check=check)
        assert not done.result(with_diff=True)["changed"]
        assert (counted.reads, counted.writes) == (3, 0)  # configmaps, deployments, and the inventory; no dry run


def test_what_was_read_for_the_check_is_not_read_again(engine: Engine, client: Client, namespace: str) -> None:
    place = Place(namespace, "inventory-app")
    engine.run([config_map(name, namespace) for name in "abc"], place)
    counted = Counted(client)
    engine.run([config_map(name, namespace) for name in "abcd"], place, client=counted)
    assert (counted.reads, counted.writes) == (2, 2)
    counted = Counted(client)
    engine.run([config_map(name, namespace) for name in "bcd"], place, client=counted)
    assert (counted.reads, counted.writes) == (3, 2)  # what goes is read by itself


@pytest.mark.parametrize("after", [False, True], ids=["before-the-server", "after-the-server"])
def test_a_run_that_is_killed_at_any_write_can_be_repeated(
    engine: Engine,
    client: Client,
    kubectl: Kubectl,
    namespace: str,
    after: bool,  # noqa: FBT001 - a column
) -> None:
    """Whatever the moment: the same set converges, and going back leaves nothing of the set that was cut off."""
    theirs = Place(namespace, "inventory-theirs")
    engine.run([config_map("owned-by-them", namespace)], theirs)
    kubectl("create", "configmap", "of-nobody", "-n", namespace)
    others = ["configmap/of-nobody", "configmap/owned-by-them"]
    old = [config_map("a", namespace), config_map("b", namespace), deployment("d", namespace)]
    new = [config_map("b", namespace, "2"), config_map("c", namespace), deployment("e", namespace)]
    place = Place(namespace, "inventory-app")
    for target, expected in ((new, ["b", "c"]), (old, ["a", "b"])):
        kind = "deployment/e" if target is new else "deployment/d"
        wanted = sorted([*others, *(f"configmap/{name}" for name in expected), kind])
        for number in itertools.count(1):
            engine.run(old, place)
            killed = Counted(client, number, after=after)
            try:
                engine.run(new, place, client=killed)
            except Killed:
                engine.run(target, place)
            else:
                # Union, change, two additions, two deletions, final record.
                assert killed.writes == number - 1 == 7
                break
            assert names(kubectl, namespace) == wanted, number
            assert len(engine.recorded(place)) == 3
            again = Counted(client)
            assert not engine.run(target, place, client=again).result(with_diff=False)["changed"]
            assert again.writes == 0


@pytest.mark.parametrize("after", [False, True], ids=["before-the-server", "after-the-server"])
def test_a_first_run_that_is_killed_leaves_nothing_unrecorded(
    engine: Engine,
    client: Client,
    kubectl: Kubectl,
    after: bool,  # noqa: FBT001 - a column
) -> None:
    """The namespace of the inventory comes with the set. Taking the rest of the set back leaves the namespace only."""
    for number in itertools.count(1):
        space = f"inventory-first-{next(_numbers)}"
        place = Place(space, "inventory-app")
        declared = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}
        objects: Objects = [deployment("d", space), config_map("a", space), declared]
        killed = Counted(client, number, after=after)
        try:
            engine.run(objects, place, client=killed)
        except Killed:
            pass
        else:
            assert number - 1 == killed.writes == 5  # record (refused), namespace, record, two objects
            assert engine.recorded(place) == ["ConfigMap/a", "Deployment/d", f"Namespace/{space}"]
            assert owner(kubectl, f"namespace/{space}", space) == str(place)
            break
        engine.run([declared], place)
        assert names(kubectl, space) == []
        assert engine.recorded(place) == [f"Namespace/{space}"]


def test_the_whole_set_going_is_refused(engine: Engine, kubectl: Kubectl, namespace: str) -> None:
    place = Place(namespace, "inventory-app")
    engine.run([config_map("a", namespace), config_map("b", namespace)], place)
    for objects in ([], [config_map("x", namespace)]):
        for check in (True, False):
            with pytest.raises(KubeError, match=r"2 of 2 objects would go \(100 %, allowed are 99 %\)") as caught:
                engine.run(objects, place, check=check, budget=Budget(percent=99))
            assert "prune_budget to 100" in caught.value.hint
            assert f"ConfigMap {namespace}/a, ConfigMap {namespace}/b" in caught.value.message
    assert names(kubectl, namespace) == ["configmap/a", "configmap/b"]
    assert engine.recorded(place) == ["ConfigMap/a", "ConfigMap/b"]
    engine.run([], place)
    assert names(kubectl, namespace) == []
    assert "inventory-app" not in kubectl("get", "configmaps", "-n", namespace)
    assert engine.run([], place).action is Action.UNCHANGED


def test_protected_kinds_do_not_go(engine: Engine, kubectl: Kubectl, namespace: str) -> None:
    place = Place(namespace, "inventory-app")
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    engine.run([claim, config_map("a", namespace), config_map("b", namespace)], place)
    smaller = [config_map("b", namespace), config_map("new", namespace)]
    for check in (True, False):
        with pytest.raises(KubeError, match=f"PersistentVolumeClaim {namespace}/data would go") as caught:
            engine.run(smaller, place, check=check)
        assert "protected_kinds" in caught.value.hint
        assert caught.value.code == "refused_by_policy"
    assert names(kubectl, namespace) == ["configmap/a", "configmap/b"]
    done = engine.run(smaller, place, budget=Budget(100, ("Namespace",)))
    assert actions(done)["data"] == "deleted"


def test_an_object_of_another_inventory_is_refused(engine: Engine, kubectl: Kubectl, namespace: str) -> None:
    ours, theirs = Place(namespace, "inventory-ours"), Place(namespace, "inventory-theirs")
    engine.run([config_map("a", namespace), config_map("b", namespace)], theirs)
    objects = [config_map("new", namespace), config_map("b", namespace, "2")]
    for check in (True, False):
        with pytest.raises(KubeError) as caught:
            engine.run(objects, ours, check=check)
        assert f"inventory {ours}" in caught.value.message
        assert f"ConfigMap {namespace}/b belongs to {theirs}" in caught.value.message
        assert caught.value.code == "conflict"
    assert names(kubectl, namespace) == ["configmap/a", "configmap/b"]
    assert engine.recorded(ours) == []

    engine.run(objects, ours, adopt=True)
    assert owner(kubectl, "configmap/b", namespace) == str(ours)
    done = engine.run([config_map("a", namespace)], theirs)
    assert [(item.ref.name, item.reason) for item in done.kept] == [("b", f"it belongs to {ours}")]
    assert names(kubectl, namespace) == ["configmap/a", "configmap/b", "configmap/new"]
    assert engine.recorded(theirs) == ["ConfigMap/a"]
    assert engine.recorded(ours) == ["ConfigMap/b", "ConfigMap/new"]


def test_an_owner_that_is_gone_owns_nothing(engine: Engine, kubectl: Kubectl, namespace: str) -> None:
    ours, theirs = Place(namespace, "inventory-ours"), Place(namespace, "inventory-theirs")
    engine.run([config_map("a", namespace)], theirs)
    kubectl("delete", "configmap", theirs.name, "-n", namespace)
    engine.run([config_map("a", namespace)], ours)
    assert owner(kubectl, "configmap/a", namespace) == str(ours)


def test_objects_of_a_helm_release_are_refused(engine: Engine, kubectl: Kubectl, namespace: str) -> None:
    place = Place(namespace, "inventory-app")
    kubectl("create", "configmap", "a", "-n", namespace, "--from-literal=a=1")
    kubectl(
        "annotate",
        "configmap/a",
        "-n",
        namespace,
        "meta.helm.sh/release-name=web",
        f"meta.helm.sh/release-namespace={namespace}",
    )
    with pytest.raises(KubeError, match=f"belongs to Helm release {namespace}/web"):
        engine.run([config_map("a", namespace)], place)
    engine.run([config_map("a", namespace)], place, adopt=True)
    engine.run([config_map("a", namespace)], place)
    assert owner(kubectl, "configmap/a", namespace) == str(place)


def test_objects_of_nobody_are_adopted(engine: Engine, kubectl: Kubectl, namespace: str) -> None:
    place = Place(namespace, "inventory-app")
    kubectl("create", "configmap", "a", "-n", namespace, "--from-literal=a=1")
    assert actions(engine.run([config_map("a", namespace)], place)) == {"a": "updated"}
    engine.run([], place)
    assert names(kubectl, namespace) == []


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("miniapp.fuze/keep", "true"),
        ("helm.sh/resource-policy", "keep"),
        ("argocd.argoproj.io/sync-options", "Replace=true, Prune=false"),
    ],
)
def test_annotations_keep_an_object(
    engine: Engine, kubectl: Kubectl, namespace: str, annotation: str, value: str
) -> None:
    place = Place(namespace, "inventory-app")
    engine.run([config_map("a", namespace, **{annotation: value}), config_map("b", namespace)], place)
    for check in (True, False):
        done = engine.run([config_map("b", namespace)], place, check=check)
        assert actions(done) == {"b": "unchanged"}
        assert [item.ref.name for item in done.kept] == ["a"]
        assert annotation in done.kept[0].reason
        assert done.action is Action.UPDATED
    assert names(kubectl, namespace) == ["configmap/a", "configmap/b"]
    assert engine.recorded(place) == ["ConfigMap/b"]
    assert not engine.run([config_map("b", namespace)], place).result(with_diff=True)["changed"]


def test_what_lost_its_mark_stays(engine: Engine, kubectl: Kubectl, namespace: str) -> None:
    place = Place(namespace, "inventory-app")
    engine.run([config_map("a", namespace), config_map("b", namespace)], place)
    kubectl("annotate", "configmap/a", "-n", namespace, f"{OWNER}-")
    done = engine.run([config_map("b", namespace)], place)
    assert [item.ref.name for item in done.kept] == ["a"]
    assert names(kubectl, namespace) == ["configmap/a", "configmap/b"]


def test_what_changes_hands_during_the_run_stays(engine: Engine, kubectl: Kubectl, namespace: str) -> None:
    """Between the check and the deletion the set becomes ready, which may take minutes."""
    place = Place(namespace, "inventory-app")
    engine.run([config_map(name, namespace) for name in "abc"], place)

    def meanwhile(_: object) -> None:
        kubectl("annotate", "configmap/a", "-n", namespace, f"{OWNER}={namespace}/inventory-theirs", "--overwrite")
        kubectl("delete", "configmap/b", "-n", namespace)
        kubectl("create", "configmap", "b", "-n", namespace)

    done = engine.run([config_map("c", namespace)], place, ready=meanwhile)
    assert sorted(item.ref.name for item in done.kept) == ["a", "b"]
    assert names(kubectl, namespace) == ["configmap/a", "configmap/b", "configmap/c"]


def test_a_deletion_names_the_object_that_was_looked_at(
    engine: Engine, client: Client, kubectl: Kubectl, namespace: str
) -> None:
    """Somebody replaces the object in the moment between the last look and the deletion."""
    place = Place(namespace, "inventory-app")
    engine.run([config_map("a", namespace), config_map("b", namespace)], place)

    class Interrupted(Counted):
        def request(self, method: str, path: str, **options: Any) -> Response:
            if method == "DELETE":
                kubectl("delete", "configmap/a", "-n", namespace)
                kubectl("create", "configmap", "a", "-n", namespace)
            return super().request(method, path, **options)

    done = engine.run([config_map("b", namespace)], place, client=Interrupted(client))
    assert [item.ref.name for item in done.kept] == ["a"]
    assert names(kubectl, namespace) == ["configmap/a", "configmap/b"]


def test_nothing_goes_when_something_fails(engine: Engine, kubectl: Kubectl, namespace: str) -> None:
    place = Place(namespace, "inventory-app")
    engine.run([config_map("a", namespace), config_map("b", namespace)], place)
    wrong = deployment("d", namespace)
    wrong["spec"]["replica"] = 3
    with pytest.raises(SeveralError, match=r"\.spec\.replica"):
        engine.run([config_map("b", namespace), wrong], place)
    assert names(kubectl, namespace) == ["configmap/a", "configmap/b"]

    def not_ready(_: object) -> None:
        raise KubeError("Timed out")

    with pytest.raises(SeveralError, match="Timed out") as caught:
        engine.run([config_map("b", namespace)], place, ready=not_ready)
    assert [item["name"] for item in caught.value.result()["objects"]] == ["b"]
    assert names(kubectl, namespace) == ["configmap/a", "configmap/b"]
    engine.run([config_map("b", namespace)], place)
    assert names(kubectl, namespace) == ["configmap/b"]


def test_two_runs_at_once_lose_nothing(engine: Engine, client: Client, kubectl: Kubectl, namespace: str) -> None:
    """The other run records something between our reading of the inventory and our writing."""
    place = Place(namespace, "inventory-app")
    engine.run([config_map("a", namespace)], place)

    class Overtaken(Counted):
        def request(self, method: str, path: str, **options: Any) -> Response:
            if method == "PUT":
                engine.run([config_map("a", namespace), config_map("theirs", namespace)], place)
            return super().request(method, path, **options)

    with pytest.raises(KubeError, match="another run has changed it") as caught:
        engine.run([config_map("a", namespace), config_map("ours", namespace)], place, client=Overtaken(client))
    assert caught.value.retryable
    assert names(kubectl, namespace) == ["configmap/a", "configmap/theirs"]
    assert engine.recorded(place) == ["ConfigMap/a", "ConfigMap/theirs"]


@pytest.mark.parametrize("new", [True, False], ids=["created", "updated"])
def test_a_lost_answer_to_the_record_is_no_other_run(
    engine: Engine,
    client: Client,
    namespace: str,
    new: bool,  # noqa: FBT001 - a column
) -> None:
    place = Place(namespace, "inventory-app")
    if not new:
        engine.run([config_map("a", namespace)], place)

    class Forgetful(Counted):
        def request(self, method: str, path: str, **options: Any) -> Response:
            if place.name in str(options.get("action")) and method in {"POST", "PUT"}:
                self._inner.request(method, path, **options)
            return super().request(method, path, **options)

    engine.run([config_map("a", namespace), config_map("b", namespace)], place, client=Forgetful(client))
    assert engine.recorded(place) == ["ConfigMap/a", "ConfigMap/b"]


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"metadata": {"labels": {OWNER: None}}}, "does not have the label"),
        ({"data": {"objects": "[[1"}}, "was not written by this program"),
        ({"data": {"objects": '[["v1", "ConfigMap"]]'}}, "does not name an object"),
        ({"data": {"objects": None}}, "was not written by this program"),
        ({"data": {"version": "2"}}, "its version is '2'"),
    ],
)
def test_an_inventory_that_cannot_be_read_is_never_empty(
    engine: Engine, kubectl: Kubectl, namespace: str, patch: dict[str, Any], message: str
) -> None:
    place = Place(namespace, "inventory-app")
    engine.run([config_map("a", namespace)], place)
    kubectl("patch", "configmap", place.name, "-n", namespace, "--type=merge", "--patch", json.dumps(patch))
    with pytest.raises(KubeError, match=message):
        engine.run([config_map("b", namespace)], place)
    assert names(kubectl, namespace) == ["configmap/a"]


def test_the_namespace_of_the_inventory(engine: Engine, kubectl: Kubectl) -> None:
    space = f"inventory-space-{next(_numbers)}"
    place = Place(space, "inventory-app")
    # In check mode it may be one that an earlier task would have made.
    assert [item.action for item in engine.run([config_map("a", space)], place, check=True).outcomes] == ["created"]
    with pytest.raises(KubeError, match=f"Namespace {space} does not exist"):
        engine.run([config_map("a", space)], place)
    for check in (True, False):
        done = engine.run([config_map("a", space)], place, check=check, create_namespace=True)
        assert [(item.ref.kind, item.action) for item in done.outcomes] == [
            ("Namespace", "created"),
            ("ConfigMap", "created"),
        ]
    assert engine.recorded(place) == ["ConfigMap/a"]
    assert owner(kubectl, f"namespace/{space}", space) is None
    assert not engine.run([config_map("a", space)], place, create_namespace=True).result(with_diff=True)["changed"]


def test_the_version_of_a_kind_that_was_in_use_is_gone(
    engine: Engine, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    """An object that was recorded in a version that is not served any more is found in the one that is."""
    group = "versions.example.com"
    place = Place(namespace, "inventory-app")
    kubectl("apply", "-f", "-", stdin=json.dumps(gadget_definition(group, "v1beta1", "v1")))
    kubectl("wait", "--for=condition=Established", f"crd/gadgets.{group}")
    old = [gadget("g", group, namespace, "v1beta1"), config_map("a", namespace)]
    engine.run(old, place)
    changed = gadget_definition(group, "v1beta1", "v1")
    changed["spec"]["versions"][0]["served"] = False
    kubectl("apply", "-f", "-", stdin=json.dumps(changed))
    # One engine remembers the old list of kinds, the other has a new one.
    for number, each in enumerate((engine, Engine(engine.client, tmp_path / "new"))):
        wait_for_version_to_go(kubectl, group)
        done = each.run([config_map("a", namespace)], place)
        assert actions(done) == {"a": "unchanged", "g": "deleted"}, number
        assert not kubectl("get", "gadgets", "-n", namespace, "--ignore-not-found")
        kubectl("apply", "-f", "-", stdin=json.dumps(gadget_definition(group, "v1beta1", "v1")))
        if number == 0:
            wait_for_version_to_come(kubectl, group)
            Engine(engine.client, tmp_path / "between").run(old, place)
            kubectl("apply", "-f", "-", stdin=json.dumps(changed))


def wait_for_version_to_go(kubectl: Kubectl, group: str) -> None:
    wait_until(lambda: "v1beta1" not in versions(kubectl, group))


def wait_for_version_to_come(kubectl: Kubectl, group: str) -> None:
    wait_until(lambda: "v1beta1" in versions(kubectl, group))


def versions(kubectl: Kubectl, group: str) -> list[str]:
    listing = json.loads(kubectl("get", "--raw", "/apis"))
    return [version["version"] for item in listing["groups"] if item["name"] == group for version in item["versions"]]


def wait_until(condition: Any) -> None:
    for _ in range(600):
        if condition():
            return
        threading.Event().wait(0.2)
    pytest.fail("the state was not reached within two minutes")


def test_a_kind_that_is_gone_takes_its_objects_along(engine: Engine, kubectl: Kubectl, namespace: str) -> None:
    group = "gone.example.com"
    place = Place(namespace, "inventory-app")
    objects = [gadget_definition(group, "v1"), gadget("g", group, namespace), config_map("a", namespace)]
    engine.run(objects, place)
    kubectl("delete", "crd", f"gadgets.{group}")
    done = engine.run([config_map("a", namespace)], place, budget=Budget(0))
    assert actions(done) == {"a": "unchanged"}
    assert done.kept == ()
    assert engine.recorded(place) == ["ConfigMap/a"]


def test_a_definition_goes_after_its_resources(engine: Engine, kubectl: Kubectl, namespace: str) -> None:
    group = "order.k8s.io"  # looks like a kind of Kubernetes itself
    place = Place(namespace, "inventory-app")
    definition = gadget_definition(group, "v1")
    definition["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, a test"}
    objects = [definition, gadget("g", group, namespace), config_map("a", namespace)]
    for check in (True, False):
        done = engine.run(objects, place, check=check)
        assert set(actions(done).values()) == {"created"}
    done = engine.run([config_map("a", namespace)], place, budget=Budget(100, ()))
    assert [item.ref.kind for item in done.outcomes] == ["ConfigMap", "Gadget", "CustomResourceDefinition"]
    assert f"gadgets.{group}" not in kubectl("get", "crds")


def test_five_thousand_objects_fit(client: Client, namespace: str) -> None:
    place = Place(namespace, "inventory-app")
    refs = [ObjectRef("v1", "ConfigMap", namespace, f"a-rather-long-name-of-an-object-{i:05}") for i in range(5000)]
    write(client, Inventory(place), refs)
    assert read(client, place).refs == tuple(refs)


def test_the_option_of_the_module(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    inventory = {"name": "shop"}
    first = [config_map(name, namespace) for name in "abc"]
    for check, action in ((True, "created"), (False, "created"), (True, "unchanged"), (False, "unchanged")):
        result = k8s("k8s_apply", definition=first, namespace=namespace, inventory=inventory, check=check)
        assert [item["action"] for item in result["objects"]] == [action] * 3
        assert result["inventory"]["action"] == action
        assert result["inventory"]["name"] == "inventory-shop"
        assert result["changed"] is (action == "created")
        assert result["kept"] == []
    for check, action in ((True, "deleted"), (False, "deleted"), (True, None), (False, None)):
        result = k8s("k8s_apply", definition=first[1:], namespace=namespace, inventory=inventory, check=check)
        assert [item["action"] for item in result["objects"]] == ["unchanged"] * 2 + ([action] if action else [])
        assert result["changed"] is bool(action)
        assert bool(result["diff"]) is bool(action)
    assert names(kubectl, namespace) == ["configmap/b", "configmap/c"]
    refused = k8s("k8s_apply", definition=[], namespace=namespace, inventory=inventory, fails=True)
    assert "2 of 2 objects would go" in refused["msg"]
    assert refused["error"]["code"] == "refused_by_policy"
    k8s("k8s_apply", definition=[], namespace=namespace, inventory=inventory, prune_budget=100)
    assert names(kubectl, namespace) == []


def test_an_inventory_is_not_for_absent_sets(k8s: K8s, namespace: str) -> None:
    objects = [config_map("a", namespace)]
    for state in ("absent", "patched"):
        refused = k8s("k8s_apply", definition=objects, inventory={"name": "shop"}, state=state, fails=True)
        assert f"inventory: cannot be combined with state: {state}" in refused["msg"]
        assert "k8s_prune" in refused["error"]["hint"]


def test_an_inventory_is_not_for_parts_of_an_input(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    """What the labels leave out of the input would be taken for gone."""
    objects = [config_map(name, namespace) for name in "ab"]
    options = {"definition": objects, "inventory": {"name": "shop"}, "namespace": namespace, "prune_budget": 100}
    k8s("k8s_apply", **options)
    refused = k8s("k8s_apply", **options, label_selectors=["app=other"], fails=True)
    assert "inventory: cannot be combined with label_selectors" in refused["msg"]
    assert names(kubectl, namespace) == ["configmap/a", "configmap/b"]


def test_waiting_comes_before_pruning(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    """Nobody runs the pods of a Deployment in this cluster."""
    options = {"inventory": {"name": "shop"}, "namespace": namespace, "wait": True}
    k8s("k8s_apply", definition=[config_map(name, namespace) for name in "abc"], **options)
    objects = [config_map("a", namespace), config_map("b", namespace), deployment("d", namespace)]
    refused = k8s("k8s_apply", definition=objects, **options, wait_timeout=0.5, fails=True)
    assert "Timed out" in refused["msg"]
    assert [item["name"] for item in refused["objects"]] == ["a", "b", "d"]
    assert names(kubectl, namespace) == ["configmap/a", "configmap/b", "configmap/c", "deployment/d"]
    k8s("k8s_apply", definition=objects, inventory={"name": "shop"}, namespace=namespace)
    assert names(kubectl, namespace) == ["configmap/a", "configmap/b", "deployment/d"]


def test_check_mode_of_the_result_that_kubernetes_core_returns(k8s: K8s, namespace: str) -> None:
    """What was pruned is not among the declared objects."""
    options = {"inventory": {"name": "shop"}, "namespace": namespace}
    k8s("k8s_apply", definition=[config_map("a", namespace), config_map("b", namespace)], **options)
    for check in (True, False):
        result = k8s("k8s_apply", definition=[config_map("a", namespace)], **options, check=check)
        assert result["result"]["metadata"]["name"] == "a"
        assert result["counts"]["deleted"] == 1
