# SPDX-License-Identifier: GPL-3.0-or-later
"""Read Certificates, wait for one, and find what keeps it from being issued."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miniapp_infra.certificates.models import (
    ACME_VERSION,
    API_VERSION,
    REVISION,
    Certificate,
    Link,
    challenge_link,
    order_link,
    request_link,
)
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.kube.errors import WaitFailedError, WaitTimeoutError
from miniapp_infra.kube.objects import ObjectRef, lookup
from miniapp_infra.kube.predicates import READY, Verdict, failed, waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from miniapp_infra.kube.custom import CustomObjects
    from miniapp_infra.kube.objects import KubeObject
    from miniapp_infra.kube.predicates import Predicate

_RETRY_HINT = (
    "cert-manager tries again by itself after an hour, and later each time. Mend the cause, then ask for it at once "
    "with: cmctl renew {name} --namespace {namespace}"
)


def find_certificate(objects: CustomObjects, namespace: str, name: str) -> Certificate | None:
    """Return a Certificate, None when there is none.

    Raises:
        KubeError: the server does not have the kind, or does not answer.
    """
    raw = objects.get(_ref(namespace, name))
    return None if raw is None else Certificate.from_api(raw)


def list_certificates(objects: CustomObjects, namespace: str = "", labels: str = "") -> list[Certificate]:
    """Return the Certificates of a namespace, or of all of them, by name."""
    return [Certificate.from_api(raw) for raw in objects.list(API_VERSION, "Certificate", namespace, labels)]


def trace(objects: CustomObjects, certificate: Certificate) -> Link | None:
    """Return the last object of the chain that says something about the present issuance.

    What has failed comes before what is pending, because a challenge that is pending beside one that is invalid is of
    no interest. cert-manager removes challenges after their order has ended; then it is the order that speaks.

    Returns:
        None when there is no CertificateRequest of an issuance that has not ended well.
    """
    namespace = certificate.ref.namespace
    requests = _owned_by([certificate.uid], objects.list(API_VERSION, "CertificateRequest", namespace))
    if not requests:
        return None
    request = max(requests, key=_revision)
    if 0 < _revision(request)[0] <= certificate.revision:
        return None  # of an issuance that has ended well
    links = [request_link(request)]
    orders = _of_kind(objects, "Order", namespace, [str(request["metadata"]["uid"])])
    links += [order_link(item) for item in orders]
    challenges = _of_kind(objects, "Challenge", namespace, [str(item["metadata"]["uid"]) for item in orders])
    links += [link for link in map(challenge_link, challenges) if link.state != "valid"]
    return next((link for link in reversed(links) if link.failed), links[-1])


def wait_until_ready(objects: CustomObjects, namespace: str, name: str, timeout: float) -> Certificate:
    """Wait until a Certificate, which may not exist yet, is issued as specified now.

    Args:
        objects: of the server.
        namespace: of the Certificate.
        name: of the Certificate.
        timeout: seconds.

    Raises:
        WaitFailedError: an issuance has failed; names the challenge, or what else has failed, and why.
        WaitTimeoutError: names the last condition, and what is still pending.
    """
    ref = _ref(namespace, name)
    before = find_certificate(objects, namespace, name)
    attempts = 0 if before is None else before.failed_attempts
    try:
        raw = objects.wait(ref, ready_or_failed(attempts), timeout)
    except WaitFailedError as error:
        link = _trace_of(objects, namespace, name)
        reason = str(link) if link is not None and link.failed else error.message.rpartition("become ready: ")[2]
        raise WaitFailedError(
            f"Failed to issue {ref}: {reason}", hint=_RETRY_HINT.format(name=name, namespace=namespace)
        ) from error
    except WaitTimeoutError as error:
        link = _trace_of(objects, namespace, name)
        if link is None:
            raise
        raise WaitTimeoutError(f"{error.message}; {link}", retryable=True, hint=error.hint) from error
    assert raw is not None  # noqa: S101 - only a wait for absence returns none
    return Certificate.from_api(raw)


def ready_or_failed(attempts: int) -> Predicate:
    """Return the rule that a Certificate is ready; it has failed when there are more failed attempts than these."""

    def check(obj: Mapping[str, Any]) -> Verdict:
        certificate = Certificate.from_api(obj)
        if certificate.is_ready:
            return READY
        if certificate.failed_attempts > attempts or certificate.has_given_up:
            return failed(
                f"attempt {certificate.failed_attempts} failed: "
                f"{certificate.issuing_message or certificate.ready_message or 'cert-manager gives no reason'}"
            )
        return waiting(certificate.describe())

    return check


def _trace_of(objects: CustomObjects, namespace: str, name: str) -> Link | None:
    certificate = find_certificate(objects, namespace, name)
    return None if certificate is None else trace(objects, certificate)


def _ref(namespace: str, name: str) -> ObjectRef:
    return ObjectRef(API_VERSION, "Certificate", namespace, name)


def _of_kind(objects: CustomObjects, kind: str, namespace: str, owners: list[str]) -> list[KubeObject]:
    """Return the objects of a kind of ACME that belong to one of these; issuers of other kinds do without them."""
    if not owners:
        return []
    try:
        return _owned_by(owners, objects.list(ACME_VERSION, kind, namespace))
    except MiniappInfraError as error:
        if error.code not in {ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND}:
            raise
        return []


def _owned_by(owners: list[str], found: Iterable[KubeObject]) -> list[KubeObject]:
    return [
        item
        for item in found
        if any(reference.get("uid") in owners for reference in item["metadata"].get("ownerReferences") or ())
    ]


def _revision(request: Mapping[str, Any]) -> tuple[int, str]:
    """Order requests by issuance; the time decides between two of the same."""
    text = str(lookup(request, "metadata", "annotations", REVISION) or "")
    return (int(text) if text.isdecimal() else 0, str(request["metadata"].get("creationTimestamp", "")))
