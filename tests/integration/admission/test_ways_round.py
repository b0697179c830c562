# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody tries who knows the guardrails: the node underneath, labels that choose them, rights of others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .cluster import NAMESPACE, member_of
from .workloads import container, pod_spec, workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cluster import Cluster
    from .conftest import Pushed

pytestmark = pytest.mark.live

READONLY = "miniapp-developers"
OPERATOR = "miniapp-operators"
# Groups that may ask for break-glass, and have nothing until they get it.
ELIGIBLE = "miniapp-sre"
TENANT = f"--namespace={NAMESPACE}"


def _context(fields: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda spec: spec["containers"][0]["securityContext"].update(fields)


def _spec(fields: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda spec: spec.update(fields)


ESCAPES = {
    "privileged": (_context({"privileged": True}), "privileged (container"),
    "privilege escalation": (_context({"allowPrivilegeEscalation": True}), "allowPrivilegeEscalation != false"),
    "capability": (_context({"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}), "unrestricted capabilities"),
    "unconfined": (_context({"seccompProfile": {"type": "Unconfined"}}), "seccompProfile"),
    "host path": (
        _spec({"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}),
        '(volume "host" uses restricted volume type "hostPath")',
    ),
    "host network": (_spec({"hostNetwork": True}), "host namespaces (hostNetwork=true)"),
    "host processes": (_spec({"hostPID": True}), "host namespaces (hostPID=true)"),
}


@pytest.mark.parametrize("escape", ESCAPES)
def test_the_node_is_out_of_reach(cluster: Cluster, good: str, escape: str) -> None:
    spoil, says = ESCAPES[escape]
    pod = workload("Pod", good)
    # A privileged container must not forbid escalation; the API refuses the contradiction before Pod Security is asked.
    if escape == "privileged":
        pod_spec(pod)["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    spoil(pod_spec(pod))

    answer = cluster.offer(pod)

    assert not answer.admitted
    assert 'violates PodSecurity "restricted:' in answer.message
    assert says in answer.message


def test_nobody_labels_a_namespace_out_of_the_guardrails(cluster: Cluster) -> None:
    """Not even the administrator, whom nothing else in this file binds."""
    for space in (NAMESPACE, "default"):
        ignore = ("label", "namespace", space, "admission.gatekeeper.sh/ignore=yes", "--dry-run=server")
        answer = cluster.run(*ignore)
        assert not answer.admitted
        assert 'admission webhook "check-ignore-label.gatekeeper.sh" denied the request: ' in answer.message
    assert cluster.run("label", "namespace", NAMESPACE, "harmless=yes", "--dry-run=server").admitted


@pytest.mark.parametrize("group", [READONLY, OPERATOR, ELIGIBLE])
@pytest.mark.parametrize(
    "label",
    [
        "admission.gatekeeper.sh/ignore=yes",
        "miniapp.fuze/tenant=false",
        "policy.sigstore.dev/include=false",
        "webhooks.knative.dev/exclude=true",
        "pod-security.kubernetes.io/enforce=privileged",
    ],
)
def test_nobody_relabels_a_namespace(cluster: Cluster, group: str, label: str) -> None:
    """By server-side apply, which needs no read before: it is the change that is refused."""
    key, _, value = label.partition("=")
    wanted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {key: value}}}
    arguments = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename=-")

    answer = cluster.run(*arguments, *member_of(group), stdin=wanted)

    assert not answer.admitted
    assert 'User "somebody" cannot patch resource "namespaces"' in answer.message


# Verb, resource and where; "" is the whole cluster.
NEVER = (
    ("create patch delete", "namespaces", ""),
    ("patch update delete", "namespaces", NAMESPACE),
    ("create patch delete", "networkpolicies.networking.k8s.io", NAMESPACE),
    ("patch delete", "resourcequotas", NAMESPACE),
    ("patch delete", "limitranges", NAMESPACE),
    ("create", "clusterrolebindings.rbac.authorization.k8s.io", ""),
    ("create bind escalate", "clusterroles.rbac.authorization.k8s.io", ""),
    ("create", "rolebindings.rbac.authorization.k8s.io", NAMESPACE),
    ("impersonate", "users", ""),
    ("impersonate", "groups", ""),
    ("impersonate", "serviceaccounts", NAMESPACE),
    ("get list watch create", "secrets", NAMESPACE),
    ("get list", "secrets", "argocd"),
    ("create", "pods/exec", NAMESPACE),
    ("create", "pods/attach", NAMESPACE),
    ("create", "serviceaccounts/token", NAMESPACE),
    ("patch update", "pods/ephemeralcontainers", NAMESPACE),
    ("create", "pods", NAMESPACE),
    ("get", "nodes/proxy", ""),
    ("create patch", "applications.argoproj.io", "argocd"),
    ("patch", "appprojects.argoproj.io", "argocd"),
    ("patch delete", "clusterimagepolicies.policy.sigstore.dev", ""),
    ("patch delete", "miniappimagedigest.constraints.gatekeeper.sh", ""),
    ("delete", "constrainttemplates.templates.gatekeeper.sh", ""),
    ("delete", "validatingwebhookconfigurations.admissionregistration.k8s.io", ""),
    ("delete", "validatingadmissionpolicybindings.admissionregistration.k8s.io", ""),
    ("create", "deployments.apps", "argocd"),
    ("create", "jobs.batch", "kube-system"),
    # No guardrail holds in the namespace of the platform itself.
    ("create delete", "jobs.batch", "platform"),
    ("patch", "deployments.apps", "platform"),
)
ADMINISTRATORS = "system:masters"
SOMETIMES = {
    READONLY: {"get pods": True, "get pods/log": True, "delete pods": False, "patch deployments.apps": False},
    OPERATOR: {"get pods": True, "get pods/log": True, "delete pods": True, "patch deployments.apps": True},
    ELIGIBLE: {"get pods": False, "get pods/log": False, "delete pods": False, "patch deployments.apps": False},
}


@pytest.mark.parametrize("group", [READONLY, OPERATOR, ELIGIBLE])
def test_rights_end_where_the_guardrails_begin(cluster: Cluster, group: str) -> None:
    """One review for each right, by the authorizer itself."""
    asked = [(verb, resource, where) for verbs, resource, where in NEVER for verb in verbs.split()]
    asked += [(verb, resource, NAMESPACE) for verb, _, resource in (right.partition(" ") for right in SOMETIMES[group])]

    granted = reviews(cluster, group, asked)

    expected = [False] * (len(asked) - len(SOMETIMES[group])) + list(SOMETIMES[group].values())
    wrong = [right for right, got, wanted in zip(asked, granted, expected, strict=True) if got != wanted]
    assert wrong == []


def test_the_questions_about_rights_are_understood(cluster: Cluster) -> None:
    """Who may do everything may do each of these, and every resource exists: none is refused for a misspelt name."""
    asked = [(verb, resource, where) for verbs, resource, where in NEVER for verb in verbs.split()]
    known = set(cluster.run("api-resources", "--output=name").output.split())
    virtual = {"users", "groups"}  # exist for impersonation only

    assert all(reviews(cluster, ADMINISTRATORS, asked))
    assert {resource.partition("/")[0] for _, resource, _ in NEVER} - known == virtual


def reviews(cluster: Cluster, group: str, asked: list[tuple[str, str, str]]) -> list[bool]:
    """Ask whether members of a group may do this and that; kubectl sends all questions at once."""
    items = []
    for verb, name, where in asked:
        resource, _, api_group = name.partition(".")
        resource, _, subresource = resource.partition("/")
        attributes = {"verb": verb, "group": api_group, "resource": resource, "subresource": subresource}
        items.append(
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {
                    "user": "somebody",
                    "groups": [group, "system:authenticated"],
                    "resourceAttributes": {**attributes, "namespace": where},
                },
            }
        )
    command = ("create", "--filename=-", "--output=jsonpath={.spec.resourceAttributes.verb} {.status.allowed}{'\\n'}")
    answer = cluster.run(*command, stdin={"apiVersion": "v1", "kind": "List", "items": items})
    assert answer.admitted, answer.message
    lines = [line.split() for line in answer.output.splitlines()]
    assert [verb for verb, _ in lines] == [verb for verb, _, _ in asked]
    return [allowed == "true" for _, allowed in lines]


def test_an_operator_restarts_a_service_but_does_not_exchange_its_image(cluster: Cluster, pushed: Pushed) -> None:
    """The right to patch Deployments is no way past the signature."""
    deployment = f"deployment/local-miniapp-{NAMESPACE}"
    operator = member_of(OPERATOR)
    restart = '{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}}}'
    patch = ("patch", deployment, TENANT, "--dry-run=server", *operator)
    assert cluster.run(*patch, f"--patch={restart}").admitted

    other = {"containers": [{"name": NAMESPACE, "image": pushed.unsigned}]}
    refused = cluster.run(*patch, f"--patch={json.dumps({'spec': {'template': {'spec': other}}})}")
    assert not refused.admitted
    assert 'admission webhook "policy.sigstore.dev" denied the request' in refused.message
    assert "no signatures found" in refused.message


def test_an_operator_runs_no_job_of_an_unsigned_image(cluster: Cluster, pushed: Pushed) -> None:
    operator = member_of(OPERATOR)
    assert cluster.offer(workload("Job", pushed.good), user=operator).admitted

    refused = cluster.offer(workload("Job", pushed.unsigned), user=operator)
    assert not refused.admitted
    assert "no signatures found" in refused.message


def test_an_unsigned_sidecar_is_refused(cluster: Cluster, pushed: Pushed) -> None:
    """Every container counts, not only the first."""
    pod = workload("Pod", pushed.good)
    pod_spec(pod)["containers"].append(container(pushed.unsigned, "sidecar"))

    answer = cluster.offer(pod)

    assert not answer.admitted
    assert f"spec.containers[1].image {pushed.unsigned}" in answer.message


def test_a_running_pod_stays_what_it_was(cluster: Cluster, pushed: Pushed) -> None:
    """The image of a running pod can be exchanged, and so can the labels by which network policies know it."""
    pod = cluster.pod(NAMESPACE)["metadata"]["name"]
    exchange = ("set", "image", f"pod/{pod}", TENANT, "--dry-run=server")
    assert cluster.run(*exchange, f"{NAMESPACE}={pushed.good}").admitted
    unsigned = cluster.run(*exchange, f"{NAMESPACE}={pushed.unsigned}")
    assert not unsigned.admitted
    assert f"spec.containers[0].image {pushed.unsigned}" in unsigned.message
    elsewhere = cluster.run(*exchange, f"{NAMESPACE}=docker.io/library/busybox@{pushed.good.partition('@')[2]}")
    assert not elsewhere.admitted
    assert f"Pod {NAMESPACE}/{pod}: image of {NAMESPACE} (docker.io/library/busybox@" in elsewhere.message

    relabel = ("label", "pod", pod, TENANT, "--dry-run=server", "--overwrite")
    assert cluster.run(*relabel, "harmless=yes").admitted
    anonymous = cluster.run(*relabel, "app.kubernetes.io/name-")
    assert not anonymous.admitted
    assert f"Pod {NAMESPACE}/{pod}: missing or wrong label app.kubernetes.io/name (must match " in anonymous.message
