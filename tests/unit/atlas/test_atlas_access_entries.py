# SPDX-License-Identifier: GPL-3.0-or-later
"""How an access list is compared: as a set of addresses, whatever their spelling."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from miniapp_infra.atlas.access_list import Entry, after_change, change_of, entries_of
from miniapp_infra.errors import MiniappInfraError

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OFFICE = Entry.from_api({"cidrBlock": "198.51.100.0/24", "comment": "office"})
GATEWAY = Entry.from_api({"ipAddress": "203.0.113.17", "cidrBlock": "203.0.113.17/32", "comment": ""})


def entries(*raw, **params):
    return entries_of({"entries": list(raw), "purge": False, "state": "present", **params}, NOW)


def change(wanted, *, absent=False, purge=False):
    return change_of([OFFICE, GATEWAY], wanted, absent=absent, purge=purge)


@pytest.mark.parametrize(
    "raw",
    [
        {"ip_address": "203.0.113.17"},
        {"cidr_block": "203.0.113.17/32"},
        {"ip_address": "203.0.113.17", "comment": ""},
    ],
)
def test_an_address_and_its_block_are_the_same(raw):
    assert change(entries(raw)).add == ()


def test_a_comment_counts_only_when_given():
    assert change(entries({"cidr_block": "198.51.100.0/24"})).add == ()
    assert len(change(entries({"cidr_block": "198.51.100.0/24", "comment": "site"})).add) == 1


def test_an_entry_that_shall_stay_differs_from_one_that_goes():
    going = Entry.from_api({"cidrBlock": "10.0.0.0/8", "deleteAfterDate": "2026-11-25T00:00:00Z", "comment": "vpn"})
    found = change_of([going], entries({"cidr_block": "10.0.0.0/8"}), absent=False, purge=False)
    assert [entry.body() for entry in found.add] == [{"cidrBlock": "10.0.0.0/8", "comment": "vpn"}]


def test_others_go_only_with_purge():
    wanted = entries({"ip_address": "203.0.113.17"})
    assert change(wanted).remove == ()
    assert change(wanted, purge=True).remove == (OFFICE,)


def test_absent_takes_what_is_there():
    wanted = entries({"ip_address": "203.0.113.17"}, {"cidr_block": "10.0.0.0/8"}, state="absent")
    assert change(wanted, absent=True).remove == (GATEWAY,)


def test_the_list_after_the_change():
    wanted = entries({"cidr_block": "10.0.0.0/8", "comment": "vpn"})
    assert after_change([OFFICE, GATEWAY], change(wanted, purge=True)) == [
        {"entry": "10.0.0.0/8", "comment": "vpn", "delete_after": None}
    ]


def test_requests_have_the_forms_of_atlas():
    assert GATEWAY.name == "203.0.113.17"
    assert OFFICE.name == "198.51.100.0/24"
    (six,) = entries({"ip_address": "2001:db8::1"})
    assert six.body() == {"ipAddress": "2001:0db8:0000:0000:0000:0000:0000:0001"}
    (group,) = entries({"aws_security_group": "sg-0f3a4b5c"})
    assert group.body() == {"awsSecurityGroup": "sg-0f3a4b5c"}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "exactly one of .*; got none"),
        ({"ip_address": "10.0.0.1", "cidr_block": "10.0.0.0/8"}, "exactly one of"),
        ({"ip_address": "10.0.0.0/8"}, "entries: ip_address"),
        ({"ip_address": "300.1.1.1"}, "entries: ip_address"),
        ({"cidr_block": "10.0.0.1/8"}, "entries: cidr_block: 10.0.0.1/8 has host bits set"),
        ({"aws_security_group": "prod"}, "aws_security_group must be such as"),
        ({"ip_address": "10.0.0.1", "comment": "x" * 81}, "comment of 10.0.0.1 must have at most 80"),
        ({"ip_address": "10.0.0.1", "delete_after": "2026-12-02T00:00:00Z"}, "must lie within a week"),
        ({"ip_address": "10.0.0.1", "delete_after": "2026-11-24T11:59:59Z"}, "must lie within a week"),
        ({"ip_address": "10.0.0.1", "delete_after": "tomorrow"}, "delete_after of 10.0.0.1: must be a time"),
        ({"aws_security_group": "sg-1", "delete_after": "2026-11-25T00:00:00Z"}, "cannot have delete_after"),
    ],
)
def test_bad_entries_are_named(raw, message):
    with pytest.raises(MiniappInfraError, match=message):
        entries(raw)


def test_an_entry_is_declared_once():
    with pytest.raises(MiniappInfraError, match=r"10\.0\.0\.1/32 occurs more than once"):
        entries({"ip_address": "10.0.0.1"}, {"cidr_block": "10.0.0.1/32"})


def test_nobody_is_locked_out_by_an_empty_list():
    with pytest.raises(MiniappInfraError, match="must not be empty with purge"):
        entries(purge=True)


def test_purge_is_not_for_absent():
    with pytest.raises(MiniappInfraError, match="purge: is for state=present"):
        entries({"ip_address": "10.0.0.1"}, purge=True, state="absent")
