# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports Ansible once, and then forks for each playbook that it is asked for on standard input."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
import traceback
from typing import Any, NoReturn

import ansible.executor.playbook_executor
import ansible.executor.process.worker
import ansible.plugins.strategy.linear  # noqa: F401 - what a playbook needs in any case
from ansible.cli.playbook import main

LIMIT = 600.0


def serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            _become_ansible(request)
        sys.stdout.write(f"{_ended(child)}\n")
        sys.stdout.flush()


def _become_ansible(request: dict[str, Any]) -> NoReturn:
    code = 255
    try:
        os.setpgid(0, 0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        output = os.open(request["output"], os.O_WRONLY | os.O_CREAT, 0o600)
        for source, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.environ.update(request["env"])
        sys.path[:0] = filter(None, request["env"].get("PYTHONPATH", "").split(os.pathsep))
        sys.argv = request["arguments"]
        main(sys.argv)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 - must not get back into the loop of the parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _ended(child: int) -> int:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    serve()
