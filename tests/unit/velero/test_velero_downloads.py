# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from the object store, and what of it may be shown."""

from __future__ import annotations

import gzip
import json

import pytest

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.velero import downloads


def test_files_are_unpacked_unless_the_store_has_done_it():
    assert downloads.unpacked(gzip.compress(b"text")) == b"text"
    assert downloads.unpacked(b"text") == b"text"
    assert downloads.unpacked(b"") == b""


@pytest.mark.parametrize(
    "damaged",
    [gzip.compress(b"text" * 100)[:-9], b"\x1f\x8bnothing", gzip.compress(b"text")[:3]],
    ids=["cut", "no archive", "header"],
)
def test_damaged_files_are_reported(damaged):
    with pytest.raises(MiniappInfraError, match="Failed to unpack"):
        downloads.unpacked(damaged)


def test_items_are_counted_without_namespaces():
    data = {
        "v1/ConfigMap": ["shop/a(created)", "shop/b(skipped)", "shop/odd(name)(updated)"],
        "v1/Namespace": ["shop(created)"],
        "apps/v1/Deployment": ["shop/web(failed)"],
        "v1/PersistentVolume": ["pv()"],
        "v1/Secret": None,
    }
    found = downloads.items_of(json.dumps(data).encode())
    assert found.by_action == {"created": 1, "skipped": 1, "updated": 1, "failed": 1, "unknown": 1}
    assert found.written == 2
    assert found.describe() == "1 created, 1 failed, 1 skipped, 1 unknown, 1 updated"
    assert downloads.items_of(b"null").describe() == "no objects"


def test_results_have_one_form():
    empty = {"velero": [], "cluster": [], "namespaces": {}}
    assert downloads.results_of(b"{}") == {"errors": empty, "warnings": empty}
    found = downloads.results_of(
        json.dumps({"errors": {"velero": ["v"], "namespaces": {"b": ["y"], "a": ["x"]}}}).encode()
    )
    assert downloads.messages(found, "errors") == ["v", "a: x", "b: y"]
    assert downloads.messages({}, "errors") == []


def test_what_is_no_json_is_reported():
    with pytest.raises(MiniappInfraError, match="Failed to read what the object store holds"):
        downloads.items_of(b"<html>")


def test_secrets_in_texts_are_hidden():
    text = "GET https://user:pa55word@s3/x Authorization: Bearer abcdefgh12345678"
    shown = json.dumps(downloads.results_of(json.dumps({"errors": {"velero": [text]}}).encode()))
    assert "pa55word" not in shown
    assert "abcdefgh12345678" not in shown
    assert "pa55word" not in "".join(downloads.tail(text.encode()))


def test_the_end_of_a_log():
    assert downloads.tail("\n".join(map(str, range(100))).encode(), lines=2) == ["98", "99"]
    assert downloads.tail(b"") == []
