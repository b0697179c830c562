# SPDX-License-Identifier: GPL-3.0-or-later
"""``k8s_apply`` against a real API server; what it made is looked at through kubectl."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import K8s, Kubectl

pytestmark = pytest.mark.live


def config_map(namespace: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": namespace}, "data": data}


def deployment(namespace: str) -> dict[str, Any]:
    container = {
        "name": "app",
        "image": "example.com/app:1",
        "ports": [{"containerPort": 8080}],
        "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}},
        "env": [{"name": "B", "value": "1"}, {"name": "A", "value": "2"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"app": "d"}},
            "template": {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [container]}},
        },
    }


def widget_definition(group: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    return {
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


def actions(result: dict[str, Any]) -> list[str]:
    return [item["action"] for item in result["objects"]]


def test_the_cycle(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    """Create, modify and delete, each first in check mode, then for real, then both once more without a change."""

    def stored() -> list[Any]:
        found = [kubectl("get", name, "-n", namespace, "--ignore-not-found") for name in ("configmap/c", "deploy/d")]
        if not any(found):
            return []
        config = kubectl("get", "configmap/c", "-n", namespace, "-o", "json")["data"]
        return [config, kubectl("get", "deploy/d", "-n", namespace, "-o", "json")["spec"]["replicas"]]

    first = [config_map(namespace, a="1"), deployment(namespace)]
    second = copy.deepcopy(first)
    second[0]["data"]["a"] = "2"
    second[1]["spec"]["replicas"] = 3
    for objects, state, action, before, after in (
        (first, "present", "created", [], [{"a": "1"}, 1]),
        (second, "present", "updated", [{"a": "1"}, 1], [{"a": "2"}, 3]),
        (second, "absent", "deleted", [{"a": "2"}, 3], []),
    ):
        for check, expected, then in (
            (True, action, before),
            (False, action, after),
            (True, "unchanged", after),
            (False, "unchanged", after),
        ):
            result = k8s("k8s_apply", definition=objects, state=state, check=check)
            assert actions(result) == [expected] * 2, (state, check)
            assert result["changed"] is (expected != "unchanged")
            assert len(result["diff"]) == (2 if result["changed"] else 0)
            assert result["counts"][expected] == 2
            assert stored() == then, (state, check)


def test_the_diff_of_check_mode_is_the_diff_of_the_run(k8s: K8s, namespace: str) -> None:
    k8s("k8s_apply", definition=[config_map(namespace, a="1", b="2")])
    changed = [config_map(namespace, a="9")]
    told = k8s("k8s_apply", definition=changed, check=True)["diff"]
    assert told == k8s("k8s_apply", definition=changed)["diff"]
    assert "b:" in told[0]["before"]
    assert "b:" not in told[0]["after"]
    assert "managedFields" not in str(told)


def test_fields_that_are_not_declared_any_more_are_removed(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    k8s("k8s_apply", definition=[config_map(namespace, a="1", b="2")])
    kubectl("patch", "configmap/c", "-n", namespace, "--patch", '{"data": {"theirs": "3"}}')
    result = k8s("k8s_apply", definition=[config_map(namespace, a="1")])
    assert actions(result) == ["updated"]
    assert kubectl("get", "configmap/c", "-n", namespace, "-o", "json")["data"] == {"a": "1", "theirs": "3"}


def test_drift_is_seen_and_corrected(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    k8s("k8s_apply", definition=[deployment(namespace)])
    kubectl("set", "env", "deploy/d", "-n", namespace, "A=drifted")
    refused = k8s("k8s_apply", definition=[deployment(namespace)], fails=True)
    assert '.env[name="A"].value is managed by kubectl-set' in refused["msg"]
    for check in (True, False):
        result = k8s("k8s_apply", definition=[deployment(namespace)], force_conflicts=True, check=check)
        assert actions(result) == ["updated"]
    env = kubectl("get", "deploy/d", "-n", namespace, "-o", "json")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert env == [{"name": "B", "value": "1"}, {"name": "A", "value": "2"}]
    assert not k8s("k8s_apply", definition=[deployment(namespace)])["changed"]


def test_conflicts_name_each_field_and_its_manager(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    theirs = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, namespace: {namespace}}}\ndata: {{a: x, b: z}}\n"
    kubectl("apply", "--server-side", "--field-manager=gardener", "-f", "-", stdin=theirs)
    ours = [config_map(namespace, a="1", b="2")]
    for check in (True, False):
        result = k8s("k8s_apply", definition=ours, check=check, fails=True)
        assert ".data.a is managed by gardener" in result["msg"]
        assert ".data.b is managed by gardener" in result["msg"]
        assert result["error"]["code"] == "conflict"
        assert "force_conflicts" in result["error"]["hint"]
    assert actions(k8s("k8s_apply", definition=ours, force_conflicts=True)) == ["updated"]


def test_taking_over_equal_values_is_no_change_and_makes_us_owner(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "c", "-n", namespace, "--from-literal=a=1")
    assert not k8s("k8s_apply", definition=[config_map(namespace, a="1")])["changed"]
    found = kubectl("get", "configmap/c", "-n", namespace, "-o", "json", "--show-managed-fields")
    assert "miniapp-infra" in [entry["manager"] for entry in found["metadata"]["managedFields"]]


@pytest.mark.parametrize("check", [True, False])
def test_unknown_fields_fail(k8s: K8s, namespace: str, check: bool) -> None:  # noqa: FBT001 - a column of the table
    wrong = deployment(namespace)
    wrong["spec"]["replica"] = 3
    result = k8s("k8s_apply", definition=[wrong], check=check, fails=True)
    assert ".spec.replica" in result["msg"]
    assert result["error"]["code"] == "invalid_input"


def test_a_failure_tells_what_was_done(k8s: K8s, namespace: str) -> None:
    wrong = deployment(namespace)
    wrong["spec"]["replica"] = 3
    result = k8s("k8s_apply", definition=[config_map(namespace, a="1"), wrong], fails=True)
    assert actions(result) == ["created"]


def test_check_mode_on_an_empty_environment(k8s: K8s, kubectl: Kubectl) -> None:
    group = "empty.example.com"
    new = "not-there-yet"
    custom = {
        "apiVersion": f"{group}/v1",
        "kind": "Widget",
        "metadata": {"name": "w", "namespace": new},
        "spec": {"size": 1},
    }
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": new}}
    objects = [custom, deployment(new), config_map(new, a="1"), space, widget_definition(group)]
    result = k8s("k8s_apply", definition=objects, check=True, wait=True)
    assert result["counts"]["created"] == 5
    assert len(result["diff"]) == 5
    assert new not in kubectl("get", "namespaces")
    lonely = k8s("k8s_apply", definition=[custom, config_map(new, a="1")], check=True)
    assert lonely["counts"]["created"] == 2


def test_check_mode_finds_wrong_fields_before_the_namespace_exists(k8s: K8s) -> None:
    wrong = deployment("not-there-yet")
    wrong["spec"]["replica"] = 3
    assert ".spec.replica" in k8s("k8s_apply", definition=[wrong], check=True, fails=True)["msg"]


def test_a_definition_and_its_resource_in_one_set(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    group = "set.example.com"
    custom = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}}
    objects = [custom, widget_definition(group)]
    assert actions(k8s("k8s_apply", definition=objects, namespace=namespace)) == ["created", "created"]
    assert not k8s("k8s_apply", definition=objects, namespace=namespace)["changed"]
    assert kubectl("get", f"widgets.{group}/w", "-n", namespace, "-o", "json")["spec"] == {"size": 1}
    assert actions(k8s("k8s_apply", definition=objects, namespace=namespace, state="absent")) == ["deleted", "deleted"]
    assert not k8s("k8s_apply", definition=objects, namespace=namespace, state="absent")["changed"]


def test_a_missing_namespace_is_named(k8s: K8s) -> None:
    result = k8s("k8s_apply", definition=[config_map("nowhere", a="1")], fails=True)
    assert 'namespaces "nowhere" not found' in result["msg"]
    assert "Declare Namespace nowhere" in result["error"]["hint"]


def test_an_unknown_kind_is_named(k8s: K8s) -> None:
    unknown = {"apiVersion": "example.com/v7", "kind": "Gadget", "metadata": {"name": "x"}}
    result = k8s("k8s_apply", definition=[unknown], missing_kind_timeout=0.1, fails=True)
    assert "Failed to find Gadget in example.com/v7" in result["msg"]


def test_secrets_stay_secret(k8s: K8s, namespace: str) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": namespace},
        "stringData": {"x": "canary-secret"},
    }
    created = k8s("k8s_apply", definition=[secret])
    read = k8s("k8s_info", kind="Secret", namespace=namespace)
    broken = k8s("k8s_apply", definition=[{**secret, "data": {"x": "canary-secret"}}], fails=True)
    for result in (created, read, broken):
        assert "canary" not in str(result)
        assert "Y2FuYXJ5" not in str(result)
    assert not k8s("k8s_apply", definition=[secret])["changed"]


def test_yaml_is_read_as_kubectl_reads_it(k8s: K8s, kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    group = f"{namespace}.yaml.example.com"
    definition = widget_definition(group)
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = schema
    k8s("k8s_apply", definition=[definition])
    scalars = "on yes y N off True 12:30:00 2026-01-01 = 0644 0o17 089 1e3 1E+2 .5 1. 1_000 0x1F 1.2.3 1e ~ 0.5e-3"
    file = tmp_path / "w.yaml"
    file.write_text(
        f"apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: w, namespace: {namespace}}}\n"
        f"spec: [{', '.join(scalars.split())}]\n"
    )
    theirs = kubectl("create", "-f", str(file), "--dry-run=server", "-o", "json")["spec"]
    k8s("k8s_apply", src=[str(file)])
    assert kubectl("get", f"widgets.{group}/w", "-n", namespace, "-o", "json")["spec"] == theirs


def test_files_and_kustomize(k8s: K8s, namespace: str, tmp_path: Path) -> None:
    base, overlay = tmp_path / "base", tmp_path / "overlay"
    for directory in (base, overlay):
        directory.mkdir()
    (base / "c.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: '1'}\n")
    (overlay / "kustomization.yaml").write_text("namePrefix: k-\nresources: [../base/c.yaml]\n")
    from_file = k8s("k8s_apply", src=[str(base)], namespace=namespace)
    from_overlay = k8s("k8s_apply", kustomize=str(overlay), namespace=namespace)
    assert [item["name"] for item in from_file["objects"] + from_overlay["objects"]] == ["c", "k-c"]


def test_a_chart(k8s: K8s, namespace: str, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: demo\nversion: 1.0.0\n")
    (tmp_path / "templates" / "c.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\ndata: {a: '{{ .Values.a }}'}\n"
    )
    (tmp_path / "templates" / "hook.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hook, annotations: {helm.sh/hook: pre-install}}\n"
    )
    chart = {"chart": str(tmp_path), "release_name": "r", "values": {"a": "secret"}}
    result = k8s("k8s_apply", helm_template=chart, namespace=namespace)
    assert [item["name"] for item in result["objects"]] == ["r"]
    broken = k8s("k8s_apply", helm_template={**chart, "chart": "/nowhere"}, namespace=namespace, fails=True)
    assert "Failed to render chart /nowhere" in broken["msg"]


def test_a_large_set_needs_few_requests_when_nothing_changes(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    objects = []
    for number in range(40):
        obj = config_map(namespace, a="1")
        obj["metadata"]["name"] = f"c{number}"
        objects.append(obj)
    k8s("k8s_apply", definition=objects)

    def requests() -> int:
        lines = kubectl("get", "--raw", "/metrics").splitlines()
        return sum(
            int(float(line.rpartition(" ")[2]))
            for line in lines
            if line.startswith("apiserver_request_total{") and 'resource="configmaps"' in line and "WATCH" not in line
        )

    before = requests()
    assert not k8s("k8s_apply", definition=objects)["changed"]
    assert requests() - before <= 3
