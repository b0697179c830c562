# SPDX-License-Identifier: GPL-3.0-or-later
"""How much may go: the table of what is refused, and what the refusal says."""

from __future__ import annotations

import pytest

from miniapp_infra.kube.budget import PROTECTED, Budget, named
from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.objects import ObjectRef


def refs(number: int, kind: str = "ConfigMap", api_version: str = "v1") -> list[ObjectRef]:
    return [ObjectRef(api_version, kind, "shop", f"n{index:02}") for index in range(number)]


@pytest.mark.parametrize(
    ("going", "remaining", "percent", "is_allowed"),
    [
        (0, 0, 0, True),
        (0, 10, 0, True),
        (1, 1, 50, True),
        (5, 5, 50, True),
        (6, 5, 50, False),
        (1, 0, 50, False),
        (1, 0, 99.9, False),
        (1, 0, 100, True),
        (1, 99, 1, True),
        (1, 98, 1, False),
        (1, 1000, 0, False),
        (2, 1, 66, False),
        (2, 1, 67, True),
    ],
)
def test_the_percentage(going: int, remaining: int, percent: float, is_allowed: bool) -> None:  # noqa: FBT001 - a column
    budget = Budget(percent)
    if is_allowed:
        budget.spend(refs(going), remaining, of="inventory a/b")
        return
    with pytest.raises(KubeError, match=f"^Refused to prune inventory a/b: {going} of {going + remaining} ") as caught:
        budget.spend(refs(going), remaining, of="inventory a/b")
    assert caught.value.code == "refused_by_policy"
    budget.spend(refs(going), remaining, of="inventory a/b", whole=True)


@pytest.mark.parametrize(("going", "remaining"), [(1, 0), (2, 1), (1, 2), (7, 4), (1, 999)])
def test_the_advice_is_enough(going: int, remaining: int) -> None:
    with pytest.raises(KubeError) as caught:
        Budget(0).spend(refs(going), remaining, of="x")
    advised = float(caught.value.hint.removeprefix("If that is meant, set prune_budget to ").split()[0])
    assert advised <= 100
    Budget(advised).spend(refs(going), remaining, of="x")


@pytest.mark.parametrize("kind", PROTECTED)
def test_protected_kinds_go_with_no_percentage(kind: str) -> None:
    for whole in (True, False):
        with pytest.raises(KubeError, match=f"{kind} shop/n00 would go, and {kind} is protected") as caught:
            Budget(100).spend([*refs(3), *refs(1, kind)], 100, of="x", whole=whole)
        assert f"take {kind} out of protected_kinds" in caught.value.hint
        assert "miniapp.fuze/keep" in caught.value.hint
    Budget(100, ()).spend(refs(1, kind), 100, of="x")


def test_a_protected_kind_may_name_its_group() -> None:
    budget = Budget(100, ("Cluster.postgresql.cnpg.io",))
    budget.spend(refs(1, "Cluster", "cluster.x-k8s.io/v1"), 0, of="x")
    with pytest.raises(KubeError, match="is protected"):
        budget.spend(refs(1, "Cluster", "postgresql.cnpg.io/v1"), 0, of="x")


@pytest.mark.parametrize("percent", [-1, 100.1, 5000])
def test_a_percentage_that_is_none_is_refused(percent: float) -> None:
    with pytest.raises(KubeError, match=r"^prune_budget: must be between 0 and 100"):
        Budget(percent)


def test_a_message_names_ten_objects() -> None:
    text = named(refs(12))
    assert text.startswith("ConfigMap shop/n00, ")
    assert text.endswith("ConfigMap shop/n09, and 2 more")
