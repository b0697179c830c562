# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of kubernetes.core against a real API server: what each does is looked at through kubectl."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from samples import config_map, cycle, data, managers, names, pod, warnings

from miniapp_infra.kube.tasks.kinds import GROUP_OF

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import K8s, Kubectl, RunModule

pytestmark = pytest.mark.live


@pytest.fixture
def service_account(kubectl: Kubectl, namespace: str) -> str:
    """What a Pod needs where no controller makes it."""
    if not kubectl("get", "serviceaccount/default", "-n", namespace, "--ignore-not-found"):
        kubectl("create", "serviceaccount", "default", "-n", namespace)
    return "default"


@pytest.fixture
def widgets(kubectl: Kubectl) -> str:
    """The API version of a custom kind, Widget."""
    group = "options.example.com"
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(definition))
    kubectl("wait", "--for=condition=Established", "--timeout=120s", f"crd/widgets.{group}")
    return f"{group}/v1"


# Which object


def test_an_object_by_its_name_alone(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    by_name = {"api": "v1", "kind": "ConfigMap", "name": "c", "namespace": namespace}
    _, created, _, unchanged = cycle(k8s, **by_name)
    assert created["result"]["metadata"]["name"] == unchanged["result"]["metadata"]["name"] == "c"
    assert created["method"] == "apply"
    assert names(kubectl, namespace) == ["c"]
    _, deleted, _, _ = cycle(k8s, state="absent", **by_name)
    assert (deleted["result"], deleted["method"]) == ({}, "delete")
    assert names(kubectl, namespace) == []


def test_a_definition_that_leaves_the_type_out(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    args = {"kind": "ConfigMap", "name": "c", "namespace": namespace, "resource_definition": {"data": {"a": "1"}}}
    cycle(k8s, **args)
    assert data(kubectl, namespace) == {"a": "1"}


def test_a_kind_without_its_group(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    cycle(k8s, kind="Role", name="r", namespace=namespace, definition={"rules": []})
    assert kubectl("get", "role/r", "-n", namespace, "-o", "name").startswith("role.rbac")
    found = k8s("k8s_info", kind="Role", namespace=namespace)
    assert [item["metadata"]["name"] for item in found["resources"]] == ["r"]
    assert k8s("k8s_wait", kind="Role", name="r", namespace=namespace)["ready"]


def test_kinds_and_groups_are_those_of_the_api_server(kubectl: Kubectl) -> None:
    """kubernetes.core takes a kind that exactly one group has in the version, where the core group does not have it."""

    def listed(path: str) -> set[str]:
        resources = json.loads(kubectl("get", "--raw", path))["resources"]
        return {item["kind"] for item in resources if "list" in item["verbs"] and "/" not in item["name"]}

    core = listed("/api/v1")
    groups: dict[str, set[str]] = {}
    for group in json.loads(kubectl("get", "--raw", "/apis"))["groups"]:
        is_custom = group["name"].endswith(".example.com")
        if not is_custom and any(version["version"] == "v1" for version in group["versions"]):
            for kind in listed(f"/apis/{group['name']}/v1") - core:
                groups.setdefault(kind, set()).add(group["name"])
    assert {kind: [group] for kind, group in GROUP_OF.items()} == {
        kind: sorted(found) for kind, found in groups.items()
    }


def test_names_are_drawn(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    args = {"definition": {"kind": "ConfigMap", "apiVersion": "v1"}, "namespace": namespace, "generate_name": "run-"}
    assert k8s("k8s_apply", check=True, **args)["counts"]["created"] == 1
    assert names(kubectl, namespace) == []
    drawn = [k8s("k8s_apply", **args)["result"]["metadata"]["name"] for _ in range(2)]
    assert names(kubectl, namespace) == sorted(drawn)
    assert all(name.startswith("run-") for name in drawn)


def test_label_selectors_leave_declared_objects_out(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    objects = [config_map(namespace, "a", {"tier": "web"}), config_map(namespace, "b", {"tier": "db"})]
    cycle(k8s, definition=objects, label_selectors=["tier in (web, worker)"])
    assert names(kubectl, namespace) == ["a"]
    k8s("k8s_apply", definition=objects)
    k8s("k8s_apply", definition=objects, label_selectors=["tier!=web"], state="absent")
    assert names(kubectl, namespace) == ["a"]


# Sources


def test_a_url(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    text = yaml.safe_dump(config_map(namespace, a="1")).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name of the base class
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        cycle(k8s, src=f"http://127.0.0.1:{server.server_port}/c.yaml")
    finally:
        server.shutdown()
        server.server_close()
    assert data(kubectl, namespace) == {"a": "1"}


# How objects are changed


def test_patched_merges_into_what_exists(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    k8s("k8s_apply", definition=config_map(namespace, a="1", b="1"))
    _, patched, _, _ = cycle(k8s, state="patched", definition=config_map(namespace, b="2"))
    assert (patched["method"], patched["result"]["data"]) == ("update", {"a": "1", "b": "2"})
    assert len(patched["diff"]) == 1
    k8s("k8s_apply", state="patched", definition=config_map(namespace, c="3"))
    assert data(kubectl, namespace) == {"a": "1", "b": "2", "c": "3"}
    assert managers(kubectl, namespace)["miniapp-infra"] == "Update"


def test_patched_creates_nothing(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    gadget = {"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "g", "namespace": namespace}}
    for check in (True, False):
        result = k8s("k8s_apply", state="patched", definition=[config_map(namespace, a="1"), gadget], check=check)
        assert not result["changed"]
        assert [item["result"] for item in result["result"]["results"]] == [{}, {}]
        told = "\n".join(warnings(result))
        assert f"ConfigMap: {namespace}/c does not exist, and state: patched creates nothing" in told
        assert "Gadget: " in told
    assert names(kubectl, namespace) == []


def test_patched_takes_fields_without_a_conflict_and_still_checks_them(
    k8s: K8s, kubectl: Kubectl, namespace: str
) -> None:
    theirs = yaml.safe_dump(config_map(namespace, a="1"))
    kubectl("apply", "--server-side", "--field-manager=gardener", "-f", "-", stdin=theirs)
    assert k8s("k8s_apply", state="patched", definition=config_map(namespace, a="2"))["changed"]
    assert data(kubectl, namespace) == {"a": "2"}
    for check in (True, False):
        wrong = {**config_map(namespace), "dta": {}}
        assert "dta" in k8s("k8s_apply", state="patched", definition=wrong, check=check, fails=True)["msg"]


def test_merge_types(k8s: K8s, kubectl: Kubectl, namespace: str, widgets: str, service_account: str) -> None:
    assert service_account
    widget = {"apiVersion": widgets, "kind": "Widget", "metadata": {"name": "w", "namespace": namespace}}
    k8s("k8s_apply", definition={**widget, "spec": {"a": 1}})
    patch = {**widget, "spec": {"b": 2}}
    refused = k8s("k8s_apply", state="patched", definition=patch, merge_type=["strategic-merge"], fails=True)
    assert "merge_type: [merge]" in refused["error"]["hint"]
    cycle(k8s, state="patched", definition=patch)
    assert kubectl("get", "widgets.options.example.com/w", "-n", namespace, "-o", "json")["spec"] == {"a": 1, "b": 2}
    # The two ways differ in lists: one merges containers by name, the other puts a new list in the place of the old.
    k8s("k8s_apply", definition=pod(namespace))
    other = {"name": "b", "image": "example.com/b:1"}
    change = {"containers": [{"name": "a", "image": "example.com/a:2"}]}
    k8s("k8s_apply", state="patched", definition=pod(namespace, **change), merge_type=["strategic-merge"])
    image = kubectl("get", "pod/p", "-n", namespace, "-o", "json")["spec"]["containers"][0]["image"]
    assert image == "example.com/a:2"
    replaced = k8s(
        "k8s_apply",
        state="patched",
        definition=pod(namespace, containers=[other]),
        merge_type=["merge"],
        fails=True,
    )
    assert "containers" in replaced["msg"]


def test_server_side_apply_names_the_manager(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "c", "-n", namespace, "--from-literal=a=1")
    args = {"apply": True, "definition": config_map(namespace, a="2"), "server_side_apply": {"field_manager": "them"}}
    refused = k8s("k8s_apply", **args, fails=True)
    assert ".data.a is managed by kubectl-create" in refused["msg"]
    args["server_side_apply"]["force_conflicts"] = True
    _, applied, _, _ = cycle(k8s, **args)
    assert not applied.get("warnings")
    assert managers(kubectl, namespace)["them"] == "Apply"
    assert data(kubectl, namespace) == {"a": "2"}


def test_the_hash_of_kubectl(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    dry = ("--append-hash", "--dry-run=client", "-o", "json", "-n", namespace)
    theirs = [
        kubectl("create", "configmap", "c", "--from-literal=b=2", "--from-literal=a=1", *dry),
        kubectl("create", "secret", "generic", "s", "--type=Opaque", "--from-literal=password=canary", *dry),
    ]
    ours = [{**item, "metadata": {"name": name}} for item, name in zip(theirs, ("c", "s"), strict=True)]
    args = {"definition": ours, "namespace": namespace, "append_hash": True}
    cycle(k8s, **args)
    expected = [item["metadata"]["name"] for item in theirs]
    assert names(kubectl, namespace) + names(kubectl, namespace, "secret") == expected
    cycle(k8s, state="absent", **args)
    assert names(kubectl, namespace) == names(kubectl, namespace, "secret") == []


def test_the_other_objects_are_treated_as_well(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    wrong = {**config_map(namespace, "wrong"), "dta": {}}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s", "namespace": namespace},
        "spec": {"ports": [{"port": 80}]},
    }
    objects = [wrong, service]  # the service is in a later stage
    stopped = k8s("k8s_apply", definition=objects, fails=True)
    assert names(kubectl, namespace, "service") == []
    assert stopped["counts"]["created"] == 0
    going_on = k8s("k8s_apply", definition=objects, continue_on_error=True, fails=True)
    assert names(kubectl, namespace, "service") == ["s"]
    assert "dta" in going_on["msg"]
    assert [item["name"] for item in going_on["objects"]] == ["s"]


# Deleting


def test_the_other_objects_are_deleted_as_well(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    kubectl("-n", namespace, "create", "role", "half", "--verb=get,list,delete", "--resource=configmaps")
    kubectl("-n", namespace, "create", "role", "reader", "--verb=get,list", "--resource=services")
    for role in ("half", "reader"):
        kubectl("-n", namespace, "create", "rolebinding", role, f"--role={role}", "--user=limited")
    kubectl("-n", namespace, "create", "configmap", "c")
    kubectl("-n", namespace, "create", "service", "clusterip", "s", "--tcp=80")
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": namespace}}
    args = {"definition": [config_map(namespace, "c"), service], "state": "absent", "impersonate_user": "limited"}
    stopped = k8s("k8s_apply", fails=True, **args)
    assert "services" in stopped["msg"]
    assert "c" in names(kubectl, namespace)
    going_on = k8s("k8s_apply", fails=True, continue_on_error=True, **args)
    assert "services" in going_on["msg"]
    assert "c" not in names(kubectl, namespace)
    assert names(kubectl, namespace, "service") == ["s"]


def test_everything_of_a_kind_is_deleted(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    for name in ("a", "b", "c"):
        kubectl("create", "secret", "generic", name, "-n", namespace)
    kubectl("label", "secret/a", "-n", namespace, "app=x")
    args = {"kind": "Secret", "namespace": namespace, "state": "absent"}
    cycle(k8s, label_selectors=["app=x"], **args)
    assert names(kubectl, namespace, "secret") == ["b", "c"]
    _, deleted, _, _ = cycle(k8s, delete_all=True, **args)
    assert deleted["counts"]["deleted"] == 2
    assert names(kubectl, namespace, "secret") == []


def test_everything_of_a_kind_needs_a_namespace(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "c", "-n", namespace)
    result = k8s("k8s_apply", kind="ConfigMap", delete_all=True, state="absent", fails=True)
    assert result["msg"] == "namespace: must be given to delete each ConfigMap that matches"
    assert names(kubectl, namespace) == ["c"]
    unknown = k8s("k8s_apply", kind="Gadget", delete_all=True, state="absent", namespace=namespace, fails=True)
    assert "Failed to find Gadget in v1" in unknown["msg"]


def test_preconditions_of_a_delete(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "c", "-n", namespace)
    args = {"kind": "ConfigMap", "name": "c", "namespace": namespace, "state": "absent", "retry_timeout": 1}
    for condition in ("uid", "resourceVersion"):
        wrong = {"preconditions": {condition: "77"}}
        for check in (True, False):
            refused = k8s("k8s_apply", delete_options=wrong, check=check, fails=True, **args)
            assert refused["error"]["code"] == "conflict", refused["msg"]
    assert names(kubectl, namespace) == ["c"]
    metadata = kubectl("get", "configmap/c", "-n", namespace, "-o", "json")["metadata"]
    right = {"preconditions": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}}
    cycle(k8s, delete_options=right, **args)
    several = {"definition": [config_map(namespace, "a"), config_map(namespace, "b")], "state": "absent"}
    refused = k8s("k8s_apply", **several, delete_options={"preconditions": {"uid": "77"}}, fails=True)
    assert "are about one object, and the set has 2" in refused["msg"]


def test_grace_and_propagation_of_a_delete(k8s: K8s, kubectl: Kubectl, namespace: str, service_account: str) -> None:
    """Without controllers, what the API server was told stays to be seen on the object that it marks."""
    assert service_account
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(pod(namespace, nodeName="node-1")))
    args = {"kind": "Pod", "name": "p", "namespace": namespace, "state": "absent"}
    options = {"gracePeriodSeconds": 77, "propagationPolicy": "Foreground"}
    assert k8s("k8s_apply", delete_options=options, check=True, **args)["changed"]
    assert k8s("k8s_apply", delete_options=options, **args)["changed"]
    metadata = kubectl("get", "pod/p", "-n", namespace, "-o", "json")["metadata"]
    assert metadata["deletionGracePeriodSeconds"] == 77
    assert metadata["finalizers"] == ["foregroundDeletion"]


# Results


def test_results_have_the_form_of_kubernetes_core(k8s: K8s, namespace: str) -> None:
    objects = [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}},
        config_map(namespace, a="1"),
    ]
    single = k8s("k8s_apply", definition=objects[0], namespace=namespace)["result"]
    assert single["spec"]["clusterIP"]
    assert "status" in single
    assert "managedFields" not in single["metadata"]
    several = k8s("k8s_apply", definition=objects, namespace=namespace)
    assert [item["changed"] for item in several["result"]["results"]] == [False, True]
    assert [item["result"]["kind"] for item in several["result"]["results"]] == ["Service", "ConfigMap"]
    short = k8s("k8s_apply", definition=objects, namespace=namespace, result_limit=1)["result"]["results"]
    assert short[1]["result"] == {k: v for k, v in config_map(namespace).items() if k != "data"}


def test_the_result_is_what_was_waited_for(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "c", "-n", namespace)
    timer = threading.Timer(2, lambda: kubectl("label", "configmap/c", "-n", namespace, "stage=done"))
    timer.start()
    result = k8s(
        "k8s_apply",
        definition=config_map(namespace, a="1"),
        wait=True,
        wait_for="metadata.labels.stage=done",
        wait_timeout=120,
    )
    timer.join()
    assert result["result"]["metadata"]["labels"] == {"stage": "done"}


def test_hidden_fields(k8s: K8s, namespace: str) -> None:
    obj = config_map(namespace, a="canary-value", b="2")
    obj["metadata"]["annotations"] = {"example.com/note": "canary-note", "example.com/kept": "x"}
    hidden = ["data.a", "metadata.annotations[example.com/note]"]
    applied = k8s("k8s_apply", definition=obj, hidden_fields=hidden)
    read = k8s("k8s_info", kind="ConfigMap", name="c", namespace=namespace, hidden_fields=hidden)
    waited = k8s("k8s_wait", kind="ConfigMap", name="c", namespace=namespace, hidden_fields=hidden)
    for seen in (applied["result"], read["resources"][0], waited["resources"][0]):
        assert seen["data"] == {"b": "2"}
        assert seen["metadata"]["annotations"] == {"example.com/kept": "x"}
    assert applied["changed"]
    assert "canary" not in str([applied["diff"], applied["result"]])
    assert "example.com/kept" in str(applied["diff"])


def test_secrets_are_placeholders_also_where_kubectl_repeats_them(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": namespace},
        "data": {"a": "Y2FuYXJ5LXNlY3JldA=="},
    }
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(secret))
    for result in (
        k8s("k8s_info", kind="Secret", namespace=namespace),
        k8s("k8s_apply", definition=secret),
        k8s("k8s_apply", definition=secret, state="patched"),
    ):
        assert "Y2FuYXJ5" not in str(result)


# Options without effect


def test_what_has_no_effect_is_said(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    options = {
        "apply": False,
        "persist_config": True,
        "validate": {"fail_on_error": False, "strict": False, "version": "1.30"},
        "wait_sleep": 5,
    }
    result = k8s("k8s_apply", definition=config_map(namespace, a="1"), **options)
    told = [text.partition(":")[0] for text in warnings(result)]
    assert told == [
        "apply",
        "persist_config",
        "validate.fail_on_error",
        "validate.strict",
        "validate.version",
        "wait_sleep",
    ]
    assert data(kubectl, namespace) == {"a": "1"}
    merging = k8s("k8s_apply", definition=config_map(namespace, a="1"), merge_type=["merge"])
    assert warnings(merging)[0].startswith("merge_type: has no effect")
    info = k8s("k8s_info", kind="ConfigMap", wait_sleep=1, persist_config=True)
    assert [text.partition(":")[0] for text in warnings(info)] == ["persist_config", "wait_sleep"]
    wrong = {**config_map(namespace), "dta": {}}
    refused = k8s("k8s_apply", definition=wrong, validate={"fail_on_error": False}, fails=True)
    assert "dta" in refused["msg"]


# Reading


def test_metadata_only(k8s: K8s, namespace: str, kubectl: Kubectl) -> None:
    for name in ("a", "b"):
        kubectl("create", "configmap", name, "-n", namespace, "--from-literal=x=y")
    kubectl("label", "configmap/b", "-n", namespace, "app=x")
    args = {"kind": "ConfigMap", "namespace": namespace, "metadata_only": True}
    for more, expected in (({"name": "a"}, ["a"]), ({"label_selectors": ["app=x"]}, ["b"]), ({"name": "none"}, [])):
        found = k8s("k8s_info", **args, **more)["resources"]
        assert [item["metadata"]["name"] for item in found] == expected
        for item in found:
            assert set(item) == {"apiVersion", "kind", "metadata"}
            assert (item["apiVersion"], item["kind"]) == ("v1", "ConfigMap")
            assert item["metadata"]["uid"]
            assert "managedFields" not in item["metadata"]


def test_reading_waits_until_objects_appear_and_are_ready(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    def appear() -> None:
        kubectl("create", "configmap", "late", "-n", namespace)
        kubectl("label", "configmap/late", "-n", namespace, "stage=done")

    args = {"kind": "ConfigMap", "name": "late", "namespace": namespace, "wait": True}
    assert k8s("k8s_info", **{**args, "wait_timeout": 0.5})["resources"] == []
    assert k8s("k8s_info", check=True, **args)["resources"] == []
    timer = threading.Timer(2, appear)
    timer.start()
    found = k8s("k8s_info", **args, wait_for="metadata.labels.stage=done", wait_timeout=120)["resources"]
    timer.join()
    assert found[0]["metadata"]["labels"] == {"stage": "done"}
    condition = {"type": "Ready", "status": "True"}
    refused = k8s("k8s_info", **args, wait_condition=condition, wait_timeout=0.5, fails=True)
    assert "has no condition Ready yet" in refused["msg"]
    assert refused["error"]["code"] == "timeout"


def test_a_kind_that_does_not_exist_is_said(k8s: K8s) -> None:
    result = k8s("k8s_info", kind="Gadget", api_version="example.com/v1", wait=True)
    assert (result["api_found"], result["resources"]) == (False, [])
    assert result["msg"] == "The API server does not serve Gadget in example.com/v1"


def test_environment_variables(run_module: RunModule, empty_cluster: Path) -> None:
    found = yaml.safe_load(empty_cluster.read_text())
    cluster = found["clusters"][0]["cluster"]
    variables = {
        "K8S_AUTH_HOST": cluster["server"],
        "K8S_AUTH_API_KEY": found["users"][0]["user"]["token"],
    }
    for name in ("K8S_AUTH_CA_CERT", "K8S_AUTH_SSL_CA_CERT"):
        trusted = {**variables, name: cluster["certificate-authority"]}
        assert run_module("k8s_info", {"kind": "Namespace", "name": "default"}, env=trusted)["resources"]
    for name in ("K8S_AUTH_VALIDATE_CERTS", "K8S_AUTH_VERIFY_SSL"):
        trusting = {**variables, name: "false"}
        assert run_module("k8s_info", {"kind": "Namespace", "name": "default"}, env=trusting)["resources"]
    acting = {"K8S_AUTH_KUBECONFIG": str(empty_cluster), "K8S_AUTH_IMPERSONATE_USER": "jane"}
    assert "Grant jane a rule" in run_module("k8s_info", {"kind": "Pod"}, env=acting)["error"]["hint"]
