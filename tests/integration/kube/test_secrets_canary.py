# SPDX-License-Identifier: GPL-3.0-or-later
"""Secret values appear nowhere: output at every verbosity, results, diffs, logs, arguments of programs, files.

A playbook does with Secrets whatever can be done, right and wrong. Each value in it is a canary, which must not occur
in anything that the run leaves, neither plain nor in base64.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from live_apiserver import BIN, TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Kubectl
    from live_apiserver import ApiServer

pytestmark = pytest.mark.live

TESTS = Path(__file__).parents[2]
GROUP = "admissionregistration.k8s.io"
MODULE = "fuze.miniapp_infra"
CANARIES = {
    name: f"canary-{name}-{number}7f3a"
    for number, name in enumerate(
        (
            *("created", "changed", "refused", "mistyped", "file", "template", "chart"),
            *("failing", "generated", "applied", "patched", "line", "old", "warned"),
        )
    )
}
# Each program is called through this: it writes down what everybody on the machine could read with ps.
RECORDER = """#!/bin/sh
printf '%s\\n' "$0" "$@" >>{record}
exec {program} "$@"
"""


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def canaries_in(text: str) -> list[str]:
    """Every canary that occurs, and the token of the API server."""
    wanted = {**CANARIES, "token": TOKEN}
    return sorted(name for name, value in wanted.items() if value in text or coded(value).rstrip("=") in text)


@dataclass(frozen=True)
class Run:
    """What one run of the playbook left.

    Args:
        left: the text of each file in any of the places where one may be left, by path.
        programs: the arguments of each program that was started.
    """

    output: str
    programs: str
    left: dict[str, str]


QUOTE = "'no: ' + string(object.data.password)"


def policy(name: str, when: str, action: str) -> list[dict[str, Any]]:
    """A policy that refuses some Secrets or warns of them, and quotes what is in them."""
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": ["secrets"],
                }
            ]
        },
        "matchConditions": [{"name": "asked", "expression": f"'{when}' in object.metadata.?labels.orValue({{}})"}],
        "validations": [{"expression": "false", "messageExpression": QUOTE}],
    }
    kinds = (("ValidatingAdmissionPolicy", spec), ("ValidatingAdmissionPolicyBinding", None))
    return [
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": kind,
            "metadata": {"name": name},
            "spec": content or {"policyName": name, "validationActions": [action]},
        }
        for kind, content in kinds
    ]


@pytest.fixture(scope="module")
def policies(empty_api_server: ApiServer) -> Iterator[None]:
    """In force for Secrets with a label, until the tests of this file are over."""
    objects = [*policy("canary", "deny", "Deny"), *policy("canary-warn", "warn", "Warn")]
    kubectl = [str(BIN / "kubectl"), "--kubeconfig", str(empty_api_server.kubeconfig)]
    text = yaml.safe_dump_all(objects)
    subprocess.run([*kubectl, "apply", "-f", "-"], input=text, text=True, check=True, capture_output=True)
    yield
    subprocess.run([*kubectl, "delete", "-f", "-"], input=text, text=True, check=True, capture_output=True)


def secret(name: str, namespace: str, *, label: str = "", **sections: Any) -> dict[str, Any]:
    labels = {"labels": {label: "1"}} if label else {}
    metadata = {"name": name, "namespace": namespace, **labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **sections}


def task(module: str, name: str, /, *, fails: bool = False, **args: Any) -> dict[str, Any]:
    return {"name": name, f"{MODULE}.{module}": args, "register": "result", "ignore_errors": fails}


def tasks(namespace: str, inputs: Path, programs: Path) -> list[dict[str, Any]]:
    """Tasks, and after each an assertion that it did what it is here for."""
    of = CANARIES
    helm = {"helm_path": str(programs / "helm")}
    changed, failed, succeeded = "result is changed", "result is failed", "result is succeeded"

    def chart(name: str) -> dict[str, Any]:
        values = {"password": of["chart"] if name == "works" else of["failing"]}
        return {"chart": str(inputs / name), "release_name": name, "values": values}

    inline = "{{ lookup('ansible.builtin.file', '" + str(inputs / "kubeconfig") + "') | from_yaml }}"
    steps: list[tuple[dict[str, Any], str]] = [
        (
            task(
                "k8s_apply",
                "create",
                kubeconfig=inline,
                definition=[
                    secret("a", namespace, stringData={"password": of["created"], "lines": f"{of['line']}\nsecond\n"}),
                    secret("b", namespace, data={"password": coded(of["old"])}),
                ],
            ),
            changed,
        ),
        (
            task("k8s_apply", "change", definition=secret("a", namespace, stringData={"password": of["changed"]})),
            changed,
        ),
        (
            task("k8s_apply", "same", definition=secret("a", namespace, stringData={"password": of["changed"]})),
            "result is not changed",
        ),
        (
            task(
                "k8s_apply",
                "refused in base64",
                fails=True,
                definition=secret("c", namespace, label="deny", data={"password": coded(of["refused"])}),
            ),
            "'no: (redacted ' in result.msg",
        ),
        (
            task(
                "k8s_apply",
                "refused in plain text",
                fails=True,
                definition=secret("c", namespace, label="deny", stringData={"password": of["refused"]}),
            ),
            "'no: (redacted ' in result.msg",
        ),
        (
            task(
                "k8s_apply",
                "warned of",
                definition=secret("w", namespace, label="warn", stringData={"password": of["warned"]}),
            ),
            "'no: (redacted ' in result.warnings | join",
        ),
        (
            task(
                "k8s_apply",
                "mistyped",
                fails=True,
                definition=secret("e", namespace, stringData={"password": {"nested": of["mistyped"]}}),
            ),
            failed,
        ),
        (
            task("k8s_apply", "not base64", fails=True, definition=secret("e", namespace, data={"x": of["mistyped"]})),
            failed,
        ),
        (
            task(
                "k8s_apply",
                "conflict",
                fails=True,
                definition=secret("kubectl", namespace, data={"password": coded(of["old"])}),
            ),
            "'.data.password is managed by kubectl' in result.msg",
        ),
        (task("k8s_apply", "file", src=[str(inputs / "file.yaml")], namespace=namespace), changed),
        (task("k8s_apply", "template", template=str(inputs / "template.yaml.j2"), namespace=namespace), changed),
        (task("k8s_apply", "chart", helm_template=chart("works"), namespace=namespace, **helm), changed),
        (
            task("k8s_apply", "failing chart", fails=True, helm_template=chart("fails"), namespace=namespace, **helm),
            failed,
        ),
        (
            task(
                "k8s_apply",
                "kustomize",
                kustomize=str(inputs / "kustomize"),
                namespace=namespace,
                kubectl_path=str(programs / "kubectl"),
            ),
            changed,
        ),
        (
            task(
                "k8s_apply",
                "patch",
                state="patched",
                definition=secret("a", namespace, stringData={"password": of["patched"]}),
            ),
            changed,
        ),
        (task("k8s_info", "info", kind="Secret", namespace=namespace), "result.resources | length > 5"),
        (task("k8s_wait", "wait", kind="Secret", name="kubectl", namespace=namespace), succeeded),
        (task("k8s_apply", "delete", state="absent", definition=secret("b", namespace)), changed),
    ]
    played: list[dict[str, Any]] = []
    for step, condition in steps:
        step["environment"] = {"K8S_AUTH_KUBECONFIG": str(inputs / "kubeconfig")}
        played += [
            step,
            {"name": f"{step['name']} did", "ansible.builtin.assert": {"that": [condition], "quiet": True}},
        ]
        played.append({"name": f"{step['name']} shown", "ansible.builtin.debug": {"var": "result"}})
    return played


def write_inputs(inputs: Path, server: ApiServer) -> None:
    """The files that hold canaries by right."""
    of = CANARIES
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["certificate-authority"] = str(server.certificate)
    (inputs / "kubeconfig").write_text(yaml.safe_dump(config))
    (inputs / "file.yaml").write_text(json.dumps({**secret("file", ""), "stringData": {"password": of["file"]}}))
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: template}\nstringData: {password: '{{ password }}'}\n"
    (inputs / "template.yaml.j2").write_text(text)
    (inputs / "kustomize").mkdir()
    generator = {"secretGenerator": [{"name": "generated", "literals": [f"password={of['generated']}"]}]}
    (inputs / "kustomize" / "kustomization.yaml").write_text(yaml.safe_dump(generator))
    for name, line in (
        ("works", "stringData: {password: {{ .Values.password }}}"),
        ("fails", "{{ fail .Values.password }}"),
    ):
        (inputs / name / "templates").mkdir(parents=True)
        (inputs / name / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n")
        head = "apiVersion: v1\nkind: Secret\nmetadata: {name: chart}\n"
        (inputs / name / "templates" / "secret.yaml").write_text(head + line + "\n")
    for path in ("kubeconfig", "file.yaml"):
        (inputs / path).chmod(0o600)


@pytest.fixture
def inputs(tmp_path: Path, empty_api_server: ApiServer) -> Path:
    directory = tmp_path / "inputs"
    directory.mkdir()
    write_inputs(directory, empty_api_server)
    return directory


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    directory = tmp_path / "programs"
    directory.mkdir()
    for name in ("helm", "kubectl"):
        script = directory / name
        script.write_text(RECORDER.format(record=directory / "record", program=BIN / name))
        script.chmod(0o755)
    return directory


@pytest.mark.usefixtures("policies")
@pytest.mark.parametrize(
    ("inside", "callback"),
    [(True, "default"), (True, "capture"), (False, "default")],
    ids=["worker", "worker-results", "process"],
)
def test_no_secret_leaves_the_cluster(
    inputs: Path,
    programs: Path,
    kubectl: Kubectl,
    namespace: str,
    ansible_environment: dict[str, str],
    *,
    inside: bool,
    callback: str,
) -> None:
    theirs = secret("kubectl", namespace, data={"password": coded(CANARIES["applied"])})
    kubectl("apply", "-f", "-", stdin=json.dumps(theirs))
    kubectl("apply", "-f", "-", stdin=json.dumps({**theirs, "stringData": {"more": CANARIES["applied"]}}))
    run = play(
        inputs, programs, ansible_environment, tasks(namespace, inputs, programs), inside=inside, callback=callback
    )

    assert canaries_in((inputs / "playbook.yml").read_text()), "this search finds nothing at all"
    assert canaries_in(run.output) == []
    assert "template" in run.programs
    assert "kustomize" in run.programs
    assert canaries_in(run.programs) == []
    assert {path: found for path, text in run.left.items() if (found := canaries_in(text))} == {}

    stored = kubectl("get", "secrets", "-n", namespace, "-o", "json")["items"]
    values = {item["metadata"]["name"].partition("-")[0]: item["data"]["password"] for item in stored}
    expected = {"a": "patched", "file": "file", "template": "template", "chart": "chart"}
    expected |= {"generated": "generated", "kubectl": "applied", "w": "warned"}
    assert values == {name: coded(CANARIES[canary]) for name, canary in expected.items()}


def play(
    inputs: Path,
    programs: Path,
    environment: dict[str, str],
    steps: list[dict[str, Any]],
    *,
    inside: bool,
    callback: str,
) -> Run:
    variables = {"password": CANARIES["template"], "miniapp_infra_in_process": inside}
    play_ = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables, "tasks": steps}
    (inputs / "playbook.yml").write_text(yaml.safe_dump([play_], width=1000))
    home = inputs.parent / "home"
    for name in ("tmp", "cache"):
        (home / name).mkdir(parents=True)
    done = subprocess.run(
        ["ansible-playbook", "-vvvv", "--diff", str(inputs / "playbook.yml")],
        env={
            **environment,
            "ANSIBLE_CALLBACK_PLUGINS": str(TESTS / "ansible_callbacks"),
            "ANSIBLE_HOME": str(home / "ansible"),
            "ANSIBLE_LOG_PATH": str(home / "log"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_STDOUT_CALLBACK": callback,
            "HOME": str(home),
            "MINIAPP_INFRA_CACHE": str(home / "cache"),
            "TMPDIR": str(home / "tmp"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    found = [path for path in home.rglob("*") if path.is_file()]
    assert home / "log" in found
    left = {os.fspath(path): path.read_text(encoding="utf-8", errors="replace") for path in found}
    return Run(done.stdout, (programs / "record").read_text(), left)
