# SPDX-License-Identifier: GPL-3.0-or-later
"""``helm_release`` against a real API server, with a chart of its own, and helm itself as the other door."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.kube.client import Client, Response
from miniapp_infra.kube.discovery import Discovery
from miniapp_infra.kube.tasks import helm_release as task

if TYPE_CHECKING:
    from conftest import K8s, Kubectl

pytestmark = pytest.mark.live
HELM = str(Path(__file__).parents[3] / ".local" / "bin" / "helm")
CANARY = "canary-value-of-a-chart"

FILES = {
    "Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.0.0\n",
    "values.yaml": "replicas: 1\nextra: true\ncolour: blue\ngroup: none.example.com\n",
    "templates/config.yaml": """apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-config
data:
  colour: {{ .Values.colour }}
  kubernetes: {{ .Capabilities.KubeVersion.Version }}
  gateway: {{ .Capabilities.APIVersions.Has (printf "%s/v1" .Values.group) | quote }}
""",
    "templates/extra.yaml": """{{- if .Values.extra }}
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-extra}
{{- end }}
""",
    "templates/secret.yaml": """apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-secret}
data: {password: {{ .Values.password | default "none" | b64enc | quote }}}
""",
    "templates/deployment.yaml": """apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}, labels: {app: demo}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: demo}}
  template:
    metadata: {labels: {app: demo}}
    spec: {containers: [{name: demo, image: example.com/demo:1}]}
""",
    "templates/hooks.yaml": """apiVersion: batch/v1
kind: Job
metadata:
  generateName: {{ .Release.Name }}-migrate-
  annotations: {helm.sh/hook: "pre-install, pre-upgrade"}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: m, image: example.com/m:1}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: {{ .Release.Name }}-test, annotations: {helm.sh/hook: test}}
spec: {containers: [{name: t, image: example.com/t:1}]}
---
# A comment about helm.sh/hook does not make a hook.
apiVersion: v1
kind: ServiceAccount
metadata: {name: {{ .Release.Name }}}
""",
}


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    directory = tmp_path / "demo"
    for name, text in FILES.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return directory


def with_definition(chart: Path, group: str) -> None:
    """Add a definition to the chart, in the directory that Helm has for them, and a resource of its kind."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gizmos.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Gizmo", "plural": "gizmos", "singular": "gizmo"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    (chart / "crds").mkdir()
    (chart / "crds" / "gizmo.yaml").write_text(json.dumps(definition))
    (chart / "templates" / "gizmo.yaml").write_text(
        f"apiVersion: {group}/v1\nkind: Gizmo\nmetadata: {{name: g}}\nspec: {{a: 1}}\n"
    )


def stored(kubectl: Kubectl, namespace: str) -> list[str]:
    found = kubectl("get", "configmaps,secrets,deployments,serviceaccounts,pods,jobs", "-n", namespace, "-o", "name")
    left_out = ("configmap/kube-root-ca.crt", "serviceaccount/default")
    return sorted(name for name in found.split() if name not in left_out)


def actions(result: dict[str, Any]) -> dict[str, str]:
    return {f"{item['kind']}/{item['name']}": item["action"] for item in result["objects"]}


def comparable(result: dict[str, Any]) -> Any:
    """Leave out what differs from process to process: the time, and the stand-ins of secret values."""
    kept = {key: value for key, value in result.items() if key not in {"duration", "invocation"}}
    return json.loads(re.sub(r"\(redacted [0-9a-f]{8}\)", "(redacted)", json.dumps(kept)))


def helm(empty_cluster: Path, *args: str) -> str:
    done = subprocess.run(
        [HELM, "--kubeconfig", str(empty_cluster), *args], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


EVERYTHING = [
    "configmap/release-r",
    "configmap/r-config",
    "configmap/r-extra",
    "deployment.apps/r",
    "secret/r-secret",
    "serviceaccount/r",
]
OBJECTS = {"ConfigMap/r-config", "ConfigMap/r-extra", "Deployment/r", "Secret/r-secret", "ServiceAccount/r"}


def test_the_cycle(k8s: K8s, kubectl: Kubectl, namespace: str, chart: Path) -> None:
    """Install, upgrade and remove, each in check mode, for real, and both once more without a change."""
    options = {"name": "r", "namespace": namespace, "chart_ref": str(chart), "helm_path": HELM}
    changed = {"replicas": 3, "extra": False}
    after_upgrade = sorted(name for name in EVERYTHING if name != "configmap/r-extra")
    install = dict.fromkeys(OBJECTS, "created")
    upgrade = {**dict.fromkeys(OBJECTS, "unchanged"), "Deployment/r": "updated", "ConfigMap/r-extra": "deleted"}
    remove = {name: "deleted" for name in OBJECTS if name != "ConfigMap/r-extra"}
    before: list[str] = []
    for more, expected, after in (
        ({}, install, sorted(EVERYTHING)),
        ({"values": changed}, upgrade, after_upgrade),
        ({"state": "absent"}, remove, []),
    ):
        results = []
        for check, again in ((True, False), (False, False), (True, True), (False, True)):
            result = k8s("helm_release", **options, **more, check=check)
            found = {name: action for name, action in actions(result).items() if action != "unchanged"}
            assert found == ({} if again else {key: value for key, value in expected.items() if value != "unchanged"})
            assert result["changed"] is (not again) is bool(result["diff"])
            assert stored(kubectl, namespace) == (before if check and not again else after)
            results.append(comparable(result))
        assert results[0] == results[1]
        assert results[2] == results[3]
        before = after


@pytest.mark.parametrize("by", ["ours", "others"])
def test_what_the_chart_is_told(k8s: K8s, kubectl: Kubectl, namespace: str, chart: Path, by: str) -> None:
    """A definition that somebody else has just made counts at once, although the kinds are remembered for minutes."""
    group = f"{namespace}.example.com"
    options = {"name": "r", "namespace": namespace, "chart_ref": str(chart), "helm_path": HELM}
    options["values"] = {"group": group}

    def data() -> dict[str, str]:
        k8s("helm_release", **options)
        found: dict[str, str] = kubectl("get", "configmap/r-config", "-n", namespace, "-o", "json")["data"]
        return found

    version = json.loads(kubectl("get", "--raw", "/version"))["gitVersion"]
    assert data() == {"colour": "blue", "kubernetes": version, "gateway": "false"}
    other = chart.parent / "gateway"
    (other / "templates").mkdir(parents=True)
    (other / "Chart.yaml").write_text("apiVersion: v2\nname: gateway\nversion: 1.0.0\n")
    with_definition(other, group)
    if by == "ours":
        k8s("helm_release", name="gateway", namespace=namespace, chart_ref=str(other), helm_path=HELM)
    else:
        kubectl("create", "-f", str(other / "crds" / "gizmo.yaml"))
        kubectl("wait", "--for=condition=Established", f"crd/gizmos.{group}", "--timeout=120s")
    wait_until_served(kubectl, group)
    assert data()["gateway"] == "true"
    kubectl("delete", "crd", f"gizmos.{group}")


def wait_until_served(kubectl: Kubectl, group: str) -> None:
    for _ in range(600):
        if group in kubectl("get", "--raw", "/apis"):
            return
        time.sleep(0.2)
    pytest.fail(f"{group} was not served within two minutes")


def test_hooks_are_named_and_not_run(k8s: K8s, kubectl: Kubectl, namespace: str, chart: Path) -> None:
    options = {"name": "r", "namespace": namespace, "chart_ref": str(chart), "helm_path": HELM}
    result = k8s("helm_release", **options)
    assert result["hooks_skipped"] == ["Job r-migrate- (pre-install, pre-upgrade)"]
    assert "Job r-migrate-" in str(result["warnings"])
    assert "job" not in " ".join(stored(kubectl, namespace))
    quiet = k8s("helm_release", **options, disable_hook=True)
    assert quiet["hooks_skipped"] == result["hooks_skipped"]
    assert "warnings" not in quiet


def test_labels_of_helm_are_not_forged(k8s: K8s, kubectl: Kubectl, namespace: str, chart: Path) -> None:
    k8s("helm_release", name="r", namespace=namespace, chart_ref=str(chart), helm_path=HELM)
    metadata = kubectl("get", "configmap/r-config", "-n", namespace, "-o", "json")["metadata"]
    assert "labels" not in metadata
    assert metadata["annotations"] == {"miniapp.fuze/inventory": f"{namespace}/release-r"}


def test_the_namespace_is_made_and_stays(k8s: K8s, kubectl: Kubectl, namespace: str, chart: Path) -> None:
    new = f"{namespace}-new"
    options = {"name": "r", "namespace": new, "chart_ref": str(chart), "helm_path": HELM}
    # In check mode it may be one that an earlier task would have made.
    assert set(actions(k8s("helm_release", **options, check=True)).values()) == {"created"}
    refused = k8s("helm_release", **options, fails=True)
    assert f"Namespace {new} does not exist" in refused["msg"]
    for check, changed in ((True, True), (False, True), (True, False), (False, False)):
        result = k8s("helm_release", **options, create_namespace=True, check=check)
        assert result["changed"] is changed
        assert (actions(result).get(f"Namespace/{new}") == "created") is changed
    k8s("helm_release", **options, create_namespace=True, state="absent")
    assert stored(kubectl, new) == []
    assert kubectl("get", f"namespace/{new}", "-o", "json")["status"]["phase"] == "Active"


def test_definitions(k8s: K8s, kubectl: Kubectl, namespace: str, chart: Path) -> None:
    group = f"{namespace}.example.com"
    with_definition(chart, group)
    options = {"name": "r", "namespace": namespace, "chart_ref": str(chart), "helm_path": HELM}
    assert k8s("helm_release", **options)["counts"]["created"] == 7
    assert not k8s("helm_release", **options)["changed"]
    for more in ({"state": "absent"}, {"skip_crds": True}):
        for check in (True, False):
            refused = k8s("helm_release", **options, **more, check=check, fails=True)
            assert f"CustomResourceDefinition gizmos.{group} would go" in refused["msg"]
            assert refused["error"]["code"] == "refused_by_policy"
    assert len(stored(kubectl, namespace)) == len(EVERYTHING)
    result = k8s("helm_release", **options, state="absent", protected_kinds=["Namespace"], wait=True)
    kinds = [item["kind"] for item in result["objects"]]
    assert (kinds[0], kinds[-1]) == ("Gizmo", "CustomResourceDefinition")
    assert stored(kubectl, namespace) == []


def test_a_release_of_helm_is_refused_and_can_be_adopted(
    k8s: K8s, kubectl: Kubectl, namespace: str, chart: Path, empty_cluster: Path
) -> None:
    helm(empty_cluster, "install", "r", str(chart), "-n", namespace, "--no-hooks")
    options = {"name": "r", "namespace": namespace, "chart_ref": str(chart), "helm_path": HELM}
    for check in (True, False):
        refused = k8s("helm_release", **options, check=check, fails=True)
        assert f"Secret {namespace}/sh.helm.release.v1.r.v1" in refused["msg"]
        assert refused["error"]["code"] == "conflict"
        assert "adopt" in refused["error"]["hint"]
    # Another name does not make the objects of the release free.
    (chart / "templates" / "extra.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: r-extra}\ndata: {a: '2'}\n"
    )
    refused = k8s("helm_release", **{**options, "name": "s"}, fails=True)
    assert f"ConfigMap {namespace}/r-extra belongs to Helm release {namespace}/r" in refused["msg"]
    adopted = k8s("helm_release", **options, adopt=True, force_conflicts=True)
    assert "sh.helm.release.v1.r.v1" in str(adopted["warnings"])
    assert not k8s("helm_release", **options)["changed"]
    k8s("helm_release", **options, state="absent")
    assert [name for name in stored(kubectl, namespace) if "sh.helm" not in name] == []


def test_a_release_that_helm_has_uninstalled_is_free(
    k8s: K8s, namespace: str, chart: Path, empty_cluster: Path
) -> None:
    helm(empty_cluster, "install", "r", str(chart), "-n", namespace, "--no-hooks")
    helm(empty_cluster, "uninstall", "r", "-n", namespace, "--keep-history", "--no-hooks")
    k8s("helm_release", name="r", namespace=namespace, chart_ref=str(chart), helm_path=HELM)


def test_another_release_is_refused(k8s: K8s, kubectl: Kubectl, namespace: str, chart: Path) -> None:
    fixed = chart / "templates" / "config.yaml"
    fixed.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\n")
    options = {"namespace": namespace, "chart_ref": str(chart), "helm_path": HELM}
    k8s("helm_release", name="r", **options)
    refused = k8s("helm_release", name="s", **options, fails=True)
    assert f"ConfigMap {namespace}/shared belongs to {namespace}/release-r" in refused["msg"]
    assert f"inventory {namespace}/release-s" in refused["msg"]
    assert not [name for name in stored(kubectl, namespace) if "/s" in name and "shared" not in name]


def test_values(k8s: K8s, kubectl: Kubectl, namespace: str, chart: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("colour: red\nreplicas: 7\n")
    second.write_text("colour: green\n")
    files = [str(first), str(second)]
    options = {"name": "r", "namespace": namespace, "chart_ref": str(chart), "helm_path": HELM, "values_files": files}
    k8s("helm_release", **options, values={"extra": False})
    assert kubectl("get", "configmap/r-config", "-n", namespace, "-o", "json")["data"]["colour"] == "green"
    assert kubectl("get", "deploy/r", "-n", namespace, "-o", "json")["spec"]["replicas"] == 7
    k8s("helm_release", **options, values={"colour": "black"}, prune_budget=100)
    assert kubectl("get", "configmap/r-config", "-n", namespace, "-o", "json")["data"]["colour"] == "black"


def test_secret_values_stay_secret(k8s: K8s, namespace: str, chart: Path, tmp_path: Path) -> None:
    """A wrapper around helm records its command line and what the file system holds when it starts."""
    log = tmp_path / "log"
    wrapper = tmp_path / "helm"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {log}\ntr "\\0" " " < /proc/self/environ >> {log}\nexec {HELM} "$@"\n')
    wrapper.chmod(0o755)
    options = {"name": "r", "namespace": namespace, "chart_ref": str(chart), "helm_path": str(wrapper)}
    results = [k8s("helm_release", **options, values={"password": CANARY})]
    results.append(k8s("helm_release", **options, values={"password": f"{CANARY}-2"}))
    schema = {"properties": {"password": {"type": "string", "pattern": "^[0-9]+$"}}}
    (chart / "values.schema.json").write_text(json.dumps(schema))
    results.append(k8s("helm_release", **options, values={"password": CANARY}, fails=True))
    assert "password" in results[-1]["msg"]
    assert "canary" not in json.dumps(results)
    assert "Y2FuYXJ5" not in json.dumps(results)
    assert "template r" in log.read_text()
    assert "canary" not in log.read_text()
    assert k8s("helm_release", **options, values={"password": CANARY}, skip_schema_validation=True)["changed"]


def test_a_broken_chart_changes_nothing(k8s: K8s, kubectl: Kubectl, namespace: str, chart: Path) -> None:
    options = {"name": "r", "namespace": namespace, "chart_ref": str(chart), "helm_path": HELM}
    (chart / "templates" / "broken.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'a\n")
    refused = k8s("helm_release", **options, fails=True)
    assert refused["error"]["code"] == "invalid_input"
    assert "broken.yaml" in refused["msg"]
    (chart / "templates" / "broken.yaml").write_text("just: a mapping\n")
    assert "demo/templates/broken.yaml" in k8s("helm_release", **options, fails=True)["msg"]
    missing = k8s("helm_release", **{**options, "helm_path": "/nowhere/helm"}, fails=True)
    assert missing["error"]["code"] == "missing_tool"
    absent_chart = k8s("helm_release", name="r", namespace=namespace, fails=True)
    assert "chart_ref" in absent_chart["msg"]
    assert stored(kubectl, namespace) == []


def test_nothing_goes_before_the_rest_is_ready(k8s: K8s, kubectl: Kubectl, namespace: str, chart: Path) -> None:
    """Nobody runs the pods of a Deployment in this cluster."""
    options = {"name": "r", "namespace": namespace, "chart_ref": str(chart), "helm_path": HELM}
    k8s("helm_release", **options)
    refused = k8s("helm_release", **options, values={"extra": False}, wait=True, wait_timeout=0.5, fails=True)
    assert "Timed out" in refused["msg"]
    assert refused["error"]["code"] == "timeout"
    assert len(refused["objects"]) == 4
    assert stored(kubectl, namespace) == sorted(EVERYTHING)
    (chart / "templates" / "deployment.yaml").unlink()
    done = k8s("helm_release", **options, values={"extra": False}, wait=True)
    assert done["counts"]["deleted"] == 2


def test_an_empty_chart_is_refused(k8s: K8s, kubectl: Kubectl, namespace: str, chart: Path) -> None:
    """All templates switched off by a wrong value look like this."""
    options = {"name": "r", "namespace": namespace, "chart_ref": str(chart), "helm_path": HELM}
    k8s("helm_release", **options)
    for file in (chart / "templates").iterdir():
        file.unlink()
    refused = k8s("helm_release", **options, fails=True)
    assert "5 of 5 objects would go (100 %, allowed are 50 %)" in refused["msg"]
    assert stored(kubectl, namespace) == sorted(EVERYTHING)


class Counted(Client):
    """Counts what is sent, and makes a file when it has read the Deployment of the chart."""

    def __init__(self, client: Client, signal: Path) -> None:
        self.__dict__.update(client.__dict__)
        self.sent: list[str] = []
        self._signal = signal

    def request(self, method: str, path: str, **options: Any) -> Response:
        self.sent.append(f"{method} {path}")
        answer = super().request(method, path, **options)
        if path.endswith("/deployments/r"):
            self._signal.touch()
        return answer


def test_a_converged_release_costs_a_handful_of_requests(
    client: Client, namespace: str, chart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four kinds, the inventory and the list of API groups; version and kinds are remembered on disk.

    They are read while helm renders: in the second run it does not begin before the Deployment was read.
    """
    signal = tmp_path / "signal"
    patient = tmp_path / "helm"
    patient.write_text(
        f'#!/bin/sh\nfor _ in $(seq 600); do [ -e {signal} ] && exec {HELM} "$@"; sleep 0.1; done\nexit 7\n'
    )
    patient.chmod(0o755)
    for number in range(20):
        (chart / "templates" / f"more{number}.yaml").write_text(
            f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: more-{number}}}\n"
        )
    off = ("adopt", "create_namespace", "disable_hook", "force_conflicts", "skip_crds", "wait", *task.FLAGS)
    params = {
        **dict.fromkeys(off, False),
        "chart_ref": str(chart),
        "field_manager": "miniapp-infra",
        "missing_kind_timeout": 10.0,
        "propagation_policy": "Background",
        "protected_kinds": ["Namespace"],
        "prune_budget": 50.0,
        "release_name": "r",
        "release_namespace": namespace,
        "release_state": "present",
        "release_values": {},
        "values_files": [],
        "wait_timeout": 120.0,
    }
    sent: list[list[str]] = []
    for program in (HELM, str(patient)):
        params["helm_path"] = program
        signal.unlink(missing_ok=True)
        counted = Counted(client, signal)
        connection = (counted, Discovery(counted, tmp_path / "kinds"))
        monkeypatch.setattr(task, "connected", lambda _, found=connection: found)
        result = task.run_helm_release(params, check_mode=False, diff_mode=False)
        sent.append(counted.sent)
    # Version and kinds (3), API groups, record, releases of Helm, four kinds; then the new record and 25 objects.
    assert len([line for line in sent[0] if line.startswith("GET")]) == 10
    assert len([line for line in sent[0] if not line.startswith("GET")]) == 26
    assert not result["changed"]
    inside = f"/api/v1/namespaces/{namespace}"
    assert sorted(sent[1]) == sorted(
        [
            f"GET {inside}/configmaps",
            f"GET {inside}/configmaps/release-r",
            f"GET {inside}/secrets/r-secret",
            f"GET {inside}/serviceaccounts/r",
            "GET /apis",
            f"GET /apis/apps/v1/namespaces/{namespace}/deployments/r",
        ]
    )
