# SPDX-License-Identifier: GPL-3.0-or-later
"""Contenders are real processes here; what they would do to a cluster is invented."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bench import contenders, workload
from bench.cluster import Traffic
from bench.contenders import ContenderError, Workshop
from bench.peers import Peers


class Idle:
    """Stands for a cluster that is never asked."""

    kubeconfig = Path("/nowhere/kubeconfig")

    def __init__(self) -> None:
        self.resets = 0

    def reset_traffic(self) -> None:
        self.resets += 1

    def traffic(self) -> Traffic:
        return Traffic(7, 3)


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    for directory in ("work", "peers/venv/bin", "programs"):
        (tmp_path / directory).mkdir(parents=True)
    return Workshop(tmp_path / "work", Peers(tmp_path / "peers"), tmp_path / "programs", Idle())  # type: ignore[arg-type]


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_sample_has_the_time_and_the_requests_of_the_run(shop: Workshop) -> None:
    program(shop.programs / "kubectl", "exit 0")
    sample = shop.program("kubectl", "apply")()
    assert sample.seconds > 0
    assert sample.traffic == Traffic(7, 3)
    assert shop.cluster.resets == 1  # type: ignore[attr-defined]


def test_a_failed_contender_is_no_sample_and_is_quoted(shop: Workshop) -> None:
    program(shop.programs / "helm", "echo no such release >&2; exit 3")
    with pytest.raises(ContenderError, match=r"(?s)ended with 3.*no such release"):
        shop.program("helm", "upgrade")()


def test_a_contender_that_hangs_is_ended(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "RUN_TIMEOUT", 0.2)
    program(shop.programs / "helm", "exec sleep 600")
    with pytest.raises(ContenderError, match="did not end"):
        shop.program("helm", "install")()


def test_settings_of_the_user_do_not_reach_the_contenders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "ANSIBLE_PIPELINING",
        "K8S_AUTH_HOST",
        "KUBECONFIG",
        "HELM_DRIVER",
        "PYTHONPATH",
        "MINIAPP_INFRA_CACHE",
    ):
        monkeypatch.setenv(name, "theirs")
    shop = Workshop(tmp_path, Peers(tmp_path / "peers"), tmp_path, Idle())  # type: ignore[arg-type]
    program(tmp_path / "show", "env; exit 1")
    with pytest.raises(ContenderError) as failure:
        shop.program("show")()
    assert "theirs" not in str(failure.value)
    assert "ANSIBLE_CONFIG=" in str(failure.value)


@pytest.mark.parametrize("told", [True, False])
def test_the_api_has_to_say_what_is_so(shop: Workshop, told: bool) -> None:  # noqa: FBT001 - a column of the table
    program(shop.peers.python, f'echo \'{{"seconds": 0.125, "changed": {str(told).lower()}}}\'')
    objects = workload.mixed(3, "n")
    assert shop.api(objects, "right", changed=told)().seconds == 0.125
    with pytest.raises(ContenderError, match="changed is"):
        shop.api(objects, "wrong", changed=not told)()


def test_both_modules_are_told_the_same(shop: Workshop) -> None:
    ours, theirs = (shop.loop(module, "n", 3) for module in (contenders.OURS, contenders.STOCK))
    assert ours.pop(contenders.OURS) == theirs.pop(contenders.STOCK)
    assert ours == theirs == {"loop": [0, 1, 2]}
    assert shop.ours("x.yaml", wait=True)[contenders.OURS]["wait"] is True
    assert shop.stock("x.yaml", wait=True)[contenders.STOCK]["wait"] is True


def test_a_manifest_holds_every_object(shop: Workshop) -> None:
    objects = workload.mixed(10, "n")
    assert list(yaml.safe_load_all(Path(shop.manifest("m", objects)).read_text())) == objects


def test_a_chart_holds_every_object_without_its_namespace(tmp_path: Path) -> None:
    chart = workload.chart(workload.mixed(10, "n"), tmp_path / "chart")
    objects = [yaml.safe_load(path.read_text()) for path in sorted((chart / "templates").iterdir())]
    assert len(objects) == 10
    assert all("namespace" not in obj["metadata"] for obj in objects)
    assert all(obj["metadata"]["labels"]["app.kubernetes.io/part-of"] == "{{ .Values.part }}" for obj in objects)
