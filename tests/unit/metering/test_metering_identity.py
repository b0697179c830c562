# SPDX-License-Identifier: GPL-3.0-or-later
"""Ids: equal for equal usage, different for different usage, and the value is no part of them."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from miniapp_infra.metering.identity import canonical_json, event_id
from miniapp_infra.metering.transformations import events_from

NOW = datetime(2026, 11, 24, tzinfo=UTC)
START = datetime(2026, 11, 1, 10, tzinfo=UTC)
TEXTS = st.text(min_size=1, max_size=20)
DIMENSIONS = st.dictionaries(TEXTS, st.text(max_size=20), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def usage_id(**changes):
    usage = {
        "source": "miniapp-infra/prod",
        "event_type": "infra.operations",
        "subject": "playhub",
        "window_start": START,
        "window_end": START + timedelta(hours=1),
        "dimensions": {"resource": "memory"},
        **changes,
    }
    return event_id(**usage)


def item(**changes):
    return {
        "type": "infra.operations",
        "subject": "playhub",
        "value": "42",
        "window_start": "2026-11-01T10:00:00Z",
        "window_end": "2026-11-01T11:00:00Z",
        "dimensions": {"resource": "memory"},
        **changes,
    }


def only(**changes):
    (event,) = events_from([item(**changes)], source="miniapp-infra/prod", now=NOW)
    return event


def test_the_id_of_a_usage_is_for_ever():
    """Stored usage has it; another algorithm would charge everything again."""
    canonical = (
        '{"dimensions":{"resource":"memory"},"source":"miniapp-infra/prod","subject":"playhub",'
        '"type":"infra.operations","window_end":"2026-11-01T11:00:00Z","window_start":"2026-11-01T10:00:00Z"}'
    )
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, "urn:fuze:miniapp-infra:metering-event:v1")
    assert str(namespace) == "ae80969d-c85f-5515-9a21-3cfffea42546"
    assert usage_id() == str(uuid.uuid5(namespace, canonical)) == "66e34845-3b6d-55b5-bd13-820789fe22c2"
    assert only().id == usage_id()


def test_the_value_and_what_it_is_measured_in_are_no_part_of_it():
    assert len({only(**change).id for change in ({}, {"value": 43}, {"unit": "x"}, {"currency": "FZ"})}) == 1
    assert only(time="2026-11-01T10:30:00Z").id == only().id


def test_everything_else_is():
    changes = (
        {},
        {"source": "miniapp-infra/dev"},
        {"event_type": "infra.operations.adjustment"},
        {"subject": "payhub"},
        {"window_start": START - timedelta(hours=1)},
        {"window_end": START + timedelta(hours=2)},
        {"dimensions": {}},
        {"dimensions": {"resource": "cpu"}},
        {"dimensions": {"Resource": "memory"}},
    )
    assert len({usage_id(**change) for change in changes}) == len(changes)


@given(DIMENSIONS, st.randoms(use_true_random=False))
def test_the_order_of_dimensions_does_not_count(dimensions, shuffle):
    pairs = list(dimensions.items())
    shuffle.shuffle(pairs)
    assert usage_id(dimensions=dict(pairs)) == usage_id(dimensions=dimensions)


@given(st.integers(min_value=-14 * 60, max_value=14 * 60))
def test_the_time_zone_that_a_time_is_written_in_does_not_count(minutes):
    elsewhere = START.astimezone(timezone(timedelta(minutes=minutes)))
    assert usage_id(window_start=elsewhere) == usage_id()


@given(TEXTS, TEXTS, DIMENSIONS, DIMENSIONS)
def test_different_usage_has_different_ids(one, other, ones, others):
    same = (one, ones) == (other, others)
    assert (usage_id(subject=one, dimensions=ones) == usage_id(subject=other, dimensions=others)) is same


@given(TEXTS, DIMENSIONS)
def test_an_id_is_a_version_5_uuid(subject, dimensions):
    assert uuid.UUID(usage_id(subject=subject, dimensions=dimensions)).version == 5


@given(JSON)
def test_canonical_json_is_ascii_json_without_spaces_that_reads_back(value):
    text = canonical_json(value)
    assert text.isascii()
    assert json.loads(text) == value
    assert canonical_json(json.loads(text)) == text


@given(st.dictionaries(st.text(max_size=6), JSON, max_size=5), st.randoms(use_true_random=False))
def test_canonical_json_is_the_same_for_equal_values(value, shuffle):
    pairs = list(value.items())
    shuffle.shuffle(pairs)
    assert canonical_json(dict(pairs)) == canonical_json(value)
