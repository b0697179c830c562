# SPDX-License-Identifier: GPL-3.0-or-later
"""Which namespaces a restore writes to, and which of them it also reads."""

from __future__ import annotations

import pytest

from miniapp_infra.errors import MiniappInfraError
from miniapp_infra.velero.targets import check_confirmation, target_of


@pytest.mark.parametrize(
    ("restore", "backup", "namespaces", "over_source"),
    [
        ({}, ["shop"], {"shop"}, {"shop"}),
        ({"namespaceMapping": {"shop": "drill"}}, ["shop"], {"drill"}, set()),
        ({"namespaceMapping": {"shop": "drill"}}, ["shop", "pay"], {"drill", "pay"}, {"pay"}),
        ({"namespaceMapping": {"shop": "pay"}}, ["shop", "pay"], {"pay"}, {"pay"}),
        ({"namespaceMapping": {"shop": "pay", "pay": "shop"}}, ["shop", "pay"], {"pay", "shop"}, {"pay", "shop"}),
        ({"includedNamespaces": ["shop"]}, ["shop", "pay"], {"shop"}, {"shop"}),
        ({"includedNamespaces": ["shop"], "namespaceMapping": {"shop": "drill"}}, [], {"drill"}, set()),
        ({"excludedNamespaces": ["pay"]}, ["shop", "pay"], {"shop"}, {"shop"}),
        ({"includedNamespaces": ["*"]}, ["shop"], {"shop"}, {"shop"}),
        ({}, [], {"*"}, {"*"}),
        ({}, ["*"], {"*"}, {"*"}),
        ({"namespaceMapping": {"shop": "drill"}}, [], {"*"}, {"*"}),
        ({"excludedNamespaces": ["pay"]}, [], {"*"}, {"*"}),
    ],
)
def test_targets(restore, backup, namespaces, over_source):
    target = target_of(restore, {"includedNamespaces": backup})
    assert target.namespaces == namespaces
    assert target.over_source == over_source


def test_what_the_backup_leaves_out_is_no_target():
    assert target_of({}, {"includedNamespaces": ["a", "b"], "excludedNamespaces": ["b"]}).namespaces == {"a"}


def test_only_what_is_restored_can_be_mapped():
    with pytest.raises(MiniappInfraError, match="namespace_mapping: shpo is not restored, only shop"):
        target_of({"namespaceMapping": {"shpo": "drill"}}, {"includedNamespaces": ["shop"]})


@pytest.mark.parametrize("confirmed", [["a", "b"], ["b", "a"], ("a", "b", "a")])
def test_the_order_of_a_confirmation_does_not_matter(confirmed):
    check_confirmation(confirmed, target_of({}, {"includedNamespaces": ["a", "b"]}))


@pytest.mark.parametrize("confirmed", [[], ["a"], ["a", "b", "c"], ["*"], ["A", "B"]])
def test_a_confirmation_must_be_exact(confirmed):
    with pytest.raises(MiniappInfraError, match="confirm_target: the restore writes to a, b, confirmed is"):
        check_confirmation(confirmed, target_of({}, {"includedNamespaces": ["a", "b"]}))
