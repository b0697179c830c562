# SPDX-License-Identifier: GPL-3.0-or-later
"""``k8s_wait`` and ``k8s_info`` against a real API server, and what happens to those without rights."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import K8s, Kubectl, RunModule

pytestmark = pytest.mark.live

JOB = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "example.com/a:1"}]}}}


def job(namespace: str) -> dict[str, Any]:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": namespace}, "spec": JOB}


def finish(kubectl: Kubectl, namespace: str, kind: str, reason: str) -> None:
    """Write the status that the Job controller, which this API server does not have, would write."""
    kinds = [kind] if kind == "SuccessCriteriaMet" else ["FailureTarget", kind]
    if kind == "SuccessCriteriaMet":
        kinds.append("Complete")
    now = "2026-01-01T00:00:00Z"
    times = f'"startTime": "{now}"' + (f', "completionTime": "{now}"' if kind == "SuccessCriteriaMet" else "")
    conditions = ",".join(f'{{"type": "{item}", "status": "True", "reason": "{reason}"}}' for item in kinds)
    patch = f'{{"status": {{{times}, "conditions": [{conditions}]}}}}'
    kubectl("patch", "job/j", "-n", namespace, "--subresource=status", "--type=merge", "--patch", patch)


def later(seconds: float, action: Any) -> threading.Timer:
    timer = threading.Timer(seconds, action)
    timer.start()
    return timer


def test_success_is_seen_at_once(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    k8s("k8s_apply", definition=[job(namespace)])
    timer = later(2, lambda: finish(kubectl, namespace, "SuccessCriteriaMet", "Done"))
    result = k8s("k8s_wait", api_version="batch/v1", kind="Job", name="j", namespace=namespace, wait_timeout=60)
    timer.join()
    assert result["ready"]
    assert result["resources"][0]["metadata"]["name"] == "j"
    assert not result["changed"]
    assert result["duration"] < 20


def test_a_failure_ends_the_wait_with_its_reason(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    k8s("k8s_apply", definition=[job(namespace)])
    timer = later(1, lambda: finish(kubectl, namespace, "Failed", "BackoffLimitExceeded"))
    started = time.monotonic()
    result = k8s(
        "k8s_wait", api_version="batch/v1", kind="Job", name="j", namespace=namespace, wait_timeout=60, fails=True
    )
    timer.join()
    assert time.monotonic() - started < 30
    assert f"Failed to wait for Job {namespace}/j: it cannot become ready: BackoffLimitExceeded" in result["msg"]


def test_the_time_limit_tells_what_is_missing(k8s: K8s, namespace: str) -> None:
    result = k8s("k8s_apply", definition=[job(namespace)], wait=True, wait_timeout=1.5, fails=True)
    assert "Timed out after 1.5 s" in result["msg"]
    assert f"Job {namespace}/j 0 pods are active" in result["msg"]
    assert result["error"]["code"] == "timeout"
    assert result["counts"]["created"] == 1


def test_objects_that_do_not_exist_yet_are_waited_for(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    timer = later(2, lambda: kubectl("create", "configmap", "late", "-n", namespace))
    result = k8s("k8s_wait", kind="ConfigMap", name="late", namespace=namespace, wait_timeout=60)
    timer.join()
    assert result["ready"]
    missing = k8s("k8s_wait", kind="ConfigMap", name="never", namespace=namespace, wait_timeout=0.5, fails=True)
    assert f"does not exist: ConfigMap {namespace}/never" in missing["msg"]


def test_a_value_and_several_questions(k8s: K8s, namespace: str) -> None:
    objects = [{"kind": "Namespace", "name": namespace}, {"kind": "Namespace", "name": "default"}]
    result = k8s("k8s_wait", objects=objects, wait_for="status.phase=Active")
    assert [item["metadata"]["name"] for item in result["resources"]] == ["default", namespace]


def test_the_cycle_of_modules_that_read(k8s: K8s, namespace: str) -> None:
    """In check mode and for real, twice: always the same, and never a change."""
    question = {"kind": "Namespace", "name": namespace}
    for module, key in (("k8s_info", "resources"), ("k8s_wait", "ready")):
        done = [k8s(module, check=check, **question) for check in (True, False, False, True)]
        assert not any(result["changed"] for result in done)
        assert done[0][key]
        assert all(result[key] == done[0][key] for result in done)


def test_many_questions_need_few_requests(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    names = [f"c{number:02}" for number in range(30)]
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}} for name in names
    ]
    k8s("k8s_apply", definition=objects)
    questions = [{"kind": "ConfigMap", "name": name, "namespace": namespace} for name in names]

    def requests() -> int:
        lines = kubectl("get", "--raw", "/metrics").splitlines()
        return sum(
            int(float(line.rpartition(" ")[2]))
            for line in lines
            if line.startswith("apiserver_request_total{") and 'resource="configmaps"' in line and "WATCH" not in line
        )

    before = requests()
    result = k8s("k8s_wait", objects=questions)
    assert requests() - before <= 3  # one list, and what the API server asks itself
    assert [item["metadata"]["name"] for item in result["resources"]] == names
    told = k8s("k8s_wait", objects=[*questions, {"kind": "ConfigMap", "name": "d", "namespace": namespace}], check=True)
    assert not told["ready"]


def test_absence(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "c", "-n", namespace)
    timer = later(2, lambda: kubectl("delete", "configmap/c", "-n", namespace))
    assert k8s("k8s_wait", kind="ConfigMap", name="c", namespace=namespace, state="absent", wait_timeout=60)["ready"]
    timer.join()


def test_check_mode_tells_how_it_is(k8s: K8s, namespace: str) -> None:
    assert k8s("k8s_wait", kind="Namespace", name=namespace, check=True)["ready"]
    assert not k8s("k8s_wait", kind="Gadget", api_version="example.com/v1", name="x", check=True)["ready"]


def test_info(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    for name in ("a", "b"):
        kubectl("create", "configmap", name, "-n", namespace)
    kubectl("label", "configmap/a", "-n", namespace, "app=x")

    def names(**args: Any) -> list[str]:
        found = k8s("k8s_info", kind="ConfigMap", namespace=namespace, **args)
        assert not found["changed"]
        return [
            item["metadata"]["name"] for item in found["resources"] if item["metadata"]["name"] != "kube-root-ca.crt"
        ]

    assert names() == ["a", "b"]
    assert names(name="b") == ["b"]
    assert names(name="nothing") == []
    assert names(label_selectors=["app=x"]) == ["a"]
    assert names(field_selectors=["metadata.name=b"]) == ["b"]
    unknown = k8s("k8s_info", kind="Gadget", api_version="example.com/v1")
    assert (unknown["api_found"], unknown["resources"]) == (False, [])


def test_a_missing_right_is_named_as_a_rule(k8s: K8s, namespace: str) -> None:
    result = k8s("k8s_info", kind="Pod", namespace=namespace, impersonate_user="jane", fails=True)
    assert result["error"]["code"] == "forbidden"
    assert result["error"]["hint"] == "Grant jane a rule with apiGroups: [''], resources: ['pods'], verbs: ['list']."


def test_an_untrusted_certificate_is_named(run_module: RunModule, empty_cluster: Path) -> None:
    server = next(part for part in empty_cluster.read_text().split('"') if part.startswith("https://"))
    result = run_module("k8s_info", {"kind": "Pod", "host": server, "api_key": "wrong"})
    assert result["failed"]
    assert f"TLS with {server}" in result["msg"]
    assert "ca_cert" in result["error"]["hint"]
    wrong = run_module("k8s_info", {"kind": "Pod", "host": server, "api_key": "wrong", "validate_certs": False})
    assert "The credentials were not accepted" in wrong["error"]["hint"]


def test_a_deployment_that_rolls_out(run_module: RunModule, kubeconfig: Path) -> None:
    """With the controllers of the live environment: a Deployment without replicas needs no image and no policy."""
    container = {"name": "a", "image": "example.com/a:1"}
    obj = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "kube-engine-test", "namespace": "default"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "kube-engine-test"}},
            "template": {"metadata": {"labels": {"app": "kube-engine-test"}}, "spec": {"containers": [container]}},
        },
    }
    common = {"kubeconfig": str(kubeconfig), "definition": [obj], "wait": True, "wait_timeout": 60}
    try:
        created = run_module("k8s_apply", common)
        assert not created.get("failed"), created["msg"]
        assert created["counts"]["created"] == 1
        assert not run_module("k8s_apply", common)["changed"]
    finally:
        deleted = run_module("k8s_apply", {**common, "state": "absent"})
    assert deleted["counts"]["deleted"] == 1
