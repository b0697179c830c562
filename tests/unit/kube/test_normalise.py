# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as a difference, and what a diff shows."""

from __future__ import annotations

from typing import Any

import pytest

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


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1, 1.0), ([1], [True]), ({"b": 0}, {"b": False})])
def test_what_python_takes_for_equal_differs(one: object, other: object) -> None:
    before, after = {**server_side(), "data": {"a": one}}, {**server_side(), "data": {"a": other}}
    assert before == after
    assert differs(before, after)


def test_annotations_that_repeat_a_secret_are_placeholders() -> None:
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": '{"data": {"old": "b2xkLWNhbmFyeQ=="}}',
        "example.com/applied": '{"stringData": {"password": "canary-123"}}',
        "example.com/plain": "stays",
    }
    shown = str(redact({**SECRET, "metadata": {**SECRET["metadata"], "annotations": annotations}}))
    assert "canary" not in shown
    assert "b2xkLWNhbmFyeQ" not in shown
    assert "stays" in shown


def test_a_section_of_a_wrong_type_is_a_placeholder() -> None:
    assert "canary" not in str(redact({**SECRET, "data": "canary", "stringData": ["canary"]}))


@pytest.mark.parametrize(
    "message",
    [
        "got canary-456",
        "got Y2FuYXJ5LTQ1Ng==",
        "got canary-123",
        "got Y2FuYXJ5LTEyMw==",
        "expected string, got map[deep:canary-789]",
        'got "canary line\\nand another\\n"',
        "got canary line\nand another",
        "got 271828 and 314159",
    ],
)
def test_every_form_of_a_value_is_taken_out_of_messages(message: str) -> None:
    values = {
        "token": "canary-456",
        "wrong": {"deep": ["canary-789"]},
        "lines": "canary line\nand another\n",
        "number": 271828,
        "numbers": [314159],
    }
    text = redact_text(message, {**SECRET, "stringData": values})
    assert "(redacted " in text
    assert not any(part in text for part in ("canary", "Y2FuYXJ5", "another", "271828", "314159"))


def test_short_values_and_words_of_the_server_stay_in_messages() -> None:
    text = "expected True, got 12 or a"
    assert redact_text(text, {**SECRET, "stringData": {"a": "a", "b": "12", "c": True, "d": None, "e": ""}}) == text


def test_values_of_both_states_are_taken_out() -> None:
    other = {**SECRET, "data": {"password": "b3RoZXItY2FuYXJ5"}}
    assert "canary" not in redact_text("was canary-456, would be other-canary", SECRET, other, None)


def test_a_value_inside_of_another_one_leaves_nothing() -> None:
    secret = {**SECRET, "stringData": {"a": "canary", "b": "canary-and-more"}}
    assert "more" not in redact_text("got canary-and-more", secret)


def test_values_are_taken_out_of_messages_of_secrets_only() -> None:
    assert "canary-456" not in redact_text("got canary-456 in stringData", SECRET)
    assert redact_text("got 1", server_side()) == "got 1"
