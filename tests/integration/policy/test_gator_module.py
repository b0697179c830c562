# SPDX-License-Identifier: GPL-3.0-or-later
"""``gator_test`` with the real gator, on the repository's own policies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from miniapp_infra.local.layout import Layout
from promises import without_live

if TYPE_CHECKING:
    from conftest import RunModule

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[3]
POLICY = ROOT / "policies" / "gatekeeper" / "image-digest"
NAMESPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "playhub", "labels": {"miniapp.fuze/tenant": "true"}},
}
GOOD = "registry.example.com/web@sha256:" + "a" * 64


@pytest.fixture(scope="session")
def gator() -> str:
    program = Layout(ROOT).bin / "gator"
    if not program.exists():
        without_live("gator is part of the toolchain, which `make up` builds")
    return str(program)


@pytest.fixture
def base(gator: str) -> dict[str, Any]:
    return {"gator_binary": gator, "policy_files": [str(POLICY)]}


def pod(image: str, name: str = "web", **spec: Any) -> dict[str, Any]:
    container = {"name": "web", "image": image, "env": [{"name": "PASSWORD", "value": "canary"}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "playhub"},
        "spec": {"containers": [container], **spec},
    }


def test_what_is_denied_is_listed_and_fails(module_process: RunModule, base: dict[str, Any]) -> None:
    """The suites and samples beside the policy are no policies, and no manifests."""
    args = {**base, "manifests": [NAMESPACE, pod("registry.example.com/web:1"), pod(GOOD, "good")]}
    for check in (False, True):
        told = module_process("gator_test", {**args, "fail_on_denied": False}, check=check)
        assert not told.get("failed"), told
        assert not told["changed"]
        (violation,) = told["violations"]
        assert violation["object"] == {"api_version": "v1", "kind": "Pod", "namespace": "playhub", "name": "web"}
        assert violation["constraint"] == {"kind": "MiniappImageDigest", "name": "image-digest"}
        assert "is not named by digest" in violation["message"]
        assert (violation["denies"], told["denied"]) == (True, 1)
    failed = module_process("gator_test", args)
    assert failed["failed"]
    assert "1 violations are denied, first of Pod playhub/web by MiniappImageDigest image-digest" in failed["msg"]
    assert (failed["error"]["code"], len(failed["violations"])) == ("refused_by_policy", 1)
    assert "canary" not in json.dumps([told, failed])


def test_good_manifests_pass(run_module: RunModule, base: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text(yaml.safe_dump_all([NAMESPACE, pod(GOOD)]))
    passed = run_module("gator_test", {**base, "manifest_files": [str(tmp_path)]})
    assert (passed["violations"], passed["denied"], passed["changed"]) == ([], 0, False)


def test_what_only_warns_is_listed_unless_left_out(module_process: RunModule, base: dict[str, Any]) -> None:
    policies = [yaml.safe_load((POLICY / f"{name}.yaml").read_text()) for name in ("template", "constraint")]
    policies[1]["spec"]["enforcementAction"] = "warn"
    args = {
        "gator_binary": base["gator_binary"],
        "policies": policies,
        "manifests": [NAMESPACE, pod("r.example.com/web:1")],
    }
    told = module_process("gator_test", args)
    assert [item["enforcement_action"] for item in told["violations"]] == ["warn"]
    assert told["denied"] == 0
    assert module_process("gator_test", {**args, "deny_only": True})["violations"] == []


def test_a_policy_that_does_not_compile_is_an_error(module_process: RunModule, base: dict[str, Any]) -> None:
    """gator ends with 1 here too, and says it like a violation (CEL) or on standard error (Rego)."""
    policies = [yaml.safe_load((POLICY / f"{name}.yaml").read_text()) for name in ("template", "constraint")]
    policies[0]["spec"]["targets"][0]["code"][0]["source"]["validations"][0]["expression"] = "nonsense ++"
    args = {"gator_binary": base["gator_binary"], "policies": policies, "manifests": [NAMESPACE, pod(GOOD)]}
    failed = module_process("gator_test", args)
    assert failed["failed"]
    assert failed["msg"].startswith("Failed to test manifests with gator: MiniappImageDigest does not compile: ")
    assert "violations" not in failed
    policies[0]["spec"]["targets"] = [{"target": "admission.k8s.gatekeeper.sh", "rego": "package x\nviolation[{"}]
    failed = module_process("gator_test", args)
    assert failed["msg"].startswith("Failed to test manifests with gator: "), failed
    assert failed["error"]["code"] == "invalid_input"


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"manifests": [NAMESPACE]}, "one of the following is required: policies, policy_files"),
        ({"policy_files": ["/nowhere"], "manifests": [NAMESPACE]}, "policy_files: /nowhere does not exist"),
        ({"policies": [NAMESPACE], "manifests": [NAMESPACE]}, "policies: there is no constraint among them"),
        ({"policy_files": [str(POLICY)], "manifests": []}, "manifests: there is no object to test"),
        ({"policy_files": [str(POLICY)], "manifests": [{"kind": "Pod"}]}, "manifests[0]: apiVersion: must be"),
    ],
)
def test_bad_input_names_its_option(module_process: RunModule, args: dict[str, Any], problem: str) -> None:
    assert problem in module_process("gator_test", args)["msg"]


def test_a_missing_program_says_how_to_get_it(module_process: RunModule) -> None:
    args = {"policy_files": [str(POLICY)], "manifests": [NAMESPACE], "gator_binary": "/nowhere/gator"}
    failed = module_process("gator_test", args)
    assert failed["error"]["code"] == "missing_tool"
