# SPDX-License-Identifier: GPL-3.0-or-later
"""``k8s_prune`` against a real API server: by inventory and by label."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import K8s, Kubectl

pytestmark = pytest.mark.live
SHOP = {"name": "shop"}
TWO_KINDS = [{"kind": "ConfigMap"}, {"api_version": "v1", "kind": "Secret"}]


def config_map(name: str, namespace: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "data": {"a": "1"},
    }


def secret(name: str, namespace: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "stringData": {"password": "canary-prune"},
    }


def labelled(build: Any, name: str, namespace: str, **metadata: Any) -> dict[str, Any]:
    found: dict[str, Any] = build(name, namespace, labels={"app": "shop"}, **metadata)
    return found


def stored(kubectl: Kubectl, namespace: str) -> list[str]:
    found = kubectl("get", "configmaps,secrets", "-n", namespace, "-o", "name").split()
    return sorted(name.partition("/")[2] for name in found if not name.endswith("kube-root-ca.crt"))


def names(result: dict[str, Any], action: str = "deleted") -> list[str]:
    return sorted(item["name"] for item in result["objects"] if item["action"] == action)


@pytest.fixture
def shop(k8s: K8s, namespace: str) -> str:
    """A namespace in which the inventory ``shop`` records three objects."""
    objects = [config_map("a", namespace), config_map("b", namespace), secret("s", namespace)]
    k8s("k8s_apply", definition=objects, inventory=SHOP, namespace=namespace)
    return namespace


def test_the_cycle(k8s: K8s, kubectl: Kubectl, shop: str) -> None:
    keep = [{"kind": "ConfigMap", "name": "a"}, {"kind": "Secret", "name": "s"}]
    all_of_it = ["a", "b", "inventory-shop", "s"]
    results = []
    for check, gone, after in (
        (True, ["b"], all_of_it),
        (False, ["b"], ["a", "inventory-shop", "s"]),
        (True, [], ["a", "inventory-shop", "s"]),
        (False, [], ["a", "inventory-shop", "s"]),
    ):
        result = k8s("k8s_prune", inventory=SHOP, namespace=shop, keep=keep, check=check)
        assert names(result) == gone
        assert result["counts"]["deleted"] == len(gone)
        assert result["changed"] is bool(gone) is bool(result["diff"])
        assert result["inventory"]["action"] == ("updated" if gone else "unchanged")
        assert result["inventory"]["objects"] == 2
        assert stored(kubectl, shop) == after
        results.append({key: value for key, value in result.items() if key not in {"duration", "invocation"}})
    assert results[0] == results[1]
    assert results[2] == results[3]


def test_all_of_it(k8s: K8s, kubectl: Kubectl, shop: str) -> None:
    for check, gone, after in (
        (True, ["a", "b", "s"], ["a", "b", "inventory-shop", "s"]),
        (False, ["a", "b", "s"], []),
        (True, [], []),
        (False, [], []),
    ):
        result = k8s("k8s_prune", inventory={**SHOP, "namespace": shop}, all=True, wait=True, check=check)
        assert names(result) == gone
        assert result["changed"] is bool(gone) is bool(result["diff"])
        assert result["inventory"]["action"] == ("deleted" if gone else "unchanged")
        assert "canary" not in str(result)
        assert "Y2FuYXJ5" not in str(result)
        assert stored(kubectl, shop) == after


def test_the_budget(k8s: K8s, kubectl: Kubectl, shop: str) -> None:
    keep = [{"kind": "ConfigMap", "name": "a"}]
    for options in (
        {"keep": keep},
        {"keep": []},
        {"definition": [], "prune_budget": 99},
        {"keep": keep, "prune_budget": 66},
    ):
        for check in (True, False):
            result = k8s("k8s_prune", inventory=SHOP, namespace=shop, check=check, fails=True, **options)
            assert " of 3 objects would go" in result["msg"]
            assert result["error"]["code"] == "refused_by_policy"
            assert "prune_budget" in result["error"]["hint"]
    assert stored(kubectl, shop) == ["a", "b", "inventory-shop", "s"]
    assert names(k8s("k8s_prune", inventory=SHOP, namespace=shop, keep=keep, prune_budget=67)) == ["b", "s"]
    wrong = k8s("k8s_prune", inventory=SHOP, namespace=shop, keep=keep, prune_budget=101, fails=True)
    assert "must be between 0 and 100" in wrong["msg"]


@pytest.mark.parametrize("kind", ["Secret", "Secret."])
def test_protected_kinds(k8s: K8s, kubectl: Kubectl, shop: str, kind: str) -> None:
    for options in ({"all": True}, {"keep": [{"kind": "ConfigMap", "name": "a"}], "prune_budget": 100}):
        result = k8s("k8s_prune", inventory=SHOP, namespace=shop, protected_kinds=[kind], fails=True, **options)
        assert f"Secret {shop}/s would go" in result["msg"]
    assert stored(kubectl, shop) == ["a", "b", "inventory-shop", "s"]


def test_the_set_from_a_file(k8s: K8s, kubectl: Kubectl, shop: str, tmp_path: Path) -> None:
    manifest = tmp_path / "a.json"
    manifest.write_text(json.dumps([config_map("a", shop), secret("s", shop)]))
    manifest.write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": json.loads(manifest.read_text())}))
    result = k8s("k8s_prune", inventory=SHOP, namespace=shop, src=[str(manifest)])
    assert names(result) == ["b"]
    assert stored(kubectl, shop) == ["a", "inventory-shop", "s"]


def test_what_stays_nevertheless(k8s: K8s, kubectl: Kubectl, shop: str) -> None:
    kubectl("annotate", "configmap/a", "-n", shop, "miniapp.fuze/keep=true")
    for check in (True, False):
        result = k8s("k8s_prune", inventory=SHOP, namespace=shop, all=True, check=check)
        assert names(result) == ["b", "s"]
        assert [(item["name"], item["reason"]) for item in result["kept"]] == [
            ("a", "it has the annotation miniapp.fuze/keep")
        ]
    assert stored(kubectl, shop) == ["a"]


def test_each_stage_is_gone_before_the_next_goes(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    """A finalizer that nobody removes holds the webhook configuration, so its server must still be there."""
    webhooks = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": namespace, "finalizers": ["example.com/held"]},
        "webhooks": [],
    }
    k8s("k8s_apply", definition=[webhooks, config_map("server", namespace)], inventory=SHOP, namespace=namespace)
    options = {"inventory": SHOP, "namespace": namespace, "all": True, "wait": True}
    refused = k8s("k8s_prune", **options, wait_timeout=0.5, fails=True)
    assert "still has finalizers" in refused["msg"]
    assert names(refused) == [namespace]
    assert stored(kubectl, namespace) == ["inventory-shop", "server"]
    patch = '{"metadata": {"finalizers": null}}'
    kubectl("patch", "validatingwebhookconfiguration", namespace, "--type=merge", "--patch", patch)
    assert names(k8s("k8s_prune", **options)) == ["server"]
    assert stored(kubectl, namespace) == []


def test_by_label(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    objects = [labelled(config_map, name, namespace) for name in "abc"] + [labelled(secret, "s", namespace)]
    objects += [config_map("unlabelled", namespace)]
    k8s("k8s_apply", definition=objects)
    keep = [{"kind": "ConfigMap", "name": "a"}, {"kind": "Secret", "name": "s"}]
    for check, gone in ((True, ["b", "c"]), (False, ["b", "c"]), (True, []), (False, [])):
        result = k8s(
            "k8s_prune", label_selectors=["app=shop"], kinds=TWO_KINDS, namespace=namespace, keep=keep, check=check
        )
        assert names(result) == gone
        assert result["changed"] is bool(gone)
        assert "inventory" not in result
    assert stored(kubectl, namespace) == ["a", "s", "unlabelled"]
    options = {"label_selectors": ["app=shop"], "kinds": TWO_KINDS, "namespace": namespace}
    refused = k8s("k8s_prune", **options, keep=[], fails=True)
    assert "2 of 2 objects would go" in refused["msg"]
    assert "app=shop" in refused["msg"]
    assert names(k8s("k8s_prune", **options, all=True, wait=True)) == ["a", "s"]


def test_labels_select_in_the_namespace_only(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    other = f"{namespace}-other"
    kubectl("create", "namespace", other)
    tag = {"label_selectors": [f"scope={namespace}"], "kinds": [{"kind": "ConfigMap"}]}
    objects = [config_map("a", space, labels={"scope": namespace}) for space in (namespace, other)]
    k8s("k8s_apply", definition=objects)
    k8s("k8s_prune", **tag, namespace=namespace, all=True)
    assert (stored(kubectl, namespace), stored(kubectl, other)) == ([], ["a"])
    k8s("k8s_prune", **tag, all=True)
    assert stored(kubectl, other) == []


def test_labels_leave_what_belongs_to_others(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    k8s("k8s_apply", definition=[labelled(config_map, "recorded", namespace)], inventory=SHOP, namespace=namespace)
    k8s("k8s_apply", definition=[labelled(config_map, "kept", namespace, annotations={"miniapp.fuze/keep": "true"})])
    k8s("k8s_apply", definition=[labelled(config_map, "free", namespace)])
    owner = kubectl("get", "configmap/kept", "-n", namespace, "-o", "json")["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "kept", "uid": owner["uid"], "controller": True}
    k8s("k8s_apply", definition=[labelled(config_map, "controlled", namespace, ownerReferences=[reference])])
    options = {"label_selectors": ["app=shop"], "kinds": [{"kind": "ConfigMap"}], "namespace": namespace}
    result = k8s("k8s_prune", **options, all=True)
    assert names(result) == ["free"]
    assert {item["name"]: item["reason"] for item in result["kept"]} == {
        "kept": "it has the annotation miniapp.fuze/keep",
        "recorded": f"it belongs to {namespace}/inventory-shop",
    }
    assert stored(kubectl, namespace) == ["controlled", "inventory-shop", "kept", "recorded"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inventory": SHOP}, "definition, src, keep"),
        ({"inventory": SHOP, "label_selectors": ["a=b"], "all": True}, "mutually exclusive"),
        ({"all": True}, "one of the following is required"),
        ({"label_selectors": ["a=b"], "all": True}, "kinds"),
        ({"inventory": SHOP, "all": True, "keep": []}, "all: cannot be combined with keep"),
        ({"label_selectors": ["a=b"], "all": True, "kinds": [{"kind": "Gizmo"}]}, "does not serve this kind"),
        ({"inventory": {"name": ""}, "all": True}, "inventory: name: must not be empty"),
    ],
)
def test_unclear_options_are_refused(k8s: K8s, options: dict[str, Any], message: str) -> None:
    assert message in k8s("k8s_prune", **options, fails=True)["msg"]
