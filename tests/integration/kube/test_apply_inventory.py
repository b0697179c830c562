# SPDX-License-Identifier: GPL-3.0-or-later
"""A set with an inventory against a real API server: what goes, what stays, and what a killed run leaves."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from inventories import Counted, Engine, Killed, Objects, actions, config_map, deployment, names, owner

from miniapp_infra.kube.budget import Budget
from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.inventory import OWNER, Place
from miniapp_infra.kube.models import Action

if TYPE_CHECKING:
    from conftest import Kubectl
    from miniapp_infra.kube.client import Client, Response

pytestmark = pytest.mark.live
_numbers = itertools.count(1)


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
