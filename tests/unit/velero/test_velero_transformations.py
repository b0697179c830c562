# SPDX-License-Identifier: GPL-3.0-or-later
"""From options to specifications of Velero, and what counts as the same request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.velero import transformations as t
from miniapp_infra.velero.models import REQUEST_ANNOTATION, Run


def test_a_backup_has_only_what_is_given():
    assert t.backup_spec({"included_namespaces": [], "ttl": None, "hooks": {}}) == {}


def test_a_backup():
    options = {
        "included_namespaces": ["a"],
        "excluded_resources": ["secrets"],
        "include_cluster_resources": False,
        "label_selector": {"matchLabels": {"app": "x"}},
        "ttl": "720h",
        "csi_snapshot_timeout": "10m",
        "default_volumes_to_fs_backup": True,
        "snapshot_move_data": False,
        "ordered_resources": {"pods": ["a/x", "a/y"], "persistentvolumes": "pv1,pv2"},
        "resource_policy": "skip-caches",
        "volume_snapshot_locations": ["east"],
    }
    assert t.backup_spec(options) == {
        "includedNamespaces": ["a"],
        "excludedResources": ["secrets"],
        "includeClusterResources": False,
        "labelSelector": {"matchLabels": {"app": "x"}},
        "ttl": "720h",
        "csiSnapshotTimeout": "10m",
        "defaultVolumesToFsBackup": True,
        "snapshotMoveData": False,
        "orderedResources": {"pods": "a/x,a/y", "persistentvolumes": "pv1,pv2"},
        "resourcePolicy": {"kind": "ConfigMap", "name": "skip-caches"},
        "volumeSnapshotLocations": ["east"],
    }


def test_a_restore():
    options = {
        "namespace_mapping": {"a": "b"},
        "restore_pvs": True,
        "preserve_node_ports": False,
        "existing_resource_policy": "update",
        "restore_status": {"included_resources": ["workflows"], "excluded_resources": None},
        "or_label_selectors": [{"matchLabels": {"a": "b"}}],
    }
    assert t.restore_spec(options) == {
        "namespaceMapping": {"a": "b"},
        "restorePVs": True,
        "preserveNodePorts": False,
        "existingResourcePolicy": "update",
        "restoreStatus": {"includedResources": ["workflows"]},
        "orLabelSelectors": [{"matchLabels": {"a": "b"}}],
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ttl": "1 day"}, "ttl: must be a duration"),
        ({"label_selector": {"a": 1}, "or_label_selectors": [{}]}, "or_label_selectors: cannot be combined"),
        ({"excluded_namespaces": ["*"]}, "excluded_namespaces: [*] would leave nothing"),
        ({"included_resources": ["a"], "excluded_resources": ["a"]}, "excluded_resources: a is in included_resources"),
        (
            {"include_cluster_resources": False, "included_cluster_scoped_resources": ["x"]},
            "included_cluster_scoped_resources: cannot be combined with include_cluster_resources",
        ),
    ],
)
def test_contradictions(options, words):
    with pytest.raises(MiniappInfraError, match=words):
        t.backup_spec(options)


def test_every_option_has_a_field_of_the_definition():
    """As the published definitions of Velero have it."""
    text = (Path(__file__).parents[2] / "contracts" / "velero" / "crds.json").read_text()
    kinds = {item["spec"]["names"]["kind"]: item for item in json.loads(text)["definitions"]}
    for kind, options in (("Backup", t.BACKUP_OPTIONS), ("Restore", t.RESTORE_OPTIONS)):
        schema = kinds[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        assert {t.camel(option) for option in options} <= set(schema)


def test_names():
    t.check_name("nightly-2026.1")
    for wrong in ("", "A", "a_b", "-a", "a-", "a" * 201, "a/b", "a\n"):
        with pytest.raises(MiniappInfraError, match="name: must be"):
            t.check_name(wrong)


def test_a_key_has_one_name():
    assert t.name_for("nightly", "run-7") == t.name_for("nightly", "run-7")
    assert t.name_for("nightly", "run-7") != t.name_for("nightly", "run-8")
    t.check_name(t.name_for("n" * 300, "x"))


def test_long_names_are_shortened_as_velero_does():
    assert t.label_value("a" * 63) == "a" * 63
    # From pkg/label/label_test.go of Velero.
    long = "this-is-a-very-long-name-as-we-know-it-is-more-than-sixty-three-characters"
    assert len(t.label_value(long)) == 63
    assert t.label_value(long).startswith(long[:57])


def run(spec, request=None):
    annotations = {REQUEST_ANNOTATION: request} if request else {}
    return Run("Backup", "b", "velero", spec=spec, annotations=annotations)


@pytest.mark.parametrize(
    ("asked", "found", "different"),
    [
        ({"ttl": "1h"}, run({"ttl": "1h0m0s"}), []),
        ({"ttl": "1h"}, run({"ttl": "2h"}), ["ttl"]),
        ({"includedNamespaces": ["a"]}, run({"includedNamespaces": ["a"], "ttl": "720h0m0s"}), []),
        ({"excludedResources": ["a"]}, run({"excludedResources": ["a", "nodes", "events"]}), []),
        ({"includedNamespaces": ["a", "b"]}, run({"includedNamespaces": ["a"]}), ["includedNamespaces"]),
        ({"storageLocation": "x"}, run({"storageLocation": "y"}), ["storageLocation"]),
        ({}, run({"includedNamespaces": ["a"]}), []),
        ({"ttl": "1h"}, run({"ttl": "2h"}, "same"), []),
        ({"ttl": "1h"}, run({"ttl": "2h"}, "other"), ["ttl"]),
    ],
)
def test_what_is_the_same_request(asked, found, different):
    assert t.differences(asked, "same", found) == different


def test_options_that_were_taken_away_differ_too():
    assert t.differences({}, "same", run({"ttl": "1h"}, "other")) != []


def test_the_order_of_options_makes_no_difference():
    assert t.digest({"a": 1, "b": [1, 2]}) == t.digest({"b": [1, 2], "a": 1})
    assert t.digest({"a": 1}) != t.digest({"a": "1"})
