# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from bench.arithmetic import Comparison
from bench.publication import amount, times


def test_the_ratio_is_that_of_the_medians_and_not_of_the_means() -> None:
    assert Comparison([1.0, 1.0, 100.0], [10.0, 12.0, 11.0]).ratio == pytest.approx(11.0)


def test_the_smallest_pair_is_one_round_and_not_the_best_of_each() -> None:
    comparison = Comparison([1.0, 2.0, 1.0], [10.0, 30.0, 12.0])
    assert comparison.smallest_pair_ratio == pytest.approx(10.0)


def test_fewer_is_better_for_us() -> None:
    assert Comparison([5], [300]).ratio == pytest.approx(60)
    assert Comparison([300], [5]).ratio < 1


@pytest.mark.parametrize(("ours", "peer"), [([], []), ([1.0], [1.0, 2.0]), ([0.0], [1.0]), ([1.0], [-1.0])])
def test_samples_that_cannot_be_compared_are_refused(ours: list[float], peer: list[float]) -> None:
    with pytest.raises(ValueError, match=r"pairs|positive"):
        Comparison(ours, peer)


def test_rounding_never_turns_a_miss_into_a_hit() -> None:
    told = Comparison([1.0], [6.9999]).as_dict(7)
    assert told["ratio"] == 7.0
    assert told["met"] is False
    assert Comparison([1.0], [7.0]).as_dict(7)["met"] is True
    assert Comparison([1.0], [1.0]).as_dict(None)["met"] is None


def test_what_is_shown_is_never_better_than_it_is() -> None:
    assert times(6.99) == "6.9x"
    assert times(12.0) == "12.0x"
    assert amount(0.956) == "0.96 s"
    assert amount(300, "requests") == "300"
