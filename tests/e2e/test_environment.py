# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make up` promises: twelve services that run, answer, and stay as they are when converged again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from miniapp_infra import catalog

from .conftest import ROOT, playbook, require_converged, run

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

ENVIRONMENT = catalog.load(ROOT / "inventories" / "local")
SERVICES = ENVIRONMENT.service_names


def test_a_second_converge_changes_nothing() -> None:
    assert require_converged(playbook("site")).changed == 0


def test_the_summary_lists_every_service_as_synced_and_healthy() -> None:
    done = run("make", "status")
    assert done.returncode == 0, done.stderr
    for service in SERVICES:
        line = next(line for line in done.stdout.splitlines() if f" {service} " in line)
        assert line.count("sha256:") == 2, line
        assert "Synced" in line, line
        assert "Healthy" in line, line


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_answers_through_its_service_address(service: str) -> None:
    name = ENVIRONMENT.resource_name(service)
    address = run("kubectl", "get", "service", name, "--namespace", service, "--output", "jsonpath={.spec.clusterIP}")
    answer = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", "--max-time", "5", f"http://{address.stdout}/version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "version" in json.loads(answer.stdout)


def test_an_existing_cluster_is_used_as_it_is(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_bytes((ROOT / ".local" / "kubeconfig").read_bytes())
    done = run("make", "up", "LOCAL_ENGINE=external", "PROFILE=core", KUBECONFIG=str(kubeconfig))
    assert require_converged(done).changed == 0
    assert "Start the embedded node" not in done.stdout.replace("skipping", ""), "the node was started"


def test_an_existing_cluster_needs_a_kubeconfig(tmp_path: Path) -> None:
    done = run("make", "up", "LOCAL_ENGINE=external", "PROFILE=core", KUBECONFIG=str(tmp_path / "missing"))
    assert done.returncode != 0
    assert "KUBECONFIG is" in done.stderr
    assert "make up LOCAL_ENGINE=external" in done.stderr
    assert "PLAY" not in done.stdout


def test_a_version_is_shipped_and_rolled_back() -> None:
    before = running("watchlist")
    shipped = run("make", "ship", "SERVICE=watchlist", "VERSION=1.0.1")
    assert shipped.returncode == 0, (shipped.stdout + shipped.stderr)[-4000:]
    after = running("watchlist")
    assert after != before
    assert before.partition("@")[2] in shipped.stdout, "the old digest is not printed"
    assert after.partition("@")[2] in shipped.stdout, "the new digest is not printed"
    back = run("make", "rollback", "SERVICE=watchlist")
    assert back.returncode == 0, (back.stdout + back.stderr)[-4000:]
    assert running("watchlist") == before


def running(service: str) -> str:
    """Ask kubectl, which had no part in it, for the image of the service's ready pod."""
    done = run(
        "kubectl",
        "get",
        "deployment",
        ENVIRONMENT.resource_name(service),
        "--namespace",
        service,
        "--output",
        "jsonpath={.spec.template.spec.containers[0].image}",
    )
    return done.stdout


def test_a_service_reaches_the_one_that_it_calls_by_the_address_it_was_given(tmp_path: Path) -> None:
    pid, given = pod_process("playhub")
    address = given["PRICE_URL"]
    assert address == ENVIRONMENT.url("price")
    # The network and the name servers of the pod; its image has no program but its own.
    resolver = tmp_path / "resolv.conf"
    resolver.write_bytes(Path(f"/proc/{pid}/root/etc/resolv.conf").read_bytes())
    ask = (
        f"mount --bind {resolver} /etc/resolv.conf && "
        f"exec nsenter --net=/proc/{pid}/ns/net curl --silent --show-error --fail --max-time 5 {address}/readyz"
    )
    answer = run("unshare", "--mount", "sh", "-c", ask)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == {"status": "OK"}


def pod_process(service: str) -> tuple[int, dict[str, str]]:
    """Return the process of a service's pod as the machine sees it, and its environment variables."""
    name = ENVIRONMENT.resource_name(service)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            variables = dict(item.split("=", 1) for item in (entry / "environ").read_text().split("\0") if "=" in item)
            program = (entry / "cmdline").read_text().split("\0")[0]
        except OSError:
            continue  # it ended, or is none of ours
        if program.endswith("podinfo") and variables.get("HOSTNAME", "").startswith(f"{name}-"):
            return int(entry.name), variables
    pytest.fail(f"no pod of {service} runs")
