# SPDX-License-Identifier: GPL-3.0-or-later
"""The role verify is seen red: a kubectl that reports what must not be makes it fail, and say why."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNSIGNED = "an image without a signature"
# What is asked, what the lying kubectl answers, and what the failure has to say.
CASES = {
    "another reason": ("create", "echo 'a passing trouble' >&2; exit 1", UNSIGNED),
    "admitted": ("create", "echo 'pod/verify-unsigned created (server dry run)'; exit 0", UNSIGNED),
    "no pods": ("pods", """echo '{"items": []}'; exit 0""", "its running pods have the images (no pod runs)"),
    "a service that is down": ("payhub:http", "echo 'no endpoints for payhub' >&2; exit 1", "no endpoints for payhub"),
}
LIAR = """#!/bin/sh
case "$*" in *{question}*) {answer};; esac
exec {root}/.local/bin/kubectl --kubeconfig {kubeconfig} "$@"
"""

pytestmark = pytest.mark.live


@pytest.mark.parametrize("case", CASES)
def test_it_fails_when_the_environment_is_wrong(
    case: str, tmp_path: Path, kubeconfig: Path, ansible_environment: dict[str, str]
) -> None:
    question, answer, expected = CASES[case]
    liar = tmp_path / "kubectl"
    liar.write_text(LIAR.format(question=question, answer=answer, root=ROOT, kubeconfig=kubeconfig))
    liar.chmod(0o700)
    settings = json.dumps({"verify_kubectl": [str(liar)], "verify_retries": 1})
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    inventory, playbook = str(ROOT / "inventories" / "local"), str(ROOT / "playbooks" / "verify.yml")
    done = subprocess.run(
        [program, "--inventory", inventory, "--extra-vars", settings, playbook],
        cwd=ROOT,
        env=ansible_environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode != 0, done.stdout[-3000:]
    assert expected in " ".join((done.stdout + done.stderr).split()), done.stdout[-3000:]
