# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills at bad moments. Whatever happens, the next run converges and nothing is left over."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from live_node import assert_each_component_runs_once, programs
from miniapp_infra.local import node
from miniapp_infra.local.layout import Layout

from .conftest import ROOT, playbook, recap, require_converged, run, start

pytestmark = [pytest.mark.live, pytest.mark.full, pytest.mark.disruptive, pytest.mark.timeout(1500)]

LAYOUT = Layout(ROOT)
# One kill in each stretch of seconds: while the node starts, images are made, and the roles converge.
MOMENTS = ((1, 8), (8, 20), (15, 35), (30, 60), (50, 90))
SEED = 20261122


def test_make_up_survives_kills_at_random_moments(tmp_path: Path) -> None:
    down = run("make", "down")
    assert down.returncode == 0, down.stderr
    assert programs(LAYOUT) == [], "make down left processes"
    moments = random.Random(SEED)
    for number, stretch in enumerate(MOMENTS):
        attempt = start("make", "up", output=tmp_path / f"up-{number}.log")
        time.sleep(moments.uniform(*stretch))
        if attempt.poll() is None:
            os.killpg(attempt.pid, signal.SIGKILL)
        attempt.wait()
    final = run("make", "up")
    assert final.returncode == 0, (final.stdout + final.stderr)[-4000:]
    assert node.status(LAYOUT).healthy
    assert_each_component_runs_once(LAYOUT)
    assert require_converged(playbook("site")).changed == 0


@pytest.mark.parametrize("victim", ["etcd", "kube-apiserver", "argocd-application-controller"])
def test_converging_survives_the_loss_of(victim: str, tmp_path: Path) -> None:
    lost = run("kubectl", "delete", "networkpolicy", "--all", "--namespace", "price")
    assert lost.returncode == 0, lost.stderr
    log = tmp_path / "site.log"
    converge = start("ansible-playbook", "playbooks/site.yml", output=log)
    time.sleep(4)
    kill(victim)
    code = converge.wait(timeout=600)
    text = log.read_text()
    if code:
        assert recap(text).failed == 1, text[-3000:]
        assert names_a_cause(text), text[-3000:]
    require_converged(playbook("site"))
    assert require_converged(playbook("site")).changed == 0
    policies = run("kubectl", "get", "networkpolicy", "--namespace", "price", "--output", "json")
    assert json.loads(policies.stdout)["items"], "the policies that were lost are not back"


def kill(program: str) -> None:
    """Kill a component of the node, or a program in a pod, the way a crash would."""
    found = [
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and program_of(entry) == program
    ]
    assert found, f"{program} does not run"
    for pid in found:
        os.kill(pid, signal.SIGKILL)


def program_of(process: Path) -> str:
    try:
        return Path((process / "cmdline").read_bytes().split(b"\0")[0].decode()).name
    except OSError:
        return ""


def names_a_cause(text: str) -> bool:
    return any(word in text for word in ("198.18.0.2:6443", "etcd", "Connection refused", "not answer", "argocd"))
