# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading YAML as Kubernetes does, and refusing what is not an object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube.errors import KubeError
from miniapp_infra.kube.manifests import parse, read
from miniapp_infra.kube.objects import refuse_duplicates

if TYPE_CHECKING:
    from pathlib import Path

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", True),
        ("y", True),
        ("NO", False),
        ("n", False),
        ("089", 89),
        ("1.", 1),
        ("true", True),
        ("12:30:00", "12:30:00"),
        ("2026-01-01", "2026-01-01"),
        ("=", "="),
        ("1e3", 1000),
        ("1.5", 1.5),
        ("0644", 420),
        ("0x1F", 31),
        ("-5", -5),
        ("1.2.3", "1.2.3"),
        ("~", None),
        ("'1'", "1"),
        ("1_000.5", 1000.5),
        ("1e1000", "1e1000"),
        ("2024_01_15", 20240115),
        ("+_05", 5),
        ("0x_1F", 31),
        ("0B1_0", 2),
        ("0o17", 15),
        ("009_66", 966),
        (".1_0", 0.1),
        ("._1", "._1"),
        ("_1", "_1"),
        ("nO", "nO"),
        ("tRUE", "tRUE"),
        ("<<", "<<"),
        ("!!binary aGFsbG8=", "hallo"),
        ("!!timestamp 2026-01-01", "2026-01-01"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    found = parse(f"{CONFIG_MAP}data: {{x: {text}}}", "t")[0]["data"]["x"]
    assert (found, type(found)) == (value, type(value))


def test_keys_are_strings_and_none_gets_lost() -> None:
    """For Python 1 and true are the same key; JSON has strings only."""
    data = parse(f"{CONFIG_MAP}data: {{1: a, true: b, 2.5: c, on-off: d}}", "t")[0]["data"]
    assert data == {"1": "a", "true": "b", "2.5": "c", "on-off": "d"}


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("{<<: *p, a: 0}", {"a": 0, "b": 2}),
        ("{a: 0, <<: *p}", {"a": 1, "b": 2}),
        ("{<<: [*p, *q]}", {"a": 1, "b": 2, "c": 4}),
        ("{<<: *p, <<: *q}", {"a": 1, "b": 3, "c": 4}),
        ("{<<: {<<: *p, b: 5}}", {"a": 1, "b": 5}),
    ],
)
def test_merged_mappings_are_those_of_kubectl(text: str, data: dict[str, int]) -> None:
    anchors = "p: &p {a: 1, b: 2}\nq: &q {b: 3, c: 4}\n"
    assert parse(f"{CONFIG_MAP}{anchors}data: {text}", "t")[0]["data"] == data


def test_several_documents_lists_and_empty_ones() -> None:
    items = "kind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n"
    text = f"---\n---\n{CONFIG_MAP}---\napiVersion: v1\n{items}"
    assert [obj["kind"] for obj in parse(text, "t")] == ["ConfigMap", "Secret"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "t, line 2, column 1: is not valid YAML"),
        ("a: 1\nb: 2\na: 3", "t, line 3, column 1: is not valid YAML: the key 'a' occurs twice"),
        ("a: 1\n0x1: 2\n1: 3", "t, line 3, column 1: is not valid YAML: the key '1' occurs twice"),
        ("true: 1\nb: 2\nyes: 3", "t, line 3, column 1: is not valid YAML: the key 'true' occurs twice"),
        ("a: b\n~: c", "t, line 2, column 1: is not valid YAML: a key cannot be a scalar with this value"),
        ("[a]: b", "t, line 1, column 1: is not valid YAML: a key cannot be a sequence with this value"),
        ("a: &x [*x]", "t, line 1, column 4: is not valid YAML: found unconstructable recursive node"),
        ("a: &x {b: {<<: *x}}", "t, line 1, column 4: is not valid YAML: found unconstructable recursive node"),
        ("[" * 5000 + "]" * 5000, "t: is nested too deeply"),
        ("<<: a", "t, line 1, column 5: is not valid YAML: << needs a mapping, got a scalar"),
        ("a: .inf", "t, line 1, column 4: is not valid YAML: JSON has no number .inf"),
        ("a: -.INF", "t, line 1, column 4: is not valid YAML: JSON has no number -.INF"),
        ("a: .nan", "t, line 1, column 4: is not valid YAML: JSON has no number .nan"),
        ("a: !!set {b}", "t, line 1, column 4: is not valid YAML: Kubernetes objects have no set"),
        ("a: !!binary '?'", "t, line 1, column 4: is not valid YAML: it is not text in base64"),
        ("just text", "t, document 1: must be a Kubernetes object (a mapping), got str"),
        ("kind: A", "t, document 1: apiVersion: must be a non-empty string"),
        ("apiVersion: v1", "t, document 1: kind: must be a non-empty string"),
        ("apiVersion: v1\nkind: A", "t, document 1: A: metadata: must be a mapping"),
        ("apiVersion: v1\nkind: A\nmetadata: {generateName: x-}", "t, document 1: A: metadata.name: must be"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: 5}", "t, document 1: A: metadata.name: must be"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: x, namespace: 5}", "A x: metadata.namespace: must be a string"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: ..}", "A: metadata.name: must not be a path, got '..'"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: a/b}", "A: metadata.name: must not be a path, got 'a/b'"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: .}", "metadata.namespace: must not be a path"),
        ("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization", "is a kustomization"),
    ],
)
def test_bad_input_names_the_place_and_the_field(text: str, message: str) -> None:
    with pytest.raises(KubeError) as caught:
        parse(text, "t")
    assert message in caught.value.message
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_directories_are_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.yml", "a.yaml", "c.json"):
        (tmp_path / name).write_text(CONFIG_MAP.replace("name: a", f"name: {name[0]}"))
    (tmp_path / "README.md").write_text("not a manifest")
    assert [obj["metadata"]["name"] for obj in read([str(tmp_path)])] == ["a", "b", "c"]


def test_missing_files_and_empty_directories_are_named(tmp_path: Path) -> None:
    with pytest.raises(KubeError, match=r"src: cannot read .*nothing.yml: No such file"):
        read([str(tmp_path / "nothing.yml")])
    with pytest.raises(KubeError, match=r"src: .* has no file that ends in"):
        read([str(tmp_path)])


def test_a_set_that_declares_an_object_twice_is_refused_across_versions() -> None:
    def obj(api_version: str, namespace: str = "n") -> dict[str, Any]:
        return {"apiVersion": api_version, "kind": "A", "metadata": {"name": "x", "namespace": namespace}}

    refuse_duplicates([obj("g/v1"), obj("g/v1", "other"), obj("h/v1")])
    with pytest.raises(KubeError, match="A n/x is declared twice"):
        refuse_duplicates([obj("g/v1"), obj("g/v2")])
