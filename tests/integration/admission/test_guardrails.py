# SPDX-License-Identifier: GPL-3.0-or-later
"""The guardrails in the live cluster: each mistake, in each place where somebody can make it, and its right twin."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .cluster import NAMESPACE
from .images import REGISTRY
from .workloads import KINDS, NAME, ephemeral, pod_template, spoilt, workload

if TYPE_CHECKING:
    from .cluster import Answer, Cluster
    from .workloads import Spoil

pytestmark = pytest.mark.live

EPHEMERAL = "ephemeral container"
PLACES = (
    *((kind, False) for kind in KINDS),
    ("Pod", True),
    ("Deployment", True),
    ("CronJob", True),
    (EPHEMERAL, False),
)
# What Pod Security refuses before our own policies are asked; of workloads it only warns.
PODS = ("Pod", EPHEMERAL)


@dataclass(frozen=True)
class Mistake:
    """One thing wrong with a container.

    Args:
        name: of the test.
        policy: that has to refuse it.
        spoil: makes it.
        says: the message after the object's name; ``{container}`` and ``{digest}`` are filled in.
        pod_security: what Pod Security says of a pod instead, empty when it does not mind.
    """

    name: str
    policy: str
    spoil: Spoil
    says: str
    pod_security: str = ""


def _image(pattern: str) -> Spoil:
    """Replace the image; ``{digest}`` keeps the digest, so that nothing but the name is wrong."""
    return lambda item: item.update(image=pattern.format(digest=item["image"].partition("@")[2]))


def _context(**fields: bool | int | None) -> Spoil:
    """Set fields of the security context; None removes one."""

    def spoil(item: dict[str, Any]) -> None:
        merged = {**item["securityContext"], **fields}
        item["securityContext"] = {key: value for key, value in merged.items() if value is not None}

    return spoil


def _untrusted(name: str, image: str) -> Mistake:
    says = (
        f"image of {{container}} ({image}) is from an untrusted registry: only images from our registry are scanned "
        f"and signed; push it to {REGISTRY}/miniapp/ and refer to it there"
    )
    return Mistake(name, "trusted-registries", _image(image), says)


def _movable(name: str, image: str) -> Mistake:
    says = (
        f"image of {{container}} ({image}) is not named by digest alone: a tag can be moved to another image after it "
        "was signed and reviewed"
    )
    return Mistake(name, "image-digest", _image(image), says)


ROOT_USER = "{container} may run as root: who breaks out of such a container owns the node"
WRITABLE = "{container} has a writable root file system: an intruder could install tools or replace the program"
EVERYWHERE = (
    _untrusted("other registry", "docker.io/library/watchlist@{digest}"),
    _movable("tag", f"{REGISTRY}/miniapp/watchlist:1.0.0"),
    Mistake(
        "root allowed",
        "non-root",
        _context(runAsNonRoot=False),
        ROOT_USER,
        'runAsNonRoot != true (container "{container}" must not set securityContext.runAsNonRoot=false)',
    ),
    Mistake(
        "user 0",
        "non-root",
        _context(runAsUser=0),
        ROOT_USER,
        'runAsUser=0 (container "{container}" must not set runAsUser=0)',
    ),
    Mistake("writable root", "read-only-root-filesystem", _context(readOnlyRootFilesystem=False), WRITABLE),
)
TRICKS = (
    _untrusted("no registry", "watchlist@{digest}"),
    _untrusted("repository as prefix", f"{REGISTRY}/miniapp-evil/watchlist@{{digest}}"),
    _untrusted("registry as prefix of a host", f"{REGISTRY}.evil.example/miniapp/watchlist@{{digest}}"),
    _untrusted("registry as path", f"evil.example/{REGISTRY}/miniapp/watchlist@{{digest}}"),
    _untrusted("other port", f"{REGISTRY}0/miniapp/watchlist@{{digest}}"),
    _untrusted("parent directory", f"{REGISTRY}/miniapp/../evil/watchlist@{{digest}}"),
    _untrusted("platform images", f"{REGISTRY}/argoproj/argocd@{{digest}}"),
    _movable("no tag at all", f"{REGISTRY}/miniapp/watchlist"),
    _movable("tag beside the digest", f"{REGISTRY}/miniapp/watchlist:1.0.0@{{digest}}"),
    Mistake("writable by silence", "read-only-root-filesystem", _context(readOnlyRootFilesystem=None), WRITABLE),
)


def refused_by(policy: str, answer: Answer, says: str) -> None:
    """Require a refusal by one guardrail, with its words."""
    kind = f"miniapp{policy.replace('-', '')}"
    assert not answer.admitted
    by = f"ValidatingAdmissionPolicy 'gatekeeper-{kind}' with binding 'gatekeeper-{kind}-{policy}' denied request: "
    assert by + says in answer.message


def no_resources(item: dict[str, Any]) -> None:
    del item["resources"]


def no_limits(item: dict[str, Any]) -> None:
    del item["resources"]["limits"]


@pytest.mark.parametrize("init", [False, True], ids=["alone", "with init container"])
@pytest.mark.parametrize("kind", KINDS)
def test_good_workloads_are_admitted(cluster: Cluster, good: str, kind: str, *, init: bool) -> None:
    """Admitted without a warning, also of Pod Security: whatever is refused below, is so for the one thing changed."""
    answer = cluster.offer(workload(kind, good, init=init))

    assert (answer.admitted, answer.message) == (True, "")


def test_a_good_ephemeral_container_is_admitted(cluster: Cluster, good: str) -> None:
    assert cluster.offer_ephemeral(cluster.pod(NAMESPACE), ephemeral(good)).admitted


@pytest.mark.parametrize("mistake", EVERYWHERE, ids=lambda mistake: mistake.name)
@pytest.mark.parametrize(("place", "init"), PLACES, ids=lambda value: value if isinstance(value, str) else str(value))
def test_a_mistake_is_refused_wherever_it_is_made(
    cluster: Cluster, good: str, mistake: Mistake, place: str, *, init: bool
) -> None:
    digest = good.partition("@")[2]
    if place == EPHEMERAL:
        pod, debug = cluster.pod(NAMESPACE), ephemeral(good)
        mistake.spoil(debug)
        answer, kind, name, container = cluster.offer_ephemeral(pod, debug), "Pod", pod["metadata"]["name"], "debug"
    else:
        answer = cluster.offer(spoilt(workload(place, good, init=init), mistake.spoil, init=init))
        kind, name, container = place, NAME, "prepare" if init else "app"

    if place in PODS and mistake.pod_security:
        assert not answer.admitted
        assert 'violates PodSecurity "restricted:' in answer.message
        assert mistake.pod_security.format(container=container) in answer.message
    else:
        says = mistake.says.format(container=container, digest=digest)
        refused_by(mistake.policy, answer, f"{kind} {NAMESPACE}/{name}: {says}")


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.name)
def test_tricks_are_refused(cluster: Cluster, good: str, trick: Mistake) -> None:
    answer = cluster.offer(spoilt(workload("Deployment", good), trick.spoil))

    says = trick.says.format(container="app", digest=good.partition("@")[2])
    refused_by(trick.policy, answer, f"Deployment {NAMESPACE}/{NAME}: {says}")


def test_a_registry_as_user_of_a_host_is_refused(cluster: Cluster, good: str) -> None:
    """Wrong in two ways, of which the apiserver names whichever it finds first."""
    image = f"{REGISTRY}@evil.example/miniapp/watchlist@{good.partition('@')[2]}"
    answer = cluster.offer(workload("Deployment", image))

    assert not answer.admitted
    assert f"denied request: Deployment {NAMESPACE}/{NAME}: image of app ({image}) is " in answer.message
    assert "from an untrusted registry" in answer.message or "not named by digest alone" in answer.message


def test_root_by_silence_is_refused(cluster: Cluster, good: str) -> None:
    """Nobody says who runs: neither the pod nor its container."""
    for kind in ("Pod", "Deployment"):
        item = spoilt(workload(kind, good), _context(runAsNonRoot=None))
        del pod_template(item)["spec"]["securityContext"]["runAsNonRoot"]
        answer = cluster.offer(item)
        if kind == "Pod":
            assert not answer.admitted
            assert 'runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true)' in (
                answer.message
            )
        else:
            refused_by("non-root", answer, f"Deployment {NAMESPACE}/{NAME}: {ROOT_USER.format(container='app')}")


@pytest.mark.parametrize("init", [False, True], ids=["container", "init container"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Pod"])
def test_no_resources_are_refused(cluster: Cluster, good: str, kind: str, *, init: bool) -> None:
    answer = cluster.offer(spoilt(workload(kind, good, init=init), no_resources, init=init))

    container = "prepare" if init else "app"
    missing = "requests.cpu, requests.memory, limits.cpu, limits.memory"
    says = f"{kind} {NAMESPACE}/{NAME}: missing or zero resources of {container}: {missing}: a container without bounds"
    refused_by("resource-bounds", answer, says)


@pytest.mark.parametrize("kind", ["Deployment", "CronJob"])
def test_requests_without_limits_are_refused(cluster: Cluster, good: str, kind: str) -> None:
    answer = cluster.offer(spoilt(workload(kind, good), no_limits))

    missing = "missing or zero resources of app: limits.cpu, limits.memory: "
    refused_by("resource-bounds", answer, f"{kind} {NAMESPACE}/{NAME}: {missing}")


def test_a_pod_without_limits_gets_those_of_its_namespace(cluster: Cluster, good: str) -> None:
    """A bare pod is bounded by the LimitRange instead of refused, and may not exceed it."""
    pod = spoilt(workload("Pod", good), no_resources)
    answer = cluster.run("create", "--dry-run=server", "--filename=-", "--output=json", stdin=pod)
    assert answer.admitted, answer.message
    (limits,) = (item["spec"]["limits"] for item in cluster.items("limitranges", f"--namespace={NAMESPACE}"))
    (bounds,) = (limit for limit in limits if limit["type"] == "Container")
    assert json.loads(answer.output)["spec"]["containers"][0]["resources"] == {
        "limits": bounds["default"],
        "requests": bounds["defaultRequest"],
    }

    pod["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "64", "memory": "64Mi"}}
    greedy = cluster.offer(pod)
    assert not greedy.admitted
    assert f"maximum cpu usage per Container is {bounds['max']['cpu']}, but limit is 64" in greedy.message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("label", ["miniapp.fuze/owner", "miniapp.fuze/environment", "app.kubernetes.io/version"])
def test_a_missing_label_is_refused(cluster: Cluster, good: str, kind: str, label: str) -> None:
    for where in ("label",) if kind == "Pod" else ("label", "pod template label"):
        item = workload(kind, good)
        del (item if where == "label" else pod_template(item))["metadata"]["labels"][label]
        says = f"{kind} {NAMESPACE}/{NAME}: missing or wrong {where} {label} (must match "
        refused_by("required-labels", cluster.offer(item), says)


def test_labels_of_another_environment_are_refused(cluster: Cluster, good: str) -> None:
    item = workload("Pod", good)
    item["metadata"]["labels"]["miniapp.fuze/environment"] = "prod"

    says = f"Pod {NAMESPACE}/{NAME}: missing or wrong label miniapp.fuze/environment (must match ^local$)"
    refused_by("required-labels", cluster.offer(item), says)


def test_every_tenant_has_the_guardrails(cluster: Cluster, good: str) -> None:
    """One sample in each namespace of a service, good and bad: none was forgotten."""
    spaces = [item["metadata"]["name"] for item in cluster.items("namespaces", "--selector=miniapp.fuze/tenant=true")]
    assert len(spaces) == 12

    for space in spaces:
        item = workload("Deployment", good)
        item["metadata"]["namespace"] = space
        assert cluster.offer(item).admitted, space
        bad = spoilt(item, _context(readOnlyRootFilesystem=False))
        says = f"Deployment {space}/{NAME}: {WRITABLE.format(container='app')}"
        refused_by("read-only-root-filesystem", cluster.offer(bad), says)
