# SPDX-License-Identifier: GPL-3.0-or-later
"""When a module gets a process of its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def in_process() -> ModuleType:
    path = ROOT / "plugins" / "plugin_utils" / "in_process.py"
    spec = importlib.util.spec_from_file_location("in_process_under_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for it there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ({"connection": "ssh"}, "the connection is ssh"),
        ({"connection": "community.docker.docker"}, "the connection is community.docker.docker"),
        ({"shell": "powershell"}, "the shell is powershell"),
        ({"becomes": True}, "the task becomes another user"),
        ({"is_async": True}, "the task is asynchronous"),
        ({"is_wanted": False}, "miniapp_infra_in_process is false"),
        ({"keeps_files": True}, "the files of the module are to be kept"),
        ({"open_files": "1024"}, "the number of open files is limited"),
        ({"environment": {"PYTHONPATH": "/x", "LC_ALL": "C", "A": "1"}}, "the task sets LC_ALL, PYTHONPATH"),
        ({"environment": {"LD_PRELOAD": "/x"}}, "the task sets LD_PRELOAD"),
        ({"environment": {"OPENSSL_CONF": "/x"}}, "the task sets OPENSSL_CONF"),
        ({"interpreter": "/usr/bin/python-of-somebody"}, "the interpreter is /usr/bin/python-of-somebody"),
        ({"interpreter": str(Path(sys.executable).resolve())}, f"the interpreter is {Path(sys.executable).resolve()}"),
        ({"module": "local_cluster"}, "leaves services behind"),
    ],
)
def test_what_needs_a_process(in_process: ModuleType, condition: dict[str, Any], reason: str) -> None:
    found = in_process.obstacle(in_process.Conditions(**{"module": "k8s_info", **condition}))
    assert reason in found


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"connection": "ansible.builtin.local"},
        {"environment": {"HTTPS_PROXY": "http://proxy", "TZ": "UTC", "KUBECONFIG": "/x"}},
        {"interpreter": sys.executable},
        {"interpreter": "auto_silent"},
    ],
)
def test_what_does_not(in_process: ModuleType, condition: dict[str, Any]) -> None:
    assert not in_process.obstacle(in_process.Conditions(**{"module": "k8s_info", **condition}))


def test_another_name_in_the_same_directory_is_the_same_python(
    in_process: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link elsewhere is not: a virtualenv is a link to a Python that has other packages."""
    ours, other = tmp_path / "ours", tmp_path / "other"
    for directory, name in ((ours, "python"), (ours, "python3"), (other, "python")):
        directory.mkdir(exist_ok=True)
        (directory / name).symlink_to(Path(sys.executable).resolve())
    monkeypatch.setattr(sys, "executable", str(ours / "python"))
    for interpreter, is_ours in ((ours / "python3", True), (other / "python", False)):
        conditions = in_process.Conditions(module="k8s_info", interpreter=str(interpreter))
        assert (in_process.obstacle(conditions) == "") is is_ours


def test_an_unknown_ansible_core_is_not_touched(in_process: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings = importlib.import_module("ansible.module_utils.common.warnings")
    monkeypatch.delattr(warnings, "_global_warnings")
    found = in_process.obstacle(in_process.Conditions(module="k8s_info"))
    assert found == "this ansible-core has no ansible.module_utils.common.warnings._global_warnings"


def test_every_module_that_is_bound_to_a_process_exists(in_process: ModuleType) -> None:
    for name in in_process.PROCESS_BOUND:
        assert (ROOT / "plugins" / "modules" / f"{name}.py").is_file()
