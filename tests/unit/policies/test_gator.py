# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules themselves, evaluated by Gatekeeper's own command line without a cluster."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
import yaml

from .conftest import POLICIES
from .test_suites import cases, is_refused, sample

IMAGE_POLICIES = {"image-digest", "trusted-registries"}


def run(*command):
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)


def test_all_suites_pass(gator):
    result = run(gator, "verify", f"{POLICIES}/...")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_suite_notices_a_rule_that_admits_everything(gator, folder, tmp_path):
    shutil.copytree(POLICIES / "samples", tmp_path / "samples")
    copied = shutil.copytree(folder, tmp_path / folder.name)
    template = yaml.safe_load((copied / "template.yaml").read_text(encoding="utf-8"))
    for validation in template["spec"]["targets"][0]["code"][0]["source"]["validations"]:
        validation["expression"] = "true"
    (copied / "template.yaml").write_text(yaml.safe_dump(template), encoding="utf-8")

    result = run(gator, "verify", str(copied / "suite.yaml"))

    assert result.returncode != 0
    refused = sum(is_refused(case) for case in cases(folder))
    assert result.stdout.count("--- FAIL:") >= refused


@pytest.mark.parametrize("refused", [False, True], ids=["allowed", "refused"])
def test_each_sample_breaks_its_own_policy_only(gator, folder, tmp_path, refused):
    manifests = []
    for number, case in enumerate(case for case in cases(folder) if is_refused(case) is refused):
        manifest = sample(folder, case)
        if manifest["kind"] == "AdmissionReview":  # `gator test` has no notion of an update
            continue
        manifests.append(manifest | {"metadata": manifest["metadata"] | {"name": f"sample-{number}"}})
    (tmp_path / "samples.yaml").write_text(yaml.safe_dump_all(manifests), encoding="utf-8")
    files = [*POLICIES.glob("*/template.yaml"), *POLICIES.glob("*/constraint.yaml"), tmp_path / "samples.yaml"]
    files += [POLICIES / "samples" / f"{name}-namespace.yaml" for name in ("tenant", "platform")]

    result = run(gator, "test", "--output=json", *(f"--filename={path}" for path in files))

    found = json.loads(result.stdout) or []  # gator prints null for none
    broken = {(one["violatingObject"]["metadata"]["name"], one["constraint"]["metadata"]["name"]) for one in found}
    expected = {(manifest["metadata"]["name"], folder.name) for manifest in manifests} if refused else set()
    assert broken >= expected
    also = {policy for _, policy in broken - expected}
    # A reference that is no image name at all is rightly refused by both policies on images.
    assert also <= (IMAGE_POLICIES if refused and folder.name in IMAGE_POLICIES else set())
