# SPDX-License-Identifier: GPL-3.0-or-later
"""What an apply changed, against an API server that somebody else wrote to since we looked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.kube.diff import differs
from miniapp_infra.kube.discovery import Resource
from miniapp_infra.kube.live import read_one
from miniapp_infra.kube.objects import ref_of
from miniapp_infra.kube.races import Applied, ServerSideApply

if TYPE_CHECKING:
    from conftest import Kubectl
    from miniapp_infra.kube.client import Client

MAPS = Resource("v1", "ConfigMap", "configmaps", namespaced=True)


@pytest.fixture
def desired(namespace: str) -> dict[str, Any]:
    metadata = {"name": "a", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"mode": "new"}}


def run(client: Client, desired: dict[str, Any], before: dict[str, Any] | None) -> Applied:
    return ServerSideApply(client, MAPS, ref_of(desired), desired, {"fieldManager": "us"}).run(before)


def looked(client: Client, desired: dict[str, Any]) -> dict[str, Any]:
    found = read_one(client, MAPS, ref_of(desired))
    assert found is not None
    return found


def test_another_writer_between_look_and_apply(
    client: Client, kubectl: Kubectl, namespace: str, desired: dict[str, Any]
) -> None:
    run(client, {**desired, "data": {"mode": "old"}}, None)
    before = looked(client, desired)
    kubectl("-n", namespace, "label", "configmap", "a", "theirs=1")
    applied = run(client, desired, before)
    assert applied.before is not None
    assert applied.before["metadata"]["labels"] == {"theirs": "1"}
    assert (applied.before["data"], applied.after["data"]) == ({"mode": "old"}, {"mode": "new"})


def test_nothing_of_ours_changed_although_somebody_wrote(
    client: Client, kubectl: Kubectl, namespace: str, desired: dict[str, Any]
) -> None:
    run(client, desired, None)
    before = looked(client, desired)
    kubectl("-n", namespace, "label", "configmap", "a", "theirs=1")
    applied = run(client, desired, before)
    assert not differs(applied.before, applied.after)


def test_the_object_was_deleted_between_look_and_apply(
    client: Client, kubectl: Kubectl, namespace: str, desired: dict[str, Any]
) -> None:
    run(client, {**desired, "data": {"mode": "old"}}, None)
    before = looked(client, desired)
    kubectl("-n", namespace, "delete", "configmap", "a")
    applied = run(client, desired, before)
    assert applied.before is None
    assert applied.after["metadata"]["uid"] != before["metadata"]["uid"]


def test_the_object_was_replaced_between_look_and_apply(
    client: Client, kubectl: Kubectl, namespace: str, desired: dict[str, Any]
) -> None:
    run(client, {**desired, "data": {"mode": "old"}}, None)
    before = looked(client, desired)
    kubectl("-n", namespace, "delete", "configmap", "a")
    kubectl("-n", namespace, "create", "configmap", "a", "--from-literal=other=1")
    applied = run(client, desired, before)
    assert applied.before is not None
    assert applied.before["data"] == {"other": "1"}
    assert applied.after["data"] == {"other": "1", "mode": "new"}


def test_the_version_is_no_field_that_we_own(client: Client, desired: dict[str, Any]) -> None:
    run(client, {**desired, "data": {"mode": "old"}}, None)
    applied = run(client, desired, looked(client, desired))
    (entry,) = applied.after["metadata"]["managedFields"]
    assert entry["fieldsV1"] == {"f:data": {"f:mode": {}}}
