# SPDX-License-Identifier: GPL-3.0-or-later
"""``certificate_info`` against the definitions of cert-manager in a real API server.

The controller of cert-manager is not part of the local environment, so the tests write the statuses that it would.
"""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.certificates import tasks
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import RunModule
    from live_apiserver import ApiServer, Raw

    Object = dict[str, Any]
    Engine = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.live

CERTIFICATES = ("cert-manager.io/v1", "Certificate", "certificates")
REQUESTS = ("cert-manager.io/v1", "CertificateRequest", "certificaterequests")
ORDERS = ("acme.cert-manager.io/v1", "Order", "orders")
CHALLENGES = ("acme.cert-manager.io/v1", "Challenge", "challenges")
ISSUER = {"kind": "ClusterIssuer", "name": "letsencrypt"}
REASON = (
    "Error accepting authorization: acme: authorization error for example.com: 403 unauthorized: no TXT record found"
)
SINCE = "2026-11-22T10:00:00Z"
DEFAULTS: dict[str, Any] = {
    "fail_on_not_ready": False,
    "label_selectors": [],
    "min_remaining_days": None,
    "name": "web",
    "wait": False,
    "wait_timeout": 60.0,
    "retry_timeout": 60.0,
    "request_timeout": 60.0,
}


def condition(kind: str, status: str, reason: str, message: str, **more: Any) -> Object:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": SINCE,
        **more,
    }


def ready(generation: int = 1) -> Object:
    message = "Certificate is up to date and has not expired"
    return condition("Ready", "True", "Ready", message, observedGeneration=generation)


NOT_READY = condition("Ready", "False", "DoesNotExist", "Secret does not exist", observedGeneration=1)
ISSUING = condition("Issuing", "True", "DoesNotExist", "Issuing certificate as Secret does not exist")
GIVEN_UP = condition("Issuing", "False", "Failed", "The certificate request has failed to complete and will be retried")


@dataclass(frozen=True)
class CertManager:
    """What cert-manager writes, in one namespace."""

    raw: Raw
    namespace: str

    def create(
        self, kind: tuple[str, str, str], name: str, spec: Object, owner: Object | None = None, **meta: Any
    ) -> Object:
        api_version, named, _ = kind
        metadata = {"name": name, **meta}
        if owner is not None:
            same = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "controller": True}
            metadata["ownerReferences"] = [{**same, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}]
        body = {"apiVersion": api_version, "kind": named, "metadata": metadata, "spec": spec}
        code, answer = self.raw.send("POST", self._path(kind), body)
        assert code == 201, answer
        return answer

    def status(self, kind: tuple[str, str, str], name: str, **fields: Any) -> None:
        self.patch(kind, name, {"status": fields}, "/status")

    def patch(self, kind: tuple[str, str, str], name: str, body: Object, subresource: str = "") -> None:
        path = f"{self._path(kind)}/{name}{subresource}"
        code, answer = self.raw.send("PATCH", path, body, content_type="application/merge-patch+json")
        assert code == 200, answer

    def certificate(self, name: str = "web", **meta: Any) -> Object:
        spec = {"secretName": f"{name}-tls", "dnsNames": ["*.example.com"], "issuerRef": ISSUER}
        return self.create(CERTIFICATES, name, spec, **meta)

    def issued(self, name: str = "web", *, days: float = 60, **more: Any) -> datetime:
        """Write that a certificate is issued; return when it expires."""
        end = (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)
        self.status(
            CERTIFICATES,
            name,
            conditions=[ready()],
            notBefore=SINCE,
            notAfter=end.strftime("%Y-%m-%dT%H:%M:%SZ"),
            renewalTime=SINCE,
            revision=1,
            **more,
        )
        return end

    def issuance(self, certificate: Object, state: str, reason: str) -> None:
        """Make what an issuance by ACME is made of, down to one challenge in a state."""
        request = self.create(
            REQUESTS,
            "web-1",
            {"request": "cmVxdWVzdA==", "issuerRef": ISSUER},
            certificate,
            annotations={"cert-manager.io/certificate-revision": "1"},
        )
        self.status(REQUESTS, "web-1", conditions=[condition("Ready", "False", "Pending", "Waiting on the order")])
        order = self.create(ORDERS, "web-1-2", {"request": "cmVxdWVzdA==", "issuerRef": ISSUER}, request)
        self.status(ORDERS, "web-1-2", state="pending")
        spec = {
            "authorizationURL": "https://acme.example.com/authz/1",
            "dnsName": "example.com",
            "issuerRef": ISSUER,
            "key": "key",
            "solver": {"dns01": {"route53": {}}},
            "token": "token",
            "type": "DNS-01",
            "url": "https://acme.example.com/chall/1",
            "wildcard": True,
        }
        self.create(CHALLENGES, "web-1-2-3", spec, order)
        self.status(CHALLENGES, "web-1-2-3", processing=True, presented=True, state=state, reason=reason)

    def _path(self, kind: tuple[str, str, str]) -> str:
        return f"/apis/{kind[0]}/namespaces/{self.namespace}/{kind[2]}"


@pytest.fixture
def certs(defined_server: ApiServer) -> Iterator[CertManager]:
    namespace = f"certificates-{uuid.uuid4().hex[:8]}"
    raw = defined_server.raw()
    code, answer = raw.send("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert code == 201, answer
    yield CertManager(raw, namespace)
    for api_version, _, plural in (CHALLENGES, ORDERS, REQUESTS, CERTIFICATES):
        raw.send("DELETE", f"/apis/{api_version}/namespaces/{namespace}/{plural}")
    raw.send("DELETE", f"/api/v1/namespaces/{namespace}")


@pytest.fixture
def engine(certs: CertManager, defined_server: ApiServer) -> Engine:
    """Calls the engine as the module does; returns the result or raises the error."""

    def call(*, check: bool = False, **params: Any) -> dict[str, Any]:
        given = {
            **DEFAULTS,
            "kubeconfig": str(defined_server.kubeconfig),
            "namespace": certs.namespace,
            **params,
        }
        return dict(tasks.certificate_info(given, check_mode=check, diff_mode=True))

    return call


@pytest.fixture
def later() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Does something soon, while the test waits."""
    timers: list[threading.Timer] = []

    def start(action: Callable[[], None]) -> None:
        timers.append(threading.Timer(1, action))
        timers[-1].start()

    yield start
    for timer in timers:
        timer.join()


def test_the_cycle_of_the_module(module_process: RunModule, certs: CertManager, defined_server: ApiServer) -> None:
    """In check mode and for real, twice, before and after a change: always the same, and never a change of ours."""
    question = {"kubeconfig": str(defined_server.kubeconfig), "namespace": certs.namespace, "name": "web"}

    def run(*, check: bool = False, **more: Any) -> list[Object]:
        result = module_process("certificate_info", {**question, **more}, check=check)
        assert not result.get("failed"), result
        assert not result["changed"]
        found: list[Object] = result["certificates"]
        return [{key: value for key, value in item.items() if key != "remaining_days"} for item in found]

    assert run() == []
    certs.certificate()
    end = certs.issued()
    asked = {"wait": True, "min_remaining_days": 30, "fail_on_not_ready": True}
    first, *others = [run(check=check, **asked) for check in (True, False, False, True)]
    assert all(found == first for found in others)
    assert first[0]["ready"]
    assert first[0]["not_after"] == end.strftime("%Y-%m-%dT%H:%M:%SZ")
    certs.patch(CERTIFICATES, "web", {"spec": {"dnsNames": ["*.example.com", "example.com"]}})
    (found,) = run()
    assert (found["ready"], found["observed"]) == (False, False)


def test_both_ways_to_run_the_module(run_module: RunModule, certs: CertManager, defined_server: ApiServer) -> None:
    certs.certificate()
    certs.issued(days=60)
    question = {"kubeconfig": str(defined_server.kubeconfig), "namespace": certs.namespace, "min_remaining_days": 90}
    failed = run_module("certificate_info", question)
    assert failed["failed"]
    assert "min_remaining_days is 90" in failed["msg"]
    assert failed["error"]["code"] == "upstream"
    assert failed["certificates"][0]["name"] == "web"


def test_a_certificate_that_is_issued_while_we_wait(engine: Engine, certs: CertManager, later: Any) -> None:
    later(lambda: (certs.certificate(), certs.issued(days=14.5)))
    (found,) = engine(wait=True, min_remaining_days=14)["certificates"]
    assert found["ready"]
    assert found["remaining_days"] == 14.49
    assert found["issuance"] is None


def test_the_certificate_before_does_not_count(engine: Engine, certs: CertManager) -> None:
    """It still says Ready, of a generation that is gone."""
    certs.certificate()
    certs.issued()
    certs.patch(CERTIFICATES, "web", {"spec": {"dnsNames": ["other.example.com"]}})
    with pytest.raises(MiniappInfraError, match="cert-manager has not seen the last change yet") as caught:
        engine(wait=True, wait_timeout=1.5)
    assert caught.value.code is ErrorCode.TIMEOUT
    with pytest.raises(MiniappInfraError, match=r"Failed to accept Certificate .*/web: cert-manager has not seen"):
        engine(fail_on_not_ready=True)


def test_one_that_is_being_renewed_is_not_ready(engine: Engine, certs: CertManager) -> None:
    certs.certificate()
    certs.issued()
    certs.status(CERTIFICATES, "web", conditions=[ready(), ISSUING])
    (found,) = engine()["certificates"]
    assert (found["ready"], found["issuing"]) == (False, True)
    with pytest.raises(MiniappInfraError, match=r"Issuing \(DoesNotExist\)"):
        engine(wait=True, wait_timeout=1.5)


def test_a_failed_challenge_ends_the_wait_with_its_reason(engine: Engine, certs: CertManager, later: Any) -> None:
    certificate = certs.certificate()
    certs.status(CERTIFICATES, "web", conditions=[NOT_READY, ISSUING])
    certs.issuance(certificate, "pending", "Waiting for DNS-01 challenge propagation")

    def fail() -> None:
        certs.status(CHALLENGES, "web-1-2-3", processing=False, presented=False, state="invalid", reason=REASON)
        certs.status(
            CERTIFICATES, "web", conditions=[NOT_READY, GIVEN_UP], failedIssuanceAttempts=1, lastFailureTime=SINCE
        )

    later(fail)
    with pytest.raises(MiniappInfraError) as caught:
        engine(wait=True)
    told = f"Challenge web-1-2-3 (*.example.com, DNS-01) is invalid: {REASON}"
    assert caught.value.message == f"Failed to issue Certificate {certs.namespace}/web: {told}"
    assert "cmctl renew web" in caught.value.hint

    # The next try is an hour away: there is nothing to wait for.
    with pytest.raises(MiniappInfraError, match="is invalid"):
        engine(wait=True)
    (found,) = engine()["certificates"]
    assert found["issuance"] == {
        "kind": "Challenge",
        "name": "web-1-2-3",
        "state": "invalid",
        "reason": REASON,
        "failed": True,
        "dns_name": "*.example.com",
        "challenge_type": "DNS-01",
    }
    assert (found["failed_issuance_attempts"], found["last_failure_time"]) == (1, SINCE)


@pytest.mark.parametrize("state", ["errored", "expired", "invalid"])
def test_the_order_speaks_when_the_challenge_is_gone(engine: Engine, certs: CertManager, state: str) -> None:
    certificate = certs.certificate()
    certs.issuance(certificate, "invalid", REASON)
    certs.raw.send("DELETE", f"/apis/{CHALLENGES[0]}/namespaces/{certs.namespace}/challenges/web-1-2-3")
    certs.status(ORDERS, "web-1-2", state=state, reason="Failed to finalize Order")
    certs.status(CERTIFICATES, "web", conditions=[NOT_READY, GIVEN_UP], failedIssuanceAttempts=1)
    with pytest.raises(MiniappInfraError, match=f"Order web-1-2 is {state}: Failed to finalize Order"):
        engine(wait=True)


def test_a_timeout_names_what_is_pending(engine: Engine, certs: CertManager) -> None:
    certificate = certs.certificate()
    certs.status(CERTIFICATES, "web", conditions=[NOT_READY, ISSUING])
    certs.issuance(certificate, "pending", "Waiting for DNS-01 challenge propagation")
    with pytest.raises(MiniappInfraError) as caught:
        engine(wait=True, wait_timeout=1.5)
    assert caught.value.code is ErrorCode.TIMEOUT
    assert "Issuing (DoesNotExist): Issuing certificate as Secret does not exist" in caught.value.message
    told = "Challenge web-1-2-3 (*.example.com, DNS-01) is pending: Waiting for DNS-01 challenge propagation"
    assert told in caught.value.message


def test_a_renewal_that_fails_is_told_while_the_certificate_is_still_good(engine: Engine, certs: CertManager) -> None:
    certificate = certs.certificate()
    certs.issuance(certificate, "invalid", REASON)
    certs.issued(days=10)
    certs.patch(REQUESTS, "web-1", {"metadata": {"annotations": {"cert-manager.io/certificate-revision": "2"}}})
    certs.status(CERTIFICATES, "web", conditions=[ready(), GIVEN_UP], failedIssuanceAttempts=3)
    (found,) = engine(fail_on_not_ready=True)["certificates"]
    assert (found["ready"], found["issuance"]["reason"]) == (True, REASON)
    with pytest.raises(MiniappInfraError, match=r"9\.99 days are left, min_remaining_days is 14 \(Challenge web-1-2-3"):
        engine(min_remaining_days=14)


def test_days_that_are_left(engine: Engine, certs: CertManager) -> None:
    for name, days in (("expired", -2.0), ("short", 13.9), ("long", 14.1)):
        certs.certificate(name, labels={"length": name})
        certs.issued(name, days=days)
    certs.certificate("never")
    with pytest.raises(MiniappInfraError) as caught:
        engine(name=None, min_remaining_days=14)
    message = caught.value.message
    assert f"{certs.namespace}/expired: expired at 2" in message
    assert f"{certs.namespace}/short: 13.89 days are left, min_remaining_days is 14" in message
    assert f"{certs.namespace}/never: was never issued" in message
    assert f"{certs.namespace}/long" not in message
    (found,) = engine(name=None, min_remaining_days=14, label_selectors=["length=long"])["certificates"]
    assert found["name"] == "long"


def test_nothing_can_be_said_of_nothing(engine: Engine) -> None:
    assert engine()["certificates"] == []
    for assertion in ({"min_remaining_days": 1}, {"fail_on_not_ready": True}):
        for name in ("web", None):
            with pytest.raises(MiniappInfraError, match="there is none") as caught:
                engine(name=name, **assertion)
            assert caught.value.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"namespace": None}, "namespace: must be given with name"),
        ({"name": None, "wait": True}, "name: must be given with wait"),
        ({"min_remaining_days": 0}, "min_remaining_days: must be above 0, got 0"),
    ],
)
def test_bad_input(engine: Engine, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(MiniappInfraError) as caught:
        engine(**wrong)
    assert (caught.value.message, caught.value.code) == (message, ErrorCode.INVALID_INPUT)


def test_no_secret_is_read(engine: Engine, certs: CertManager) -> None:
    """With rights for certificates and their chain alone, and nothing of a Secret in the result."""
    group, user = "/apis/rbac.authorization.k8s.io/v1", f"reader-{certs.namespace}"
    rule = {
        "apiGroups": ["cert-manager.io", "acme.cert-manager.io"],
        "resources": ["*"],
        "verbs": ["get", "list", "watch"],
    }
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user}
    place = f"{group}/namespaces/{certs.namespace}"
    named = {"metadata": {"name": user}}
    for plural, body in (("roles", {"rules": [rule]}), ("rolebindings", {"roleRef": reference, "subjects": [subject]})):
        code, answer = certs.raw.send("POST", f"{place}/{plural}", {**named, **body})
        assert code == 201, answer
    secret = {"metadata": {"name": "web-tls"}, "stringData": {"tls.key": "canary-of-a-key"}}
    assert certs.raw.send("POST", f"/api/v1/namespaces/{certs.namespace}/secrets", secret)[0] == 201
    certs.certificate()
    certs.issued()
    result = engine(impersonate_user=user, wait=True)
    assert result["certificates"][0]["ready"]
    assert "canary" not in json.dumps(result)
