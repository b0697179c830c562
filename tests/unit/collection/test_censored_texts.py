# SPDX-License-Identifier: GPL-3.0-or-later
"""Which values Ansible censors wherever they occur in the result of a module."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic

KUBE = Path(__file__).parents[3] / "plugins" / "module_utils" / "kube.py"
SPEC: dict[str, Any] = {
    "definition": {"type": "raw", "no_log": True},
    "git_password": {"type": "str", "no_log": True},
    "git_password_file": {"type": "path", "no_log": False},
    "keys": {"type": "list", "elements": "str", "no_log": True},
    "registry": {
        "type": "dict",
        "options": {"host": {"type": "str"}, "password": {"type": "str", "no_log": True}},
    },
    "mirrors": {"type": "list", "elements": "dict", "options": {"token": {"type": "str", "no_log": True}}},
    "values": {"type": "dict", "no_log": True},
}


@pytest.fixture
def censored(monkeypatch: pytest.MonkeyPatch) -> Any:
    kube_module = runpy.run_path(str(KUBE))["kube_module"]

    def parse(**args: Any) -> set[str]:
        given = {"ANSIBLE_MODULE_ARGS": {**args, "_ansible_remote_tmp": "/nonexistent"}}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(given).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        found: set[str] = kube_module(SPEC).no_log_values
        return found

    return parse


@pytest.mark.parametrize(
    ("args", "secrets"),
    [
        ({"api_key": "canary-1", "password": "canary-2", "username": "jane"}, {"canary-1", "canary-2"}),
        ({"git_password": "canary-3", "git_password_file": "/run/password"}, {"canary-3"}),
        ({"keys": ["canary-4", "canary-5"]}, {"canary-4", "canary-5"}),
        ({"registry": {"host": "r.example.com", "password": "canary-6"}}, {"canary-6"}),
        ({"mirrors": [{"token": "canary-7"}, {}]}, {"canary-7"}),
    ],
)
def test_texts_that_are_secret_are_censored(censored: Any, args: dict[str, Any], secrets: set[str]) -> None:
    assert censored(**args) == secrets


def test_the_content_of_large_options_is_not(censored: Any) -> None:
    kubeconfig = {"current-context": "playhub", "users": [{"name": "jane", "user": {"token": "canary"}}]}
    definition = {"kind": "ConfigMap", "metadata": {"name": "playhub"}}
    assert censored(kubeconfig=kubeconfig, definition=definition, values={"name": "playhub"}) == {"canary"}
    assert censored(kubeconfig="/home/jane/.kube/config") == set()
