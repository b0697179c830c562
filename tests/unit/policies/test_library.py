# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shutil

import pytest
import yaml

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.policy import library

from .conftest import POLICIES


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(POLICIES / "non-root", tmp_path / "non-root")
    return tmp_path


def change(path, *keys, value):
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    parent = document
    for key in keys[:-1]:
        parent = parent[key]
    parent[keys[-1]] = value
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


def test_policies_come_in_alphabetical_order(policies):
    names = [policy.name for policy in policies]
    assert names == sorted(names)
    assert {"image-digest", "non-root", "read-only-root-filesystem", "required-labels"} <= set(names)
    assert {"resource-bounds", "trusted-registries"} <= set(names)


def test_samples_are_no_policy(policies):
    assert "samples" not in {policy.name for policy in policies}


def test_a_folder_without_policies_is_refused(tmp_path):
    with pytest.raises(MiniappInfraError, match=r"no template\.yaml in any folder") as raised:
        library.load(tmp_path)
    assert raised.value.code is ErrorCode.NOT_FOUND


def test_a_missing_constraint_is_named(copied):
    (copied / "non-root" / "constraint.yaml").unlink()
    with pytest.raises(MiniappInfraError, match=r"policy non-root: constraint\.yaml: file: No such file"):
        library.load(copied)


def test_a_file_that_is_no_yaml_is_named(copied):
    (copied / "non-root" / "constraint.yaml").write_text("{", encoding="utf-8")
    with pytest.raises(MiniappInfraError, match=r"policy non-root: constraint\.yaml: file: "):
        library.load(copied)


def test_a_file_that_is_no_object_is_named(copied):
    (copied / "non-root" / "template.yaml").write_text("[]", encoding="utf-8")
    with pytest.raises(MiniappInfraError, match=r"template\.yaml: file: must be one object"):
        library.load(copied)


@pytest.mark.parametrize(
    ("file", "keys", "value", "problem"),
    [
        ("template.yaml", ("kind",), "Pod", "kind: must be ConstraintTemplate, got Pod"),
        ("constraint.yaml", ("kind",), "MiniappOther", "kind: kind must be MiniappNonRoot as the template says"),
        ("constraint.yaml", ("metadata", "name"), "other", "metadata.name: must be non-root like its folder"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(copied, file, keys, value, problem):
    change(copied / "non-root" / file, *keys, value=value)
    with pytest.raises(MiniappInfraError) as raised:
        library.load(copied)
    assert problem in str(raised.value)
    assert raised.value.code is ErrorCode.INVALID_INPUT
