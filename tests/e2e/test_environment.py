# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make up` promises: twelve services that run, answer, and stay as they are when converged again."""

from __future__ import annotations

import json
import subprocess

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
