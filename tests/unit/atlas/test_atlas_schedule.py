# SPDX-License-Identifier: GPL-3.0-or-later
"""How a backup schedule is compared: items by their frequency, IDs kept."""

from __future__ import annotations

import pytest

from miniapp_infra.atlas.schedule import after_change, change_of, schedule_of, shown
from miniapp_infra.errors import MiniappInfraError

HOURLY = {"frequencyType": "hourly", "frequencyInterval": 6, "retentionUnit": "days", "retentionValue": 7}
MONDAY = {"frequencyType": "weekly", "frequencyInterval": 1, "retentionUnit": "weeks", "retentionValue": 4}
FRIDAY = {**MONDAY, "frequencyInterval": 5}
RAW = {
    "policies": [{"id": "p", "policyItems": [{**MONDAY, "id": "m"}, {**HOURLY, "id": "h"}, {**FRIDAY, "id": "f"}]}],
    "referenceHourOfDay": 3,
    "referenceMinuteOfHour": 5,
    "restoreWindowDays": 7,
}
NOTHING = {"reference_time": None, "restore_window_days": None, "policy_items": None}


def item(kind, interval=1, unit="days", value=7):
    return {"frequency_type": kind, "frequency_interval": interval, "retention_unit": unit, "retention_value": value}


def wanted(**changes):
    return schedule_of({**NOTHING, **changes})


def sent(**changes):
    return change_of(RAW, wanted(**changes), update_snapshots=False)


def test_items_are_shown_in_one_order():
    kinds = [(found["frequency_type"], found["frequency_interval"]) for found in shown(RAW)["policy_items"]]
    assert kinds == [("hourly", 6), ("weekly", 1), ("weekly", 5)]
    assert shown(RAW)["reference_time"] == "03:05"


def test_the_same_in_another_order_is_no_change():
    items = [item("weekly", 5, "weeks", 4), item("weekly", 1, "weeks", 4), item("hourly", 6)]
    same = wanted(policy_items=items, reference_time="03:05", restore_window_days=7)
    assert after_change(RAW, same) == shown(RAW)
    assert after_change(RAW, wanted()) == shown(RAW)


def test_an_item_that_changes_keeps_its_id():
    items = sent(policy_items=[item("hourly", 6, value=9), item("weekly", 5, "weeks", 8)])["policies"][0]["policyItems"]
    assert [(found["id"], found["retentionValue"]) for found in items] == [("h", 9), ("f", 8)]


def test_the_only_item_of_its_kind_keeps_its_id_with_another_interval():
    items = sent(policy_items=[item("hourly", 12)])["policies"][0]["policyItems"]
    assert items == [{**HOURLY, "frequencyInterval": 12, "id": "h"}]


def test_a_new_item_gets_its_id_from_atlas():
    items = sent(policy_items=[item("weekly", 3, "weeks", 4), item("daily")])["policies"][0]["policyItems"]
    # Two weekly items are there, and neither is the third day's.
    assert [found.get("id") for found in items] == [None, None]


def test_what_is_left_out_is_sent_as_it_is():
    body = sent(restore_window_days=14)
    assert body["policies"] == [
        {"id": "p", "policyItems": [{**HOURLY, "id": "h"}, {**MONDAY, "id": "m"}, {**FRIDAY, "id": "f"}]}
    ]
    assert body["restoreWindowDays"] == 14
    assert "referenceHourOfDay" not in body


def test_existing_snapshots_are_touched_only_when_asked_for():
    assert sent()["updateSnapshots"] is False
    assert change_of(RAW, wanted(), update_snapshots=True)["updateSnapshots"] is True


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference_time": "24:00"}, "reference_time: must be hours and minutes"),
        ({"reference_time": "3:30"}, "reference_time: must be hours and minutes"),
        ({"restore_window_days": 0}, "restore_window_days: must be at least 1"),
        ({"policy_items": [item("hourly", 5)]}, r"frequency_interval of hourly must be one of \[1, 2, 4, 6, 8, 12\]"),
        ({"policy_items": [item("daily", 2)]}, r"frequency_interval of daily must be one of \[1\]"),
        ({"policy_items": [item("weekly", 8)]}, "frequency_interval of weekly"),
        ({"policy_items": [item("monthly", 31)]}, "frequency_interval of monthly"),
        ({"policy_items": [item("daily", value=0)]}, "retention_value must be at least 1"),
        ({"policy_items": [item("hourly", 6), item("hourly", 12)]}, "there can be one hourly item only"),
        ({"policy_items": [item("weekly", 1), item("weekly", 1)]}, "two items have the same"),
    ],
)
def test_bad_input_is_named(changes, message):
    with pytest.raises(MiniappInfraError, match=message):
        wanted(**changes)
