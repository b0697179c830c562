# SPDX-License-Identifier: GPL-3.0-or-later
"""When a certificate counts as issued, and which object of the chain speaks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from miniapp_infra.certificates import Certificate, Link, trace
from miniapp_infra.certificates.api import ready_or_failed
from miniapp_infra.certificates.models import challenge_link, order_link, request_link
from miniapp_infra.certificates.tasks import as_result

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def condition(kind, status="True", **more):
    return {"type": kind, "status": status, "reason": "R", "message": "m", **more}


READY = condition("Ready", observedGeneration=3)


def certificate(*conditions, **status):
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "web", "namespace": "shop", "generation": 3, "uid": "c-1"},
        "spec": {
            "secretName": "web-tls",
            "dnsNames": ["web.example.com"],
            "issuerRef": {"kind": "ClusterIssuer", "name": "letsencrypt"},
        },
        "status": {"conditions": list(conditions), **status},
    }


@pytest.mark.parametrize(
    ("raw", "ready", "text"),
    [
        (certificate(READY), True, "ready"),
        (certificate(), False, "has no condition Ready yet"),
        (certificate(condition("Ready")), False, "cert-manager has not seen the last change yet"),
        (
            certificate(condition("Ready", observedGeneration=2)),
            False,
            "cert-manager has not seen the last change yet",
        ),
        (certificate(condition("Ready", "False", observedGeneration=3)), False, "Ready=False (R): m"),
        (certificate(READY, condition("Issuing")), False, "Issuing (R): m"),
        (certificate(READY, condition("Issuing", "False")), True, "ready"),
    ],
)
def test_readiness(raw, ready, text):
    found = Certificate.from_api(raw)
    assert found.is_ready is ready
    assert found.describe() == text


@pytest.mark.parametrize(
    ("not_after", "days"),
    [
        (None, None),
        ("2026-12-06T12:00:00Z", 14.0),
        ("2026-12-06T11:59:00Z", 13.99),
        ("2026-11-22T12:00:00Z", 0.0),
        ("2026-11-21T00:00:00Z", -1.5),
    ],
)
def test_days_left_are_never_rounded_up(not_after, days):
    status = {} if not_after is None else {"notAfter": not_after, "renewalTime": "2026-11-30T00:00:00Z"}
    shown = as_result(Certificate.from_api(certificate(READY, **status)), NOW, None)
    assert shown["remaining_days"] == days
    assert shown["not_after"] == not_after


NOT_READY = condition("Ready", "False", observedGeneration=3)


@pytest.mark.parametrize(
    ("raw", "attempts", "verdict"),
    [
        (certificate(READY), 0, "ready"),
        (certificate(READY, failedIssuanceAttempts=2), 0, "ready"),
        (certificate(NOT_READY), 0, "waiting"),
        (certificate(NOT_READY, condition("Issuing")), 0, "waiting"),
        (certificate(NOT_READY, condition("Issuing"), failedIssuanceAttempts=1), 1, "waiting"),
        (certificate(NOT_READY, condition("Issuing"), failedIssuanceAttempts=2), 1, "failed"),
        # The next try is an hour away: there is nothing to wait for.
        (certificate(NOT_READY, condition("Issuing", "False"), failedIssuanceAttempts=1), 1, "failed"),
    ],
)
def test_a_wait_ends_when_an_issuance_has_failed(raw, attempts, verdict):
    found = ready_or_failed(attempts)(raw)
    assert ("ready" if found.ready else "failed" if found.failed else "waiting") == verdict


@pytest.mark.parametrize(
    ("conditions", "state", "failed"),
    [
        ([], "", False),
        ([condition("Ready", "False", reason="Pending")], "Pending", False),
        ([condition("Ready", "False", reason="Failed")], "Failed", True),
        ([condition("Ready", "False", reason="Pending"), condition("Denied")], "Denied", True),
        ([condition("InvalidRequest")], "InvalidRequest", True),
        ([condition("Ready", reason="Issued")], "Issued", False),
    ],
)
def test_requests(conditions, state, failed):
    found = request_link({"metadata": {"name": "web-1"}, "status": {"conditions": conditions}})
    assert (found.state, found.failed) == (state, failed)


@pytest.mark.parametrize(
    ("state", "failed"),
    [
        ("", False),
        ("pending", False),
        ("processing", False),
        ("ready", False),
        ("valid", False),
        ("invalid", True),
        ("errored", True),
        ("expired", True),
    ],
)
def test_states_of_orders_and_challenges(state, failed):
    raw = {"metadata": {"name": "x"}, "spec": {"dnsName": "example.com", "wildcard": True, "type": "DNS-01"}}
    raw["status"] = {"state": state, "reason": "no TXT record"}
    assert order_link(raw).failed is failed
    link = challenge_link(raw)
    assert link.failed is failed
    assert link.dns_name == "*.example.com"
    assert str(link) == f"Challenge x (*.example.com, DNS-01) is {state or 'not started'}: no TXT record"


class Chain:
    """Objects of a server, by kind."""

    def __init__(self, **found):
        self.found = found

    def list(self, api_version, kind, namespace):
        assert namespace == "shop"
        assert api_version == ("cert-manager.io/v1" if kind == "CertificateRequest" else "acme.cert-manager.io/v1")
        return self.found.get(kind, [])


def owned(name, owner, *, revision=None, spec=None, **status):
    annotations = {"cert-manager.io/certificate-revision": str(revision)} if revision else {}
    metadata = {"name": name, "uid": name, "annotations": annotations, "ownerReferences": [{"uid": owner}]}
    return {"metadata": metadata, "spec": spec or {}, "status": status}


PENDING = condition("Ready", "False", reason="Pending")
REQUEST = owned("web-2", "c-1", revision=2, conditions=[PENDING])


def speaker(**found):
    link = trace(Chain(**found), Certificate.from_api(certificate(NOT_READY)))
    return None if link is None else (link.kind, link.name, link.failed)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, None),
        ({"CertificateRequest": [owned("foreign", "c-2", conditions=[PENDING])]}, None),
        ({"CertificateRequest": [REQUEST]}, ("CertificateRequest", "web-2", False)),
        (
            {"CertificateRequest": [owned("web-1", "c-1", revision=1), REQUEST, owned("web-10", "c-1", revision=10)]},
            ("CertificateRequest", "web-10", False),
        ),
        (
            {"CertificateRequest": [REQUEST], "Order": [owned("o", "web-2", state="pending"), owned("p", "web-1")]},
            ("Order", "o", False),
        ),
        (
            {
                "CertificateRequest": [REQUEST],
                "Order": [owned("o", "web-2", state="pending")],
                "Challenge": [owned("a", "o", state="invalid"), owned("b", "o", state="pending")],
            },
            ("Challenge", "a", True),
        ),
        (
            {
                "CertificateRequest": [REQUEST],
                "Order": [owned("o", "web-2", state="pending")],
                "Challenge": [owned("a", "o", state="pending"), owned("b", "o", state="valid")],
            },
            ("Challenge", "a", False),
        ),
        # Challenges are removed when their order has ended.
        (
            {"CertificateRequest": [REQUEST], "Order": [owned("o", "web-2", state="errored")]},
            ("Order", "o", True),
        ),
        (
            {
                "CertificateRequest": [owned("web-2", "c-1", revision=2, conditions=[condition("Denied")])],
                "Order": [owned("o", "web-2", state="pending")],
            },
            ("CertificateRequest", "web-2", True),
        ),
    ],
)
def test_what_speaks_for_the_issuance(found, expected):
    assert speaker(**found) == expected


def test_an_issuance_that_has_ended_well_says_nothing():
    issued = Certificate.from_api(certificate(READY, revision=2))
    assert trace(Chain(CertificateRequest=[REQUEST]), issued) is None


def test_links_are_results():
    link = Link("Order", "o", "errored", "why", failed=True)
    assert link.as_result() == {
        "kind": "Order",
        "name": "o",
        "state": "errored",
        "reason": "why",
        "failed": True,
        "dns_name": "",
        "challenge_type": "",
    }
