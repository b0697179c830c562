# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving over from kubernetes.core and kubectl: the examples of the migration page, against a real API server."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes import config as kubernetes_config
from kubernetes import dynamic
from samples import config_map, data, managers, names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import K8s, Kubectl

pytestmark = pytest.mark.live


PLAY = """
- hosts: localhost
  gather_facts: false
  module_defaults:
    group/fuze.miniapp_infra.kube:
      kubeconfig: "{{ config }}"
  vars:
    colour: red
  tasks:
    - k8s_apply:
        state: present
        template: objects.yml.j2
        namespace: "{{ space }}"
        apply: true
        wait: true
      register: created
    - k8s_apply:
        resource_definition: "{{ lookup('template', 'objects.yml.j2') }}"
        namespace: "{{ space }}"
      register: again
    - k8s_info:
        kind: ConfigMap
        name: "{{ created.result.results.0.result.metadata.name }}"
        namespace: "{{ space }}"
      register: read
    - ansible.builtin.assert:
        that:
          - created is changed
          - created.result.results | map(attribute='changed') == [true, true]
          - again is not changed
          - read.resources.0.data.colour == 'red'
"""
OBJECTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: first}
data: {colour: "{{ colour }}"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: second}
"""


def test_tasks_of_a_playbook_need_the_new_name_only(
    ansible_environment: dict[str, str], kubectl: Kubectl, namespace: str, empty_cluster: Path, tmp_path: Path
) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "objects.yml.j2").write_text(OBJECTS)
    play = tmp_path / "play.yml"
    play.write_text(PLAY.replace(" k8s_", " fuze.miniapp_infra.k8s_"))
    variables = json.dumps({"config": str(empty_cluster), "space": namespace})
    done = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", variables, str(play)],
        capture_output=True,
        text=True,
        check=False,
        env=ansible_environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert names(kubectl, namespace) == ["first", "second"]


@pytest.fixture
def their_client(empty_cluster: Path) -> Iterator[Any]:
    """The client that kubernetes.core uses."""
    with kubernetes_config.new_client_from_config(str(empty_cluster)) as api:
        yield dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")


def test_taking_over_from_kubernetes_core(k8s: K8s, kubectl: Kubectl, namespace: str, their_client: Any) -> None:
    """The worked example of the migration page."""
    theirs = config_map(namespace, colour="red", size="1", old="x")
    their_client.create(body=theirs, namespace=namespace)
    assert managers(kubectl, namespace) == {"OpenAPI-Generator": "Update"}
    # The same declaration changes nothing, and makes us an owner beside them.
    first = k8s("k8s_apply", definition=theirs)
    assert not first["changed"]
    assert managers(kubectl, namespace) == {"OpenAPI-Generator": "Update", "miniapp-infra": "Apply"}
    # Another value is a conflict with them.
    changed = config_map(namespace, colour="blue", size="1", old="x")
    refused = k8s("k8s_apply", definition=changed, fails=True)
    assert ".data.colour is managed by OpenAPI-Generator" in refused["msg"]
    assert k8s("k8s_apply", definition=changed, force_conflicts=True)["changed"]
    again = config_map(namespace, colour="green", size="1", old="x")
    assert k8s("k8s_apply", definition=again)["changed"]  # it is ours alone now
    # What we do not declare any more stays as long as they own it.
    assert not k8s("k8s_apply", definition=config_map(namespace, colour="green", size="1"))["changed"]
    assert data(kubectl, namespace) == {"colour": "green", "size": "1", "old": "x"}


def test_handing_the_fields_of_kubernetes_core_over(
    k8s: K8s, kubectl: Kubectl, namespace: str, their_client: Any
) -> None:
    """The same as the jq program of the migration page, before the first run of ours."""
    their_client.create(body=config_map(namespace, colour="red", old="x"), namespace=namespace)
    obj = kubectl("get", "configmap/c", "-n", namespace, "-o", "json", "--show-managed-fields")
    for entry in obj["metadata"]["managedFields"]:
        if entry["manager"] == "OpenAPI-Generator":
            entry.update(manager="miniapp-infra", operation="Apply")
    kubectl("replace", "-f", "-", stdin=json.dumps(obj))
    assert managers(kubectl, namespace) == {"miniapp-infra": "Apply"}
    assert k8s("k8s_apply", definition=config_map(namespace, colour="blue"))["changed"]
    assert data(kubectl, namespace) == {"colour": "blue"}


def test_handing_the_fields_of_kubectl_over(k8s: K8s, kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    """kubectl does it itself, and removes its annotation, when it applies once more in the name of the new manager."""
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump(config_map(namespace, colour="red", old="x")))
    kubectl("apply", "-f", str(file))
    assert managers(kubectl, namespace) == {"kubectl-client-side-apply": "Update"}
    kubectl("apply", "--server-side", "--field-manager=miniapp-infra", "--force-conflicts", "-f", str(file))
    assert managers(kubectl, namespace) == {"miniapp-infra": "Apply"}
    assert not k8s("k8s_apply", src=[str(file)])["changed"]
    assert k8s("k8s_apply", definition=config_map(namespace, colour="blue"))["changed"]
    assert data(kubectl, namespace) == {"colour": "blue"}
    annotations = kubectl("get", "configmap/c", "-n", namespace, "-o", "json")["metadata"].get("annotations", {})
    assert not annotations
