# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory holds, how large it may be, and what is not taken for one."""

from __future__ import annotations

import base64
import gzip
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.inventory import (
    LIMIT,
    OWNER,
    PLAIN_LIMIT,
    Place,
    decode,
    encode,
    marked,
    owner_of,
    place_of,
)
from miniapp_infra.kube.objects import ObjectRef

PLACE = Place("shop", "inventory-app")
texts = st.text(min_size=1, max_size=20)
some_refs = st.lists(st.builds(ObjectRef, texts, texts, st.text(max_size=20), texts), max_size=30)


def long_refs(number: int) -> list[ObjectRef]:
    """Names that cannot be compressed, as long as Kubernetes allows."""
    draw = random.Random(1)
    return [
        ObjectRef("apps/v1", "Deployment", "namespace", f"{draw.getrandbits(1000):0250x}"[:250]) for _ in range(number)
    ]


@settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(some_refs)
def test_what_goes_in_comes_out(refs: list[ObjectRef]) -> None:
    assert decode(PLACE, encode(PLACE, refs)) == tuple(sorted(set(refs)))


def test_the_order_does_not_matter() -> None:
    refs = [ObjectRef("v1", "ConfigMap", "shop", name) for name in "abc"]
    assert encode(PLACE, refs) == encode(PLACE, reversed(refs))
    assert encode(PLACE, refs)["data"]["objects"] == (
        '[["v1","ConfigMap","shop","a"],["v1","ConfigMap","shop","b"],["v1","ConfigMap","shop","c"]]'
    )


def test_long_records_are_compressed() -> None:
    refs = [ObjectRef("apps/v1", "Deployment", "a-namespace", f"a-deployment-{number:06}") for number in range(50_000)]
    contents = encode(PLACE, refs)
    assert "objects" not in contents["data"]
    assert len(contents["binaryData"]["objects"]) < LIMIT
    assert decode(PLACE, contents) == tuple(refs)
    assert contents == encode(PLACE, refs)


def test_records_stay_readable_up_to_a_size() -> None:
    refs = [ObjectRef("v1", "ConfigMap", "shop", f"{number:06}") for number in range(5000)]
    assert len(encode(PLACE, refs)["data"]["objects"]) < PLAIN_LIMIT


def test_five_thousand_of_the_longest_names_fit() -> None:
    refs = long_refs(5000)
    assert decode(PLACE, encode(PLACE, refs)) == tuple(sorted(refs))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(KubeError, match=rf"shop/inventory-app: 20000 objects need \d+ bytes, and {LIMIT} fit"):
        encode(PLACE, long_refs(20_000))


def packed(data: bytes) -> dict[str, Any]:
    return {"data": {"version": "1"}, "binaryData": {"objects": base64.b64encode(data).decode()}}


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"data": None},
        {"data": {"objects": "[]"}},
        {"data": {"version": "2", "objects": "[]"}},
        {"data": {"version": "1"}},
        {"data": {"version": "1", "objects": ""}},
        {"data": {"version": "1", "objects": "{}x"}},
        {"data": {"version": "1", "objects": "null"}},
        {"data": {"version": "1", "objects": "7"}},
        {"data": {"version": "1", "objects": "[7]"}},
        {"data": {"version": "1", "objects": '[["v1","ConfigMap","shop"]]'}},
        {"data": {"version": "1", "objects": '[["v1","ConfigMap","shop","a","b"]]'}},
        packed(b"not gzip"),
        packed(gzip.compress(b"[]" * 100)[:-9]),
        packed(gzip.compress(b"\xff\xfe\xfd")),
        {"data": {"version": "1"}, "binaryData": {"objects": "?"}},
    ],
)
def test_what_cannot_be_read_is_never_empty(stored: dict[str, Any]) -> None:
    with pytest.raises(KubeError, match=r"^Failed to read inventory shop/inventory-app: ") as caught:
        decode(PLACE, stored)
    assert "by hand" in caught.value.hint


def annotated(**annotations: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "a", "annotations": {key.replace("__", "/"): value for key, value in annotations.items()}}
    }


def test_owners() -> None:
    helm = {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"}
    assert owner_of({"metadata": {"name": "a"}}) == ""
    assert owner_of({"metadata": {"name": "a", "annotations": None}}) == ""
    assert owner_of(annotated(**helm)) == "Helm release shop/web"
    assert owner_of(annotated(**helm, **{OWNER: "shop/inventory-app"})) == "shop/inventory-app"


def test_a_mark_leaves_the_rest_alone() -> None:
    obj = {"kind": "ConfigMap", "metadata": {"name": "a", "annotations": {"b": "c"}}}
    done = marked(obj, PLACE)
    assert done["metadata"]["annotations"] == {"b": "c", OWNER: "shop/inventory-app"}
    assert obj["metadata"] == {"name": "a", "annotations": {"b": "c"}}
    assert owner_of(marked({"kind": "ConfigMap", "metadata": {"name": "a", "annotations": None}}, PLACE)) == str(PLACE)
    assert owner_of(marked(marked(obj, Place("x", "y")), PLACE)) == str(PLACE)


@pytest.mark.parametrize("text", ["", "shop", "/name", "shop/", "Helm release shop/web"])
def test_other_owners_have_no_place(text: str) -> None:
    assert place_of(text) is None


def test_a_place_reads_what_it_writes() -> None:
    assert place_of(str(PLACE)) == PLACE
