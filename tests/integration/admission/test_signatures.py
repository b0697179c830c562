# SPDX-License-Identifier: GPL-3.0-or-later
"""Only what the environment's key has signed runs: everything else is refused, for its signature and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .cluster import NAMESPACE, ROOT
from .images import crane, signature_of
from .workloads import KINDS, NAME, ephemeral, pod_spec, workload

if TYPE_CHECKING:
    from .cluster import Answer, Cluster
    from .conftest import Pushed

pytestmark = pytest.mark.live

POLICY = "local-miniapp-signed-images"
# What policy-controller says, by how the image came by (or not by) its signature.
REASONS = {
    "unsigned": "no signatures found",
    "stranger": "invalid signature when validating ASN.1 encoded signature",
    "attested": "no signatures found",
    "copied": "invalid or missing digest in claim",
}
FIELDS = {
    "Pod": "spec.containers[0].image",
    "CronJob": "spec.jobTemplate.spec.template.spec.containers[0].image",
}


def refused_for_signature(answer: Answer, field: str, image: str, reason: str) -> None:
    assert not answer.admitted
    refusal = 'admission webhook "policy.sigstore.dev" denied the request: validation failed: failed policy: '
    assert f"{refusal}{POLICY}: {field} {image}" in answer.message
    assert reason in answer.message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sort", REASONS)
def test_an_image_without_our_signature_is_refused(cluster: Cluster, pushed: Pushed, sort: str, kind: str) -> None:
    image = getattr(pushed, sort)
    field = FIELDS.get(kind, "spec.template.spec.containers[0].image")

    refused_for_signature(cluster.offer(workload(kind, image)), field, image, REASONS[sort])


@pytest.mark.parametrize("sort", REASONS)
def test_nor_as_init_or_ephemeral_container(cluster: Cluster, pushed: Pushed, sort: str) -> None:
    """Everything else of these pods is signed."""
    image = getattr(pushed, sort)
    pod = workload("Pod", pushed.good, init=True)
    pod_spec(pod)["initContainers"][0]["image"] = image
    refused_for_signature(cluster.offer(pod), "spec.initContainers[0].image", image, REASONS[sort])
    cron = workload("CronJob", pushed.good, init=True)
    pod_spec(cron)["initContainers"][0]["image"] = image
    path = "spec.jobTemplate.spec.template.spec.initContainers[0].image"
    refused_for_signature(cluster.offer(cron), path, image, REASONS[sort])
    answer = cluster.offer_ephemeral(cluster.pod(NAMESPACE), ephemeral(image))
    refused_for_signature(answer, "spec.ephemeralContainers[0].image", image, REASONS[sort])


def test_an_image_that_does_not_exist_is_refused(cluster: Cluster, good: str) -> None:
    image = f"{good.partition('@')[0]}@sha256:{'0' * 64}"

    refused_for_signature(cluster.offer(workload("Pod", image)), FIELDS["Pod"], image, "no signatures found")


def test_the_samples_are_what_they_are_called(pushed: Pushed) -> None:
    """The copied signature is there, the unsigned image has none, and of the attested one there is a statement."""
    tags = crane("ls", pushed.good.partition("@")[0]).splitlines()
    has = {sort: signature_of(getattr(pushed, sort)).rpartition(":")[2] in tags for sort in ("good", *REASONS)}

    assert has == {"good": True, "unsigned": False, "stranger": True, "attested": False, "copied": True}
    assert signature_of(pushed.attested).rpartition(":")[2].replace(".sig", ".att") in tags


def test_an_unsigned_image_does_not_replace_a_running_one(cluster: Cluster, pushed: Pushed) -> None:
    """The Deployment that Argo CD made, with another image: refused when somebody sets it, before a pod is made."""
    name = f"local-miniapp-{NAMESPACE}"
    arguments = ("set", "image", f"deployment/{name}", f"--namespace={NAMESPACE}", "--dry-run=server")
    field = "spec.template.spec.containers[0].image"

    refused = cluster.run(*arguments, f"{NAMESPACE}={pushed.unsigned}")
    refused_for_signature(refused, field, pushed.unsigned, REASONS["unsigned"])
    assert cluster.run(*arguments, f"{NAMESPACE}={pushed.good}").admitted


def test_nothing_is_stored_of_what_is_refused(cluster: Cluster, pushed: Pushed) -> None:
    """Without a dry run, by create and by server-side apply."""
    field = "spec.template.spec.containers[0].image"
    item = workload("Deployment", pushed.unsigned)
    for command in (("create",), ("apply", "--server-side")):
        answer = cluster.run(*command, "--filename=-", stdin=item)
        try:
            refused_for_signature(answer, field, pushed.unsigned, REASONS["unsigned"])
        finally:
            cluster.run("delete", "deployment", NAME, f"--namespace={NAMESPACE}", "--ignore-not-found")
        left = cluster.run("get", "deployment", NAME, f"--namespace={NAMESPACE}")
        assert "not found" in left.message


def test_kubectl_debug_is_refused(cluster: Cluster, pushed: Pushed) -> None:
    """As somebody types it, for real: the profile of kubectl itself, and the one that Pod Security lets pass."""
    pod = cluster.pod(NAMESPACE)["metadata"]["name"]
    debug = ("debug", pod, f"--namespace={NAMESPACE}", "--quiet", "--attach=false")
    for image in (pushed.unsigned, "docker.io/library/busybox"):
        plain = cluster.run(*debug, f"--image={image}")
        assert not plain.admitted
        assert "violates PodSecurity" in plain.message
        careful = cluster.run(*debug, f"--image={image}", "--profile=restricted")
        assert not careful.admitted
        assert "ValidatingAdmissionPolicy 'gatekeeper-miniapp" in careful.message
    assert "ephemeralContainers" not in cluster.get("pod", pod, f"--namespace={NAMESPACE}")["spec"]


def test_the_key_of_the_policy_is_the_one_that_signs(cluster: Cluster) -> None:
    (authority,) = cluster.get("clusterimagepolicy", POLICY)["spec"]["authorities"]

    assert authority["key"]["data"].strip() == (ROOT / ".local" / "signing" / "cosign.pub").read_text().strip()
