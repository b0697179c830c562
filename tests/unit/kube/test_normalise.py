# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as a difference, and what a diff shows."""

from __future__ import annotations

from typing import Any

from miniapp_infra.kube.diff import differs, render
from miniapp_infra.kube.normalise import normalise, redact, redact_text
from miniapp_infra.kube.objects import ref_of

SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "s", "namespace": "n"},
    "data": {"password": "Y2FuYXJ5LTEyMw=="},
    "stringData": {"token": "canary-456"},
}


def server_side(**metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "c",
            "namespace": "n",
            "uid": "1",
            "resourceVersion": "2",
            "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
            **metadata,
        },
        "data": {"a": "1"},
        "status": {"x": 1},
    }


def test_what_the_server_keeps_for_itself_is_dropped() -> None:
    assert normalise(server_side()) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "n"},
        "data": {"a": "1"},
    }


def test_other_annotations_stay_and_the_original_is_not_touched() -> None:
    original = server_side(annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "1"})
    assert normalise(original)["metadata"]["annotations"] == {"mine": "1"}
    assert len(original["metadata"]["annotations"]) == 2


def test_only_meaning_differs() -> None:
    before = server_side()
    assert not differs(before, server_side(resourceVersion="9", uid="8"))
    assert differs(before, {**server_side(), "data": {"a": "2"}})
    assert differs(None, before)
    assert differs(before, None)


def test_a_diff_of_a_secret_shows_that_it_changed_and_not_how() -> None:
    after = {**SECRET, "data": {"password": "Y2FuYXJ5LTk5OQ=="}}
    diff = render(ref_of(SECRET), SECRET, after)
    assert diff["before"] != diff["after"]
    assert "Y2FuYXJ5" not in str(diff)
    assert "canary" not in str(diff)
    assert diff["before_header"] == "Secret n/s"


def test_equal_secrets_have_equal_placeholders() -> None:
    assert redact(SECRET) == redact(SECRET)
    assert redact(SECRET)["metadata"] == SECRET["metadata"]


def test_values_are_taken_out_of_messages_of_secrets_only() -> None:
    assert "canary-456" not in redact_text("got canary-456 in stringData", SECRET)
    assert redact_text("got 1", server_side()) == "got 1"
