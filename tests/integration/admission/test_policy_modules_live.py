# SPDX-License-Identifier: GPL-3.0-or-later
"""``cluster_image_policy`` and ``gatekeeper_constraint`` with the real admission, asked by kubectl in dry runs."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from .cluster import BIN
from .images import CA_CERT, REGISTRY, Images, crane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .cluster import Answer, Cluster

    RunModule = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.live

LIMIT = 90
"""Seconds until a policy or its removal has to be in force."""


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of nobody, in which signatures are asked for."""
    name = f"policy-test-{uuid.uuid4().hex[:8]}"
    assert cluster.run("create", "namespace", name).admitted
    cluster.run("label", "namespace", name, "policy.sigstore.dev/include=true")
    yield name
    cluster.run("delete", "namespace", name, "--wait=false")


def pod(namespace: str, image: str = f"{REGISTRY}/x@sha256:{'0' * 64}", **labels: str) -> dict[str, Any]:
    metadata = {"name": "sample", "namespace": namespace, "labels": labels}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "a", "image": image}]},
    }


def until(ask: Callable[[], Answer], expected: Callable[[Answer], bool]) -> Answer:
    """Offer something until the answer is as expected: admission takes a policy in after the server has it."""
    deadline = time.monotonic() + LIMIT
    while not expected(answer := ask()):
        assert time.monotonic() < deadline, answer.message
        time.sleep(0.5)
    return answer


def cycle(run: RunModule, module: str, args: dict[str, Any], change: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Check, run, run and check again, change one thing and run; yields after each run that changed something."""
    would = run(module, args, check=True, diff=True)
    assert would.get("changed"), would
    created = run(module, args)
    assert created.get("changed"), created
    yield created
    for check in (False, True):
        again = run(module, args, check=check, diff=True)
        assert (again.get("changed"), again.get("diff")) == (False, []), again
    changed = run(module, {**args, **change})
    assert changed.get("changed"), changed
    yield changed


def gone(run: RunModule, module: str, args: dict[str, Any]) -> None:
    absent = {**args, "state": "absent"}
    assert [run(module, absent, check=check).get("changed") for check in (True, False, False, True)] == [
        True,
        True,
        False,
        False,
    ]


def test_an_image_policy(cluster: Cluster, module_process: RunModule, namespace: str, tmp_path: Path) -> None:
    key = tmp_path / "signing"
    made = module_process("cosign_key_pair", {"directory": str(key), "cosign_binary": str(BIN / "cosign")})
    repository = f"{REGISTRY}/{namespace}/app"
    images = Images(module_process, key)
    source = images.unsigned("watchlist", f"source-{namespace}")
    try:
        crane("copy", source, f"{repository}:signed")
        signed = f"{repository}@{source.split('@')[1]}"
        crane("mutate", f"{repository}:signed", f"--label=test={namespace}", f"--tag={repository}:unsigned")
        unsigned = f"{repository}@{crane('digest', f'{repository}:unsigned')}"
        images._cosign("cosign_sign", signed, key)
        authority = {"name": "test", "key": {"data": made["public_key"], "hashAlgorithm": "sha256"}}
        args = {
            "kubeconfig": str(cluster.kubeconfig),
            "name": namespace,
            "images": [f"{REGISTRY}/{namespace}/**"],
            "authorities": [authority],
        }
        steps = cycle(module_process, "cluster_image_policy", args, {"mode": "warn"})
        next(steps)
        until(lambda: cluster.offer(pod(namespace, signed)), lambda answer: answer.admitted)
        refused = cluster.offer(pod(namespace, unsigned))
        assert not refused.admitted
        assert f"failed policy: {namespace}" in refused.message
        told = module_process(
            "image_info",
            {
                "image": unsigned,
                "policies": [cluster.get("clusterimagepolicy", namespace)],
                "cosign_binary": str(BIN / "cosign"),
                "crane_binary": str(BIN / "crane"),
                "registry_ca_cert": str(CA_CERT),
            },
        )
        assert told["verdict"]["decision"] == "refused", told

        next(steps)
        warned = until(lambda: cluster.offer(pod(namespace, unsigned)), lambda answer: answer.admitted)
        assert f"failed policy: {namespace}" in warned.message
        gone(module_process, "cluster_image_policy", {"kubeconfig": args["kubeconfig"], "name": namespace})
        # As before: an image that no policy speaks of is refused.
        until(lambda: cluster.offer(pod(namespace, unsigned)), lambda answer: "no matching policies" in answer.message)
    finally:
        cluster.run("delete", "clusterimagepolicy", namespace, "--ignore-not-found")
        images.remove()


def template(
    kind: str, expression: str = "has(object.metadata.labels) && 'owner' in object.metadata.labels"
) -> dict[str, Any]:
    source = {"generateVAP": False, "validations": [{"expression": expression, "message": "needs an owner"}]}
    return {
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": kind.lower()},
        "spec": {
            "crd": {"spec": {"names": {"kind": kind}}},
            "targets": [
                {
                    "target": "admission.k8s.gatekeeper.sh",
                    "code": [{"engine": "K8sNativeValidation", "source": source}],
                }
            ],
        },
    }


@pytest.fixture
def kind(cluster: Cluster) -> Iterator[str]:
    name = f"TestNeedsOwner{uuid.uuid4().hex[:8]}"
    yield name
    cluster.run("delete", "constrainttemplate", name.lower(), "--ignore-not-found")


@pytest.fixture
def unguarded(cluster: Cluster) -> Iterator[str]:
    """A namespace of nobody, in which nothing but the guardrail of the test says no."""
    name = f"guardrail-test-{uuid.uuid4().hex[:8]}"
    assert cluster.run("create", "namespace", name).admitted
    yield name
    cluster.run("delete", "namespace", name, "--wait=false")


def test_a_guardrail(cluster: Cluster, module_process: RunModule, unguarded: str, kind: str) -> None:
    match = {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}], "namespaces": [unguarded]}
    args = {
        "kubeconfig": str(cluster.kubeconfig),
        "constraint_template": template(kind),
        "constraint": {"kind": kind, "metadata": {"name": "owners"}, "spec": {"match": match}},
        "wait_timeout": 120,
    }
    steps = cycle(module_process, "gatekeeper_constraint", args, {"enforcement_action": "dryrun"})
    next(steps)
    refused = until(lambda: cluster.offer(pod(unguarded)), lambda answer: not answer.admitted)
    assert "[owners] needs an owner" in refused.message
    assert cluster.offer(pod(unguarded, owner="jane")).admitted
    next(steps)
    until(lambda: cluster.offer(pod(unguarded)), lambda answer: answer.admitted)
    told = module_process("gatekeeper_audit_info", {"kubeconfig": args["kubeconfig"], "kind": kind, "name": "owners"})
    assert [item["enforcement_action"] for item in told["constraints"]] == ["dryrun"], told
    removed = {"kubeconfig": args["kubeconfig"], "constraint": args["constraint"], "wait_timeout": 120}
    gone(module_process, "gatekeeper_constraint", removed)
    left = cluster.run("get", "constrainttemplates,crds", "--output=name")
    assert kind.lower() not in left.output


def test_a_template_that_does_not_compile(cluster: Cluster, module_process: RunModule, kind: str) -> None:
    """In Rego: Gatekeeper refuses it at once or reports it later, and the task fails long before its limit."""
    broken = template(kind)
    broken["spec"]["targets"] = [{"target": "admission.k8s.gatekeeper.sh", "rego": "package x\nviolation[{"}]
    args = {
        "kubeconfig": str(cluster.kubeconfig),
        "constraint_template": broken,
        "constraint": {"kind": kind, "metadata": {"name": "owners"}},
        "wait_timeout": 600,
    }
    failed = module_process("gatekeeper_constraint", args)
    assert failed.get("failed"), failed
    assert failed["error"]["code"] != "timeout"
    assert "rego_parse_error" in failed["msg"], failed["msg"]
