# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user reads when the way to the API server, the rights, or the manifests are not as they should be."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from live_apiserver import TOKEN, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import K8s, Kubectl, RunModule
    from live_apiserver import ApiServer

pytestmark = pytest.mark.live

Object = dict[str, Any]
PATIENCE = 120.0
"""Seconds until changed rights are in force, on a busy machine."""


def config_map(name: str = "c", **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def own_certificate(directory: Path) -> Path:
    """A certificate that signed nothing."""
    path = directory / "other.crt"
    subject = ["-subj", "/CN=other", "-days", "2", "-nodes", "-newkey", "rsa:2048", "-keyout", str(directory / "key")]
    subprocess.run(["openssl", "req", "-x509", *subject, "-out", str(path)], check=True, capture_output=True)
    return path


def with_user(server: ApiServer, path: Path, user: Object) -> str:
    """A kubeconfig for another user."""
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"][0]["user"] = user
    path.write_text(json.dumps(config))
    return str(path)


def failure(run_module: RunModule, **args: Any) -> Object:
    result = run_module("k8s_apply", {"definition": [config_map()], **args})
    assert result.get("failed"), result
    assert "Traceback" not in json.dumps(result)
    return result


def test_a_closed_port_is_told_in_seconds(run_module: RunModule) -> None:
    """Long before the time that a server which has answered once is given to come back."""
    address = f"https://127.0.0.1:{free_port()}"
    started = time.monotonic()
    result = failure(run_module, host=address, api_key="x", retry_timeout=900)
    assert time.monotonic() - started < 120
    assert f"no answer from {address}: " in result["msg"]
    assert "Connection refused" in result["msg"]
    assert result["error"]["code"] == "unavailable"
    assert result["error"]["hint"] == "Is the API server running, and reachable from here?"


def test_a_certificate_of_another_ca(run_module: RunModule, empty_api_server: ApiServer, tmp_path: Path) -> None:
    result = failure(run_module, kubeconfig=str(empty_api_server.kubeconfig), ca_cert=str(own_certificate(tmp_path)))
    assert f"TLS with {empty_api_server.url}: " in result["msg"]
    assert "certificate verify failed" in result["msg"]
    assert "ca_cert" in result["error"]["hint"]


def test_a_file_that_is_no_certificate(run_module: RunModule, empty_api_server: ApiServer, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.crt"
    wrong.write_text("not a certificate")
    result = failure(run_module, kubeconfig=str(empty_api_server.kubeconfig), ca_cert=str(wrong))
    assert result["msg"].startswith("ca_cert: is not a PEM certificate")
    result = failure(run_module, kubeconfig=str(empty_api_server.kubeconfig), ca_cert=str(tmp_path / "none"))
    assert result["msg"] == f"ca_cert: cannot read {tmp_path}/none: No such file or directory"


def test_another_server_name(run_module: RunModule, empty_api_server: ApiServer) -> None:
    result = failure(run_module, kubeconfig=str(empty_api_server.kubeconfig), tls_server_name="other.example")
    assert f"TLS with {empty_api_server.url}: " in result["msg"]
    assert "other.example" in result["msg"]
    assert "check the name" in result["error"]["hint"]


def test_a_server_that_speaks_no_tls(run_module: RunModule, empty_api_server: ApiServer) -> None:
    plain = empty_api_server.url.replace("https", "http")
    assert "HTTP request to an HTTPS server" in failure(run_module, host=plain, api_key="x")["msg"]


@pytest.mark.parametrize("is_expired", [False, True], ids=["wrong", "expired"])
def test_a_token_that_is_not_accepted(
    run_module: RunModule,
    kubectl: Kubectl,
    empty_api_server: ApiServer,
    namespace: str,
    tmp_path: Path,
    *,
    is_expired: bool,
) -> None:
    text = "no-token-of-this-server"
    if is_expired:
        text = service_account_token(empty_api_server, kubectl, namespace, expires=-60)
    config = with_user(empty_api_server, tmp_path / "kubeconfig", {"token": text})
    result = failure(run_module, kubeconfig=config)
    assert "Unauthorized" in result["msg"]
    assert result["error"]["hint"] == "The credentials were not accepted: they are wrong, or they have expired."
    assert result["error"]["code"] == "forbidden"
    assert not result["error"]["retryable"]
    assert text not in json.dumps(result)


def test_the_expired_token_is_wrong_in_nothing_else(
    run_module: RunModule, kubectl: Kubectl, empty_api_server: ApiServer, namespace: str, tmp_path: Path
) -> None:
    """As long as its time is not over it is accepted; only the rights are missing then."""
    text = service_account_token(empty_api_server, kubectl, namespace, expires=3600)
    config = with_user(empty_api_server, tmp_path / "kubeconfig", {"token": text})
    assert f"system:serviceaccount:{namespace}:worker" in failure(run_module, kubeconfig=config)["msg"]


def service_account_token(server: ApiServer, kubectl: Kubectl, namespace: str, *, expires: int) -> str:
    """Sign a token as the API server does, because it makes none that expires within a test."""
    account = kubectl("create", "serviceaccount", "worker", "-n", namespace, "-o", "json")["metadata"]
    now = int(time.time())
    claims = {
        "iss": "https://kubernetes.default.svc",
        "aud": ["https://kubernetes.default.svc"],
        "sub": f"system:serviceaccount:{namespace}:worker",
        "iat": now - 3600,
        "nbf": now - 3600,
        "exp": now + expires,
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": "worker", "uid": account["uid"]}},
    }
    key = serialization.load_pem_private_key((server.kubeconfig.parent / "sa.key").read_bytes(), password=None)

    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr, call-arg, arg-type]
    return f"{signed}.{encoded(signature)}"


def test_the_hint_about_a_missing_right_is_the_rule_that_helps(
    run_module: RunModule, kubectl: Kubectl, empty_api_server: ApiServer, namespace: str, tmp_path: Path
) -> None:
    """Start without any right, grant what each hint says, and nothing else, until the apply succeeds."""
    account = f"system:serviceaccount:{namespace}:worker"
    kubectl("create", "serviceaccount", "worker", "-n", namespace)
    token = kubectl("create", "token", "worker", "-n", namespace).strip()
    config = with_user(empty_api_server, tmp_path / "kubeconfig", {"token": token})
    rules: list[Object] = []
    deadline = time.monotonic() + PATIENCE
    args = {"kubeconfig": config, "definition": [config_map(a="1")], "namespace": namespace}
    while (result := run_module("k8s_apply", args)).get("failed"):
        assert time.monotonic() < deadline, (result["msg"], rules)
        assert result["error"]["code"] == "forbidden", result
        match = re.fullmatch(
            rf"Grant {account} a rule with apiGroups: (\[.*\]), resources: (\[.*\]), verbs: (\[.*\])\.",
            result["error"]["hint"],
        )
        assert match, result
        groups, resources, verbs = (yaml.safe_load(part) for part in match.groups())
        rule = {"apiGroups": groups, "resources": resources, "verbs": verbs}
        if rule not in rules:  # else it was granted a moment ago and is not in force yet
            rules.append(rule)
            grant(kubectl, namespace, account, rules)
    assert result["counts"]["created"] == 1
    assert {rule["resources"][0] for rule in rules} == {"configmaps"}
    assert {verb for rule in rules for verb in rule["verbs"]} <= {"get", "list", "create", "patch"}


def grant(kubectl: Kubectl, namespace: str, account: str, rules: list[Object]) -> None:
    meta = {"name": "worker", "namespace": namespace}
    group = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": meta, "rules": rules}
    subject = {"apiGroup": group, "kind": "User", "name": account}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "worker"},
        "subjects": [subject],
    }
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [role, binding]}))


def test_a_right_that_an_impersonated_user_lacks(run_module: RunModule, empty_api_server: ApiServer) -> None:
    result = failure(run_module, kubeconfig=str(empty_api_server.kubeconfig), impersonate_user="jane")
    assert result["error"]["hint"].startswith("Grant jane a rule with apiGroups: [''], resources: ['configmaps']")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "kubeconfig: {path} does not exist"),
        ("a: [", "Failed to read kubeconfig {path}: "),
        ("", "Failed to read kubeconfig {path}: "),
        ("current-context: a\ncontexts: []\nclusters: []\nusers: []\n", "Failed to read kubeconfig {path}: "),
    ],
    ids=["missing", "not-yaml", "empty", "without-its-context"],
)
def test_a_kubeconfig_that_cannot_be_used(
    run_module: RunModule, tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    result = failure(run_module, kubeconfig=str(path))
    assert result["msg"].startswith(message.format(path=path))
    assert result["error"]["code"] == "invalid_input"


def test_a_context_that_does_not_exist(run_module: RunModule, empty_api_server: ApiServer) -> None:
    result = failure(run_module, kubeconfig=str(empty_api_server.kubeconfig), context="staging")
    assert str(empty_api_server.kubeconfig) in result["msg"]
    assert "staging" in result["msg"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["sh", "-c", "echo the login has expired >&2; exit 3"], "process returned 3. the login has expired"),
        (["no-such-program"], "No such file or directory: 'no-such-program'"),
        (["echo", "hello"], "failed to decode process output"),
    ],
    ids=["fails", "missing", "nonsense"],
)
def test_an_exec_plugin_that_fails(
    run_module: RunModule, empty_api_server: ApiServer, tmp_path: Path, command: list[str], message: str
) -> None:
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": command[0],
        "args": command[1:],
        "interactiveMode": "Never",
    }
    config = with_user(empty_api_server, tmp_path / "kubeconfig", {"exec": plugin})
    result = failure(run_module, kubeconfig=config)
    assert f"Failed to read the credentials of kubeconfig {config}: " in result["msg"]
    assert message in result["msg"]


def test_an_exec_plugin_that_works(run_module: RunModule, empty_api_server: ApiServer, tmp_path: Path) -> None:
    """The counterpart: the same with a plugin that prints a credential."""
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": TOKEN}}
    plugin = {
        "apiVersion": answer["apiVersion"],
        "command": "echo",
        "args": [json.dumps(answer)],
        "interactiveMode": "Never",
    }
    config = with_user(empty_api_server, tmp_path / "kubeconfig", {"exec": plugin})
    result = run_module("k8s_info", {"kubeconfig": config, "kind": "Namespace", "name": "default"})
    assert [item["metadata"]["name"] for item in result["resources"]] == ["default"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("apiVersion: v1\nkind: [\n", "line 3, column 1: is not valid YAML"),
        ("apiVersion: v1\nkind: ConfigMap\n\tmetadata: x\n", "line 3, column 1: is not valid YAML"),
        ("apiVersion: v1\nkind: A\nkind: B\n", "line 3, column 1: is not valid YAML: the key 'kind' occurs twice"),
        ("---\na: 1\n---\nkind: 'x\n", "line 5, column 1: is not valid YAML"),
    ],
    ids=["bracket", "tab", "twice", "second-document"],
)
def test_malformed_yaml_names_file_line_and_column(k8s: K8s, tmp_path: Path, text: str, place: str) -> None:
    file = tmp_path / "manifest.yaml"
    file.write_text(text)
    result = k8s("k8s_apply", src=[str(file)], fails=True)
    assert result["msg"].startswith(f"{file}, {place}")
    assert result["error"]["code"] == "invalid_input"


def test_a_name_that_is_a_path_never_reaches_the_server(k8s: K8s, kubectl: Kubectl, namespace: str) -> None:
    """With ``..`` the path of a ConfigMap would be that of its namespace, and a deletion that of everything in it."""
    for state in ("present", "absent"):
        result = k8s("k8s_apply", definition=[config_map("..")], namespace=namespace, state=state, fails=True)
        assert "metadata.name: must not be a path, got '..'" in result["msg"]
    found = kubectl("get", "namespace", namespace, "-o", "json")
    assert "deletionTimestamp" not in found["metadata"]


def test_large_manifests(k8s: K8s, kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    """300 KB do not fit into the annotation of client-side apply. Past what the server takes, it says so at once."""
    file = tmp_path / "large.yaml"
    file.write_text(yaml.safe_dump(config_map("large", **{f"key-{number}": "x" * 1000 for number in range(300)})))
    assert file.stat().st_size > 300_000
    for changed in (True, False):
        assert k8s("k8s_apply", src=[str(file)], namespace=namespace)["changed"] is changed
    assert len(kubectl("get", "configmap/large", "-n", namespace, "-o", "json")["data"]) == 300

    for size, message in ((1_100_000, "may not be more than 1048576 bytes"), (3_200_000, "limit is 3145728")):
        file.write_text(json.dumps(config_map("larger", a="x" * size)))
        result = k8s("k8s_apply", src=[str(file)], namespace=namespace, fails=True)
        assert message in result["msg"]
        assert f"ConfigMap {namespace}/larger" in result["msg"]
        assert len(result["msg"]) < 2000
        assert (result["error"]["code"], result["error"]["retryable"]) == ("invalid_input", False)


def definition(group: str) -> Object:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"parcels.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Parcel", "plural": "parcels", "singular": "parcel"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def test_a_definition_and_its_resource_in_one_file(k8s: K8s, kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    """The resource first, as it may be, and one that is larger than etcd takes next to it."""
    group = f"{namespace}.example.com"
    small = {"apiVersion": f"{group}/v1", "kind": "Parcel", "metadata": {"name": "small"}, "spec": {"a": 1}}
    file = tmp_path / "set.yaml"
    file.write_text(yaml.safe_dump_all([small, definition(group)]))
    assert k8s("k8s_apply", src=[str(file)], namespace=namespace)["counts"]["created"] == 2
    assert kubectl("get", f"parcels.{group}", "small", "-n", namespace, "-o", "json")["spec"] == {"a": 1}
    assert not k8s("k8s_apply", src=[str(file)], namespace=namespace)["changed"]

    for size in (1_700_000, 2_500_000):
        large = {**small, "metadata": {"name": "large"}, "spec": {"a": "x" * size}}
        result = k8s("k8s_apply", definition=[large], namespace=namespace, retry_timeout=900, fails=True)
        assert (result["error"]["code"], result["error"]["retryable"]) == ("invalid_input", False)
        assert "split this one" in result["error"]["hint"]


@pytest.mark.parametrize("spec", [None, "text", {"versions": [None]}, {"names": None, "group": 5}])
def test_an_incomplete_definition_is_the_servers_to_refuse(k8s: K8s, spec: Any) -> None:
    broken = {**definition("broken.example.com"), "spec": spec}
    if spec is None:
        del broken["spec"]
    result = k8s("k8s_apply", definition=[broken], fails=True)
    assert "Failed to apply CustomResourceDefinition parcels.broken.example.com: " in result["msg"]
    assert result["error"]["code"] == "invalid_input"
