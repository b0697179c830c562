# SPDX-License-Identifier: GPL-3.0-or-later
"""A day's rows become charges: what belongs to whom, and that the sum stays that of the bill."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miniapp_infra.cost.cur import _charges
from miniapp_infra.cost.models import Bill, Charge, summed
from miniapp_infra.cost.opencost import check_aggregate
from miniapp_infra.errors import ErrorCode, MiniappInfraError

LABEL = "aws_eks_namespace"


def row(cost="0", owner="", **fields):
    return {
        "line_item_line_item_type": "Usage",
        "line_item_unblended_cost": cost,
        "line_item_currency_code": "USD",
        "line_item_product_code": "AmazonEC2",
        "line_item_resource_id": "i-1",
        "resource_tags": f'{{"{LABEL}": "{owner}", "other": "x"}}' if owner else "",
        **fields,
    }


def pod(owner, split, unused="0", parent="i-1"):
    return row(
        "0",
        owner,
        line_item_resource_id=f"arn:pod/{owner}",
        split_line_item_parent_resource_id=parent,
        split_line_item_split_cost=split,
        split_line_item_unused_cost=unused,
    )


def shown(rows):
    return [
        (charge.owner or charge.reason, charge.service, str(charge.cost), str(charge.credits))
        for charge in _charges(rows, LABEL)
    ]


def test_rows_are_summed_by_owner():
    rows = [row("1.10", "playhub"), row("2.20", "playhub", line_item_resource_id="i-2"), row("3", "payhub")]
    assert shown(rows) == [("payhub", "AmazonEC2", "3", "0"), ("playhub", "AmazonEC2", "3.30", "0")]


def test_what_nobody_owns_is_kept_apart():
    assert shown([row("1", "playhub"), row("5")]) == [
        ("no_label", "AmazonEC2", "5", "0"),
        ("playhub", "AmazonEC2", "1", "0"),
    ]


def test_a_node_is_split_among_its_pods_and_never_counted_twice():
    rows = [row("10"), pod("playhub", "3", "0.5"), pod("payhub", "2"), row("4", "price", line_item_resource_id="i-2")]
    assert shown(rows) == [
        ("node_rest", "AmazonEC2", "4.5", "0"),
        ("payhub", "AmazonEC2", "2", "0"),
        ("playhub", "AmazonEC2", "3.5", "0"),
        ("price", "AmazonEC2", "4", "0"),
    ]


def test_a_pod_without_a_namespace_belongs_to_nobody():
    assert shown([row("3"), pod("", "3")]) == [("no_label", "AmazonEC2", "3", "0")]


def test_credits_are_apart_from_costs():
    rows = [row("5", "playhub"), row("-2", "playhub", line_item_line_item_type="Credit")]
    assert shown(rows) == [("playhub", "AmazonEC2", "5", "-2")]
    assert _charges(rows, LABEL)[0].net == 3


def test_currencies_are_not_added():
    bill = Bill(_charges([row("1", "a"), row("2", "a", line_item_currency_code="CNY")], LABEL), "r")
    assert bill.as_result()["totals"] == {"CNY": "2", "USD": "1"}


@pytest.mark.parametrize("cost", ["NaN", "Infinity", "x", "1,5"])
def test_what_is_no_number_is_never_zero(cost):
    with pytest.raises(MiniappInfraError, match="line_item_unblended_cost is no number"):
        shown([row(cost)])


@pytest.mark.parametrize("tags", ["{", "[]", "1"])
def test_tags_that_cannot_be_read_are_an_error(tags):
    with pytest.raises(MiniappInfraError, match="resource_tags is no JSON object"):
        shown([row("1", resource_tags=tags)])


COST = st.decimals(min_value=-1000, max_value=1000, places=10).map(str)
ROWS = st.lists(
    st.one_of(
        st.builds(row, COST, st.sampled_from(["", "a", "b"]), line_item_resource_id=st.sampled_from(["i-1", "i-2"])),
        st.builds(pod, st.sampled_from(["", "a", "b"]), COST, COST, st.sampled_from(["i-1", "i-2", "i-gone"])),
    ),
    max_size=12,
)


@given(ROWS)
def test_all_charges_together_are_the_bill(rows):
    billed = sum((Decimal(one["line_item_unblended_cost"]) for one in rows), Decimal(0))
    assert sum((charge.net for charge in _charges(rows, LABEL)), Decimal(0)) == billed


def test_results_are_texts_and_assigned_to_exactly_one_side():
    charges = summed([Charge("a", "s", "USD", Decimal("1.10")), Charge("", "s", "USD", Decimal(2), reason="idle")])
    assert Bill(charges, "r").as_result() == {
        "revision": "r",
        "costs": [{"owner": "a", "service": "s", "currency": "USD", "cost": "1.1", "credits": "0", "net": "1.1"}],
        "unassigned": [{"reason": "idle", "service": "s", "currency": "USD", "cost": "2", "credits": "0", "net": "2"}],
        "totals": {"USD": "3.1"},
    }


@pytest.mark.parametrize(
    "fields", [["namespace"], ["namespace", "label:app.kubernetes.io/name"], ["annotation:x"], ["all"]]
)
def test_fields_to_aggregate_by(fields):
    assert check_aggregate(fields) == tuple(fields)


@pytest.mark.parametrize("fields", [[], ["team"], ["label:"], ["namespace,pod"], ["label:a b"], [""]])
def test_other_fields_are_refused(fields):
    with pytest.raises(MiniappInfraError, match=r"^aggregate: ") as caught:
        check_aggregate(fields)
    assert caught.value.code is ErrorCode.INVALID_INPUT
