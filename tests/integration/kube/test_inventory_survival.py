# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory tells the truth whatever happens to the run, to other runs and to the kinds of its objects."""

from __future__ import annotations

import itertools
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from inventories import Counted, Engine, actions, config_map, deployment, gadget, gadget_definition, names, owner

from miniapp_infra.kube.budget import Budget
from miniapp_infra.kube.errors import KubeError, SeveralError
from miniapp_infra.kube.inventory import OWNER, Inventory, Place, read, write
from miniapp_infra.kube.objects import ObjectRef

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import K8s, Kubectl
    from miniapp_infra.kube.client import Client, Response

pytestmark = pytest.mark.live
_numbers = itertools.count(1)


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
    wait_until(lambda: f"gadgets.{group}" not in kubectl("get", "crds"))


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
