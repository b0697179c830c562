# SPDX-License-Identifier: GPL-3.0-or-later
"""Which changes of a storage location are sent, and when Velero is believed."""

from __future__ import annotations

import pytest

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.velero import locations, schedules

LIVE = {
    "provider": "aws",
    "objectStorage": {"bucket": "b", "prefix": "p"},
    "config": {"region": "r", "s3Url": "u"},
    "validationFrequency": "1m0s",
}


@pytest.mark.parametrize(
    ("wanted", "patch"),
    [
        ({}, {}),
        ({"provider": "aws", "objectStorage": {"bucket": "b"}}, {}),
        ({"validationFrequency": "60s"}, {}),
        ({"accessMode": "ReadWrite", "default": False}, {}),
        ({"accessMode": "ReadOnly"}, {"accessMode": "ReadOnly"}),
        ({"default": True}, {"default": True}),
        ({"objectStorage": {"prefix": "q"}}, {"objectStorage": {"prefix": "q"}}),
        ({"config": {"region": "r"}}, {"config": {"s3Url": None}}),
        ({"config": {}}, {"config": {"region": None, "s3Url": None}}),
        ({"config": {"region": "r", "s3Url": "u"}}, {}),
        ({"credential": {"name": "n", "key": "k"}}, {"credential": {"name": "n", "key": "k"}}),
        ({"backupSyncPeriod": "0s"}, {"backupSyncPeriod": "0s"}),
    ],
)
def test_only_differences_are_sent(wanted, patch):
    assert locations.changes(wanted, LIVE) == patch


def test_values_of_the_configuration_are_texts():
    spec = locations.declared({"name": "x", "config": {"s3ForcePathStyle": True, "port": 1}})
    assert spec == {"config": {"s3ForcePathStyle": "true", "port": "1"}}


def test_a_certificate_is_encoded():
    pem = "-----BEGIN CERTIFICATE-----\n"
    spec = locations.declared({"name": "x", "storage_ca_cert": pem})
    assert spec == {"objectStorage": {"caCert": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="}}
    with pytest.raises(MiniappInfraError, match="storage_ca_cert"):
        locations.declared({"name": "x", "storage_ca_cert": "none"})


def location(phase, validated):
    status = {"phase": phase, "lastValidationTime": validated}
    return {"metadata": {"name": "x"}, "spec": {}, "status": status}


@pytest.mark.parametrize(
    ("state", "stale", "ready"),
    [
        (location("Available", "2026-11-24T02:00:00Z"), "", True),
        (location("Available", "2026-11-24T02:00:00Z"), "2026-11-24T02:00:00Z", False),
        (location("Available", "2026-11-24T02:01:00Z"), "2026-11-24T02:00:00Z", True),
        (location("Available", None), "", False),
        (location("Unavailable", "2026-11-24T02:01:00Z"), "2026-11-24T02:00:00Z", False),
        ({"metadata": {"name": "x"}}, "", False),
    ],
)
def test_when_a_location_is_available(state, stale, ready):
    assert locations.available(stale)(state).ready is ready


@pytest.mark.parametrize(
    ("phase", "errors", "stale", "verdict"),
    [
        ("Enabled", (), (), "ready"),
        (None, (), (), "waiting"),
        ("FailedValidation", ("x",), (), "failed"),
        ("FailedValidation", ("x",), ("x",), "waiting"),
        ("FailedValidation", ("y",), ("x",), "failed"),
        ("FailedValidation", (), (), "failed"),
    ],
)
def test_when_a_schedule_is_accepted(phase, errors, stale, verdict):
    found = schedules.enabled(stale)({"status": {"phase": phase, "validationErrors": list(errors)}})
    assert (found.ready, found.failed) == (verdict == "ready", verdict == "failed")


OPTIONS = {"name": "nightly", "schedule": "@daily"}


@pytest.mark.parametrize(
    ("live", "asked", "declared"),
    [
        (None, True, True),
        (None, None, None),
        ({"spec": {"skipImmediately": False}}, True, False),
        ({"spec": {"skipImmediately": True}}, False, True),
        ({"spec": {}}, True, None),
    ],
)
def test_skip_immediately_counts_at_the_beginning_only(live, asked, declared):
    spec = schedules.declared({**OPTIONS, "skip_immediately": asked}, "velero", live)["spec"]
    assert spec.get("skipImmediately") == declared
