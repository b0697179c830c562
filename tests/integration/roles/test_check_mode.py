# SPDX-License-Identifier: GPL-3.0-or-later
"""``--check --diff`` tells what a run would change, wherever the environment stands, and misses nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CHANGED = re.compile(r"^localhost +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=0 ", re.MULTILINE)
NEED_A_CLUSTER = ("tenancy", "addons", "policies", "gitops", "services", "verify")

pytestmark = pytest.mark.live


def check(
    playbook: str, inventory: Path, environment: dict[str, str], *options: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "--inventory",
            str(inventory),
            "--check",
            "--diff",
            *options,
            str(ROOT / "playbooks" / playbook),
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done


def changes(done: subprocess.CompletedProcess[str]) -> int:
    found = CHANGED.search(done.stdout)
    assert found, done.stdout[-3000:]
    return int(found[1])


def test_nothing_would_change_where_everything_is_converged(
    kubeconfig: Path, ansible_environment: dict[str, str]
) -> None:
    done = check("site.yml", ROOT / "inventories" / "local", ansible_environment)
    assert kubeconfig.is_file()
    assert changes(done) == 0, done.stdout[-6000:]


def test_a_node_that_is_down_is_reported_and_what_needs_it_is_skipped(
    tmp_path: Path, ansible_environment: dict[str, str]
) -> None:
    """A checkout in which nothing was started: it has inventories and no state, so not even a kubeconfig."""
    shutil.copytree(ROOT / "inventories", tmp_path / "inventories")
    done = check("site.yml", tmp_path / "inventories" / "local", ansible_environment)
    assert changes(done) == 1
    assert "Start the embedded node" in done.stdout
    assert "The playbooks after this one are skipped" in " ".join(done.stdout.split())
    assert not (tmp_path / ".local").exists()


@pytest.mark.parametrize("name", NEED_A_CLUSTER)
def test_on_an_empty_cluster_it_tells_what_would_be_made(
    name: str, empty_cluster: Path, ansible_environment: dict[str, str]
) -> None:
    """Namespaces, kinds and webhooks that an earlier playbook would have made are not there."""
    inventory = ROOT / "inventories" / "local"
    done = check(f"{name}.yml", inventory, ansible_environment, "--extra-vars", f"preflight_kubeconfig={empty_cluster}")
    # The images are built, and the desired state is in Git, whatever the cluster holds.
    assert (changes(done) > 0) is (name not in {"services", "verify"})
