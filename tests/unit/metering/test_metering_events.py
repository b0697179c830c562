# SPDX-License-Identifier: GPL-3.0-or-later
"""Events from options: what is refused, by which name, and that numbers stay exact."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miniapp_infra.amounts import exact, loads, plain, rounded
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.metering.models import Content
from miniapp_infra.metering.transformations import as_record, content_of, events_from, from_record, payload

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def item(**changes):
    return {
        "type": "infra.operations",
        "subject": "playhub",
        "value": "12.50",
        "unit": "operations",
        "currency": None,
        "window_start": "2026-11-01T10:00:00Z",
        "window_end": "2026-11-01T11:00:00Z",
        "time": None,
        "dimensions": None,
        "id": None,
        **changes,
    }


def parsed(*items, source="miniapp-infra/prod"):
    return events_from(items, source=source, now=NOW)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("value", -1, "must not be negative, but is -1"),
        ("value", "-0.01", "must not be negative"),
        ("value", 0.1, "must be a decimal text such as '12.50', not the inexact number 0.1; put it in quotes"),
        ("value", float("nan"), "inexact number nan"),
        ("value", float("inf"), "inexact number inf"),
        ("value", "NaN", "must be a decimal number .*, not 'NaN'"),
        ("value", "Infinity", "not 'Infinity'"),
        ("value", "1e3", "not '1e3'"),
        ("value", "1,5", "not '1,5'"),
        ("value", "", "not ''"),
        ("value", ".5", "not '.5'"),
        ("value", "٣", "not '٣'"),
        ("value", True, "must be a decimal text .*, not True"),
        ("value", None, "not None"),
        ("value", [1], r"not \[1\]"),
        ("value", "1" * 16, "at most 15 digits before"),
        ("value", "0." + "1" * 13, "12 after the point"),
        ("type", " ", "must be a text without spaces around it"),
        ("subject", "a ", "must be a text without spaces around it"),
        ("subject", None, "must be a text"),
        ("id", "", "must be a text"),
        ("currency", "USD", "must be one of FZ, PT, not 'USD'"),
        ("window_start", "2026-11-01T10:00:00", "time zone"),
        ("window_start", "yesterday", "must be a time such as"),
        ("window_end", None, "must be a time such as"),
        ("window_end", "2026-11-01T10:00:00Z", "must be after window_start"),
        ("window_end", "2026-11-01T09:00:00Z", "must be after window_start"),
        ("window_end", "2026-11-24T12:00:01Z", "the window is open until 2026-11-24T12:00:01Z"),
        ("time", "2026-11-01T09:59:59Z", "must be in the window"),
        ("time", "2026-11-01T11:00:01Z", "must be in the window"),
    ],
)
def test_bad_input_names_its_field(field, value, reason):
    with pytest.raises(MiniappInfraError, match=rf"^events\[1\]\.{field}: .*{reason}") as caught:
        parsed(item(subject="other"), item(**{field: value}))
    assert caught.value.code is ErrorCode.INVALID_INPUT
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("dimensions", "field"),
    [
        ({"a": 0.5}, "a"),
        ({"a": None}, "a"),
        ({"a": ["x"]}, "a"),
        ({"a b": "x"}, "a b"),
        ({"": "x"}, ""),
        ({"value": "x"}, "value"),
        ({"stripe_customer_id": "x"}, "stripe_customer_id"),
    ],
)
def test_bad_dimensions_are_named(dimensions, field):
    with pytest.raises(MiniappInfraError, match=rf"^events\[0\]\.dimensions\.{field}: "):
        parsed(item(dimensions=dimensions))


def test_a_window_that_ends_now_is_closed():
    (event,) = parsed(item(window_end="2026-11-24T12:00:00Z"))
    assert event.window_end == NOW


@pytest.mark.parametrize("source", ["", " ", "a b", " a"])
def test_the_source_is_a_name(source):
    with pytest.raises(MiniappInfraError, match=r"^source: "):
        parsed(item(), source=source)


def test_only_a_correction_may_be_negative():
    (event,) = parsed(item(type="infra.overage.adjustment", value="-2.50"))
    assert event.content.value == Decimal("-2.5")
    with pytest.raises(MiniappInfraError) as caught:
        parsed(item(value="-2.50"))
    assert "adjustment" in caught.value.hint


def test_the_same_usage_twice_is_refused_though_its_values_differ():
    with pytest.raises(MiniappInfraError, match=r"^events\[2\]: is the same usage as events\[0\]"):
        parsed(item(), item(subject="other"), item(value="13"))


def test_an_event_in_full():
    dimensions = {"zone": 3, "spot": True, "name": "ü"}
    (event,) = parsed(item(dimensions=dimensions, currency="FZ", time="2026-11-01T11:15:00+01:00", id="mine"))
    assert event.id == "mine"
    assert event.content == Content(Decimal("12.5"), "operations", "FZ")
    assert str(event.content) == "12.5 operations FZ"
    assert event.time == datetime(2026, 11, 1, 10, 15, tzinfo=UTC)
    assert event.dimensions == (("name", "ü"), ("spot", "true"), ("zone", "3"))
    assert payload(event) == {
        "value": "12.5",
        "unit": "operations",
        "currency": "FZ",
        "window_start": "2026-11-01T10:00:00Z",
        "window_end": "2026-11-01T11:00:00Z",
        "name": "ü",
        "spot": "true",
        "zone": "3",
    }


def test_the_time_counted_is_the_begin_of_the_window():
    (event,) = parsed(item())
    assert event.time == event.window_start


VALUES = st.decimals(min_value=0, max_value=10**15 - 1, places=12, allow_nan=False, allow_infinity=False)


@given(VALUES, st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(max_size=9), max_size=3))
def test_the_ledger_gives_back_what_it_was_given(value, dimensions):
    dimensions = {f"x_{name}": text for name, text in dimensions.items()}
    (event,) = parsed(item(value=plain(value), dimensions=dimensions))
    assert from_record(as_record(event)) == event
    assert content_of(payload(event)) == event.content


@given(VALUES)
def test_numbers_stay_exact(value):
    text = plain(value)
    assert exact(text, "x") == value
    assert plain(exact(text, "x")) == text
    assert "e" not in text.lower()


@pytest.mark.parametrize(
    ("number", "text"),
    [("1.500", "1.5"), ("100", "100"), ("1E+3", "1000"), ("-0.0", "0"), ("0.000000000001", "0.000000000001")],
)
def test_equal_numbers_have_equal_texts(number, text):
    assert plain(Decimal(number)) == text


def test_fractions_in_json_are_exact():
    assert loads('{"a": 0.1, "b": 3}') == {"a": Decimal("0.1"), "b": 3}
    assert isinstance(loads("0.1"), Decimal)


def test_estimates_are_rounded_to_what_can_be_metered():
    assert plain(rounded(Decimal("0.30000000000000004"))) == "0.3"
    assert exact(rounded(Decimal(2) / Decimal(3)), "x") == Decimal("0.666666666667")


@pytest.mark.parametrize("data", [None, [], {}, {"value": "x"}, {"value": None}, {"value": 0.5}])
def test_what_others_stored_is_not_taken_for_ours(data):
    assert content_of(data) is None


def test_a_number_that_others_stored_is_comparable():
    assert content_of({"value": Decimal("12.50")}) == Content(Decimal("12.5"))
    assert content_of({"value": 12, "unit": None}) == Content(Decimal(12))
