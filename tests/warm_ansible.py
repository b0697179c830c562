# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks without the time that Ansible takes to start, from a process that has imported it already."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CALLBACKS = Path(__file__).with_name("ansible_callbacks")
SERVER = Path(__file__).with_name("warm_ansible_server.py")
MARK = "@@result "


@dataclass(frozen=True)
class Played:
    """What a playbook printed and returned.

    Args:
        code: of ``ansible-playbook``.
        output: everything that it printed.
        results: one dictionary with event, task and result for each task and host.
        directory: of the playbook.
    """

    code: int
    output: str
    results: tuple[dict[str, Any], ...]
    directory: str

    def only(self) -> dict[str, Any]:
        """Return the result of the only task."""
        assert len(self.results) == 1, self.output
        result: dict[str, Any] = self.results[0]["result"]
        return result


class WarmAnsible:
    """Runs playbooks. A context manager.

    Args:
        directory: gets a directory for each playbook.
        environment: of Ansible.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, str(SERVER)],
            env={
                **environment,
                "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
                "ANSIBLE_DEPRECATION_WARNINGS": "true",
                "ANSIBLE_STDOUT_CALLBACK": "capture",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def play(
        self,
        tasks: Sequence[dict[str, Any]],
        *,
        files: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        **keywords: Any,
    ) -> Played:
        """Run a play with these tasks on the control host.

        Args:
            tasks: as in a playbook.
            files: content of files beside the playbook.
            options: of ``ansible-playbook``.
            env: is added to Ansible's environment.
            keywords: of the play.
        """
        self._count += 1
        home = self._directory / f"play-{self._count}"
        home.mkdir()
        for name, content in (files or {}).items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(content)
        play = {"hosts": "localhost", "gather_facts": False, **keywords, "tasks": list(tasks)}
        (home / "play.yml").write_text(json.dumps([play]))
        request = {
            "arguments": ["ansible-playbook", *options, str(home / "play.yml")],
            "output": str(home / "output"),
            "env": dict(env or {}),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that runs playbooks has ended"
        output = (home / "output").read_text()
        lines = [line.removeprefix(MARK) for line in output.splitlines() if line.startswith(MARK)]
        return Played(int(answer), output, tuple(json.loads(line) for line in lines), str(home))
