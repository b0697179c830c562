# SPDX-License-Identifier: GPL-3.0-or-later
"""``kill -9`` between any two steps of ``metering_event``: the next run leaves exactly one event.

The server halts one request of the module's process, which is killed then. The server does not remove duplicates.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.local.standins.metering.server import Fault, MeteringServer
from miniapp_infra.metering.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., dict[str, Any]]

_MODULE = """
import json, runpy, sys
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(sys.stdin.read())}).encode()
basic._ANSIBLE_PROFILE = "legacy"
name = "ansible_collections.fuze.miniapp_infra.plugins.modules.metering_event"
runpy.run_module(name, run_name="__main__")
"""


@pytest.fixture
def kill(ansible_environment: dict[str, str], server: MeteringServer) -> Callable[[dict[str, Any], Fault], None]:
    """Run the module until a request is halted, kill it there, and let the server go on."""

    def run(options: dict[str, Any], fault: Fault) -> None:
        module = subprocess.Popen(
            [sys.executable, "-c", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ansible_environment,
        )
        assert module.stdin
        try:
            module.stdin.write(json.dumps({**options, "_ansible_remote_tmp": "/tmp"}).encode())  # noqa: S108 - unused
            module.stdin.close()
            assert fault.reached.wait(120), "the module never sent that request"
            module.send_signal(signal.SIGKILL)
            assert module.wait(60) == -signal.SIGKILL
        finally:
            module.kill()
            fault.release()
            server.settle()

    return run


# The requests of a run that stores one event are: look, send, read back.
@pytest.mark.parametrize(
    ("request_number", "stored", "drops"),
    [
        pytest.param(1, False, False, id="while it looks"),
        pytest.param(2, False, True, id="before its request arrives"),
        pytest.param(2, False, False, id="while its request is on the way"),
        pytest.param(2, True, False, id="before it gets the answer"),
        pytest.param(3, False, False, id="before it writes down the end"),
    ],
)
def test_exactly_one_event_is_left(
    *,
    kill: Callable[[dict[str, Any], Fault], None],
    server: MeteringServer,
    options: Make,
    record: Make,
    usage: Make,
    tmp_path: Path,
    request_number: int,
    stored: bool,
    drops: bool,
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    given = options(usage(), ledger_path=str(ledger))
    fault = Fault(halts=True, stored=stored, drops=drops)
    server.faults.extend([None] * (request_number - 1))
    server.faults.append(fault)
    kill(given, fault)
    left = Ledger.read(ledger, f"cloudevents {given['url']}").pending()
    assert len(left) == (request_number > 1)
    result = record(usage(), ledger_path=str(ledger))
    was_there = stored or (request_number == 2 and not drops) or request_number == 3
    assert (result["accepted"], result["duplicates"]) == ((0, 1) if was_there else (1, 0))
    assert [one.event["data"]["value"] for one in server.openmeter.stored] == ["42"]
    again = record(usage(), ledger_path=str(ledger))
    assert (again["changed"], again["duplicates"], again["pending"]) == (False, 1, 0)


def test_another_run_delivers_what_a_killed_one_left_behind(
    *,
    kill: Callable[[dict[str, Any], Fault], None],
    server: MeteringServer,
    options: Make,
    record: Make,
    usage: Make,
    tmp_path: Path,
) -> None:
    ledger = str(tmp_path / "ledger.jsonl")
    server.faults.append(fault := Fault("POST", halts=True, drops=True))
    kill(options(usage("a"), usage("b"), ledger_path=ledger, read_before_send=False), fault)
    result = record(ledger_path=ledger)
    assert [(event["subject"], event["status"], event["recovered"]) for event in result["events"]] == [
        ("a", "accepted", True),
        ("b", "accepted", True),
    ]
    assert len(server.openmeter.stored) == 2


def test_a_killed_run_does_not_keep_the_ledger(
    *,
    kill: Callable[[dict[str, Any], Fault], None],
    server: MeteringServer,
    options: Make,
    record: Make,
    usage: Make,
    tmp_path: Path,
) -> None:
    """With Stripe, which cannot be asked: the ledger and the identifier do it alone."""
    ledger = str(tmp_path / "ledger.jsonl")
    server.faults.append(fault := Fault("POST", halts=True, stored=True))
    kill(options(usage("cus_1"), backend="stripe", ledger_path=ledger), fault)
    assert record(usage("cus_1"), backend="stripe", ledger_path=ledger)["duplicates"] == 1
    assert len(server.stripe.events) == 1
