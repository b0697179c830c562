# SPDX-License-Identifier: GPL-3.0-or-later
"""Every policy has samples of everything that it could forget to look at."""

from __future__ import annotations

import pytest
import yaml

WORKLOADS = {"CronJob", "DaemonSet", "Deployment", "Job", "Pod", "Rollout", "StatefulSet"}
# Labels belong to pods, not to containers; the API gives ephemeral containers no resources.
WITHOUT_CONTAINERS = {"required-labels"}
WITHOUT_EPHEMERAL_CONTAINERS = {"required-labels", "resource-bounds"}


def cases(folder):
    suite = yaml.safe_load((folder / "suite.yaml").read_text(encoding="utf-8"))
    return [case for test in suite["tests"] for case in test["cases"]]


def sample(folder, case):
    return yaml.safe_load((folder / case["object"]).read_text(encoding="utf-8"))


def is_refused(case):
    return [assertion["violations"] for assertion in case["assertions"]] == [1]


def samples(folder, *, refused):
    return [sample(folder, case) for case in cases(folder) if is_refused(case) is refused]


def pod_specs(manifests):
    for manifest in manifests:
        spec = manifest.get("spec", {})
        yield {
            "Pod": lambda spec=spec: spec,
            "CronJob": lambda spec=spec: spec["jobTemplate"]["spec"]["template"]["spec"],
            "AdmissionReview": dict,
        }.get(manifest["kind"], lambda spec=spec: spec["template"]["spec"])()


@pytest.mark.parametrize("refused", [False, True], ids=["allowed", "refused"])
def test_each_kind_of_workload_is_sampled(folder, refused):
    assert {manifest["kind"] for manifest in samples(folder, refused=refused)} >= WORKLOADS


@pytest.mark.parametrize("refused", [False, True], ids=["allowed", "refused"])
@pytest.mark.parametrize("containers", ["containers", "initContainers", "ephemeralContainers"])
def test_each_kind_of_container_is_sampled(folder, containers, refused):
    if refused and containers != "containers" and folder.name in WITHOUT_CONTAINERS:
        pytest.skip("does not look at containers")
    if refused and containers == "ephemeralContainers" and folder.name in WITHOUT_EPHEMERAL_CONTAINERS:
        pytest.skip("does not look at ephemeral containers")
    assert any(spec.get(containers) for spec in pod_specs(samples(folder, refused=refused)))


def test_a_refusal_is_asserted_by_its_message(folder):
    assert not [case["name"] for case in cases(folder) if is_refused(case) and not case["assertions"][0].get("message")]


def test_a_case_is_either_allowed_or_refused_as_its_name_says(folder):
    for case in cases(folder):
        expected = [1] if case["name"].startswith("disallowed-") else ["no"]
        assert [assertion["violations"] for assertion in case["assertions"]] == expected, case["name"]


def test_no_sample_is_left_out_of_the_suite(folder):
    used = {(folder / case["object"]).resolve() for case in cases(folder)}
    assert set((folder / "samples").resolve().iterdir()) <= used


def test_older_objects_and_other_namespaces_are_sampled(folder):
    names = {case["name"] for case in cases(folder)}
    assert {"allowed-finalizer-removed", "allowed-terminating", "allowed-platform-namespace"} <= names
