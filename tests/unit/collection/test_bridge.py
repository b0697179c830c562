# SPDX-License-Identifier: GPL-3.0-or-later
"""From a module to an engine and back: results, errors, secrets, a missing or wrong package."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import RunModule

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
UNREACHABLE = {"host": "http://127.0.0.1:9", "api_key": "canary-token", "retry_timeout": 0.1}


def test_an_error_of_the_engine_is_a_failed_result(run_module: RunModule) -> None:
    result = run_module("k8s_apply", {"definition": "a: ["})
    assert result["failed"]
    assert result["msg"] == "definition, line 2, column 1: is not valid YAML: did not find expected node content"
    assert result["error"] == {"code": "invalid_input", "retryable": False, "hint": ""}


def test_an_unreachable_server_is_named(run_module: RunModule) -> None:
    result = run_module("k8s_info", {"kind": "Pod", **UNREACHABLE})
    assert "no answer from http://127.0.0.1:9" in result["msg"]
    assert result["error"]["code"] == "unavailable"
    assert result["error"]["retryable"] is True


def test_bad_options_are_refused_by_the_specification(run_module: RunModule) -> None:
    assert "one of the following is required" in run_module("k8s_apply", {})["msg"]
    both = {"definition": [], "src": ["x"]}
    assert "mutually exclusive" in run_module("k8s_apply", both)["msg"]
    assert "wait_for: must be" in run_module("k8s_apply", {"definition": [], "wait_for": "Ready", **UNREACHABLE})["msg"]


def test_secrets_are_not_in_the_result(run_module: RunModule) -> None:
    secret = {**CONFIG_MAP, "kind": "Secret", "stringData": {"x": "canary-secret"}}
    kubeconfig = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {"token": "canary-token"}}],
    }
    values = {"chart": "/nowhere", "release_name": "r", "values": {"password": "canary-value"}}
    for args in (
        {"definition": [secret], **UNREACHABLE},
        {"definition": [secret], "kubeconfig": kubeconfig, "retry_timeout": 0.1},
        {"helm_template": values, **UNREACHABLE},
    ):
        result = run_module("k8s_apply", args, diff=True)
        assert result["failed"]
        assert "canary" not in str(result)


def test_harmless_values_are_not_censored(run_module: RunModule) -> None:
    result = run_module("k8s_info", {"kind": "Pod", "kubeconfig": "/nowhere/config"})
    assert result["msg"] == "kubeconfig: /nowhere/config does not exist"


def test_a_missing_package_is_named(run_module: RunModule, tmp_path: Path, collections_path: Path) -> None:
    package = tmp_path / "miniapp_infra"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('No module named miniapp_infra')")
    env = {"PYTHONPATH": f"{tmp_path}:{collections_path}"}
    result = run_module("k8s_info", {"kind": "Pod"}, env=env)
    assert "Failed to import the required Python library (miniapp-infra==" in result["msg"]


def test_a_package_of_another_version_is_refused(run_module: RunModule, tmp_path: Path, collections_path: Path) -> None:
    for name, text in (
        ("__init__", "__version__ = '9.9.9'"),
        ("errors", "class MiniappInfraError(Exception): pass"),
        ("kube/__init__", ""),
        ("kube/tasks/__init__", ""),
        ("kube/tasks/info", "def run_info(*args, **kwargs): raise AssertionError"),
    ):
        file = tmp_path / "miniapp_infra" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    result = run_module("k8s_info", {"kind": "Pod"}, env={"PYTHONPATH": f"{tmp_path}:{collections_path}"})
    assert "found 9.9.9" in result["msg"]
