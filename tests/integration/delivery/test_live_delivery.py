# SPDX-License-Identifier: GPL-3.0-or-later
"""Promotion and rollback in the running local environment, checked through kubectl and git instead of our engines."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
SERVICE = "playhub"
NAME = f"local-miniapp-{SERVICE}"
PLAY = {
    "hosts": "localhost",
    "gather_facts": False,
    "environment": "{{ preflight_process_environment }}",
    "module_defaults": {
        "group/fuze.miniapp_infra.kube": "{{ preflight_connection }}",
        "group/fuze.miniapp_infra.delivery": "{{ preflight_delivery }}",
    },
}
RELEASE = f"services/local/{SERVICE}/release.yaml"

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]


def environment() -> dict[str, str]:
    scripts = ROOT / ".venv" / "bin"
    return {
        **os.environ,
        "PATH": f"{scripts}:{ROOT}/.local/bin:{os.environ['PATH']}",
        "KUBECONFIG": str(ROOT / ".local" / "kubeconfig"),
        "SSL_CERT_FILE": str(ROOT / ".local" / "pki" / "ca-bundle.crt"),
    }


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)


def kubectl(*arguments: str) -> Any:
    done = run("kubectl", *arguments, "--output", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def playbook(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("ansible-playbook", "--inventory", "inventories/local", f"playbooks/{name}.yml", *arguments)


def promote(version: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return playbook("promote", "-e", f"service={SERVICE}", "-e", f"version={version}", *arguments)


def changed(done: subprocess.CompletedProcess[str]) -> bool:
    assert done.returncode == 0, done.stdout + done.stderr
    return "changed=0" not in done.stdout


def main_release() -> dict[str, Any]:
    """Return what the repository asks for, read from its files on disk."""
    done = run("git", "--git-dir", str(ROOT / ".local/data/git/platform.git"), "show", f"main:{RELEASE}")
    assert done.returncode == 0, done.stderr
    release: dict[str, Any] = yaml.safe_load(done.stdout)
    return release


def running_images() -> set[str]:
    """Return the images of the pods that are ready now."""
    pods = kubectl("get", "pods", "-n", SERVICE, "-l", "app.kubernetes.io/component=server")["items"]
    ready = [
        pod
        for pod in pods
        if all(status["ready"] for status in pod["status"].get("containerStatuses", [{"ready": False}]))
    ]
    return {
        container["image"]
        for pod in ready
        if "deletionTimestamp" not in pod["metadata"]
        for container in pod["spec"]["containers"]
    }


@pytest.fixture
def newer(tmp_path: Path) -> Iterator[str]:
    """A signed version that is newer than the deployed one; the deployed one is restored afterwards."""
    major, minor, patch = (int(part) for part in main_release()["version"].split("."))
    version = f"{major}.{minor}.{patch + 1}"
    publish = tmp_path / "publish.yml"
    publish.write_text(
        yaml.safe_dump(
            [
                {"import_playbook": str(ROOT / "playbooks/_preflight.yml")},
                {
                    **PLAY,
                    "tasks": [
                        {
                            "ansible.builtin.include_role": {
                                "name": "fuze.miniapp_infra.services",
                                "tasks_from": "build",
                            },
                            "vars": {
                                "services_environment": "{{ preflight_environment }}",
                                "services_root": "{{ preflight_root }}",
                                "services_images": [{"name": SERVICE, "version": version}],
                            },
                        }
                    ],
                },
            ]
        )
    )
    done = run("ansible-playbook", "--inventory", "inventories/local", str(publish))
    assert done.returncode == 0, done.stdout
    yield version
    if main_release()["version"] == version:
        playbook("rollback", "-e", f"service={SERVICE}", "-e", "approve=true")


def test_ship_and_return(newer: str) -> None:
    """The whole way of a release, once: refused, proposed, promoted, repeated, rolled back."""
    before = main_release()
    planned = promote(newer, "--check", "--diff", "-e", "approve=true")
    assert changed(planned)
    assert f"+version: {newer}" in planned.stdout
    assert main_release() == before

    proposed = promote(newer)
    assert changed(proposed)
    assert "awaiting_approval" in proposed.stdout
    assert main_release() == before

    assert changed(promote(newer, "-e", "approve=true"))
    after = main_release()
    assert after["version"] == newer
    assert running_images() == {f"{after['image']['repository']}@{after['image']['digest']}"}
    deployment = kubectl("get", "deployment", NAME, "-n", SERVICE)
    assert deployment["metadata"]["labels"]["app.kubernetes.io/version"] == newer
    application = kubectl("get", "application", NAME, "-n", "argocd")["status"]
    assert (application["sync"]["status"], application["health"]["status"]) == ("Synced", "Healthy")
    assert (
        after["image"]["digest"]
        == application["sync"]["comparedTo"]["sources"][0]["helm"]["valuesObject"]["image"]["digest"]
    )

    assert not changed(promote(newer, "-e", "approve=true"))

    returned = playbook("rollback", "-e", f"service={SERVICE}", "-e", "approve=true")
    assert changed(returned)
    assert main_release() == before
    assert running_images() == {f"{before['image']['repository']}@{before['image']['digest']}"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-e", "service=playhubb", "-e", "version=1.0.0"), "did you mean 'playhub'"),
        (("-e", f"service={SERVICE}", "-e", "version=99.0.0"), "Failed to find version 99.0.0 of service playhub"),
        (("-e", f"service={SERVICE}", "-e", "version=latest"), "must be a semantic version"),
        (("-e", f"service={SERVICE}"), "promote.yml needs -e service=<name> and -e version=<x.y.z>"),
        (("-e", f"service={SERVICE}", "-e", "version=1.0.0", "-e", "approve=maybe"), "takes -e approve=true"),
    ],
)
def test_refused(arguments: tuple[str, ...], message: str) -> None:
    before = main_release()
    done = playbook("promote", *arguments)
    assert done.returncode != 0
    assert message in " ".join((done.stdout + done.stderr).split())
    assert main_release() == before


def test_unsigned_is_refused_before_anything_is_written() -> None:
    before = main_release()
    repository = before["image"]["repository"]
    image = f"{repository}@{before['image']['digest']}"
    made = run("crane", "mutate", "--label", "signed=no", "--tag", f"{repository}:98.0.0", image)
    assert made.returncode == 0, made.stderr
    done = promote("98.0.0", "-e", "approve=true")
    assert done.returncode != 0
    assert "unverified_image" in done.stdout
    assert main_release() == before


def test_proposal_that_is_given_up(newer: str, tmp_path: Path) -> None:
    """The module closes a pull request; the branch is gone, and nothing was deployed."""
    before = main_release()
    proposed = promote(newer)
    number = int(re.findall(r"pull request: (\d+)", proposed.stdout)[0])
    play = tmp_path / "close.yml"
    task = {"fuze.miniapp_infra.pull_request": {"number": number, "state": "closed"}}
    play.write_text(
        yaml.safe_dump([{"import_playbook": str(ROOT / "playbooks/_preflight.yml")}, {**PLAY, "tasks": [task]}])
    )
    assert changed(run("ansible-playbook", "--inventory", "inventories/local", str(play)))
    assert not changed(run("ansible-playbook", "--inventory", "inventories/local", str(play)))
    branches = run("git", "--git-dir", str(ROOT / ".local/data/git/platform.git"), "branch", "--list", "promote/*")
    assert f"promote/local/{SERVICE}/{newer}" not in branches.stdout
    assert main_release() == before


def test_drift_is_healed() -> None:
    """Somebody changes the cluster by hand; Argo CD puts back what Git says."""
    deployment = ["deployment", NAME, "-n", SERVICE]
    before = kubectl("get", *deployment)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    patched = run("kubectl", "scale", *deployment, "--replicas=0")
    assert patched.returncode == 0, patched.stderr
    healed = run("kubectl", "wait", *deployment, "--for=jsonpath={.spec.replicas}=1", "--timeout=120s")
    assert healed.returncode == 0, healed.stderr
    assert kubectl("get", *deployment)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == before
    rolled = run("kubectl", "rollout", "status", *deployment, "--timeout=120s")
    assert rolled.returncode == 0, rolled.stderr


def test_modules_of_argocd(tmp_path: Path) -> None:
    """Reads and synchronises through the modules; a second synchronisation changes nothing."""
    play = tmp_path / "play.yml"
    play.write_text(
        yaml.safe_dump(
            [
                {"import_playbook": str(ROOT / "playbooks/_preflight.yml")},
                {
                    **PLAY,
                    "tasks": [
                        {"fuze.miniapp_infra.argocd_application_sync": {"name": NAME}, "register": "first"},
                        {
                            "fuze.miniapp_infra.argocd_application_sync": {"name": NAME, "force": True},
                            "register": "forced",
                        },
                        {"fuze.miniapp_infra.argocd_application_info": {"name": NAME}, "register": "found"},
                        {
                            "ansible.builtin.assert": {
                                "that": [
                                    "first is not changed",
                                    "forced is changed",
                                    "forced.application.operation.phase == 'Succeeded'",
                                    "found.applications[0].health.status == 'Healthy'",
                                    "found.applications[0].sync.status == 'Synced'",
                                ]
                            }
                        },
                    ],
                },
            ]
        )
    )
    done = run("ansible-playbook", "--inventory", "inventories/local", str(play))
    assert done.returncode == 0, done.stdout
