# SPDX-License-Identifier: GPL-3.0-or-later
"""The metering contract server, and what is sent to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from metering_contract import judge
from miniapp_infra.local.standins.metering.openmeter import Meter
from miniapp_infra.local.standins.metering.server import MeteringServer
from miniapp_infra.metering.tasks import record_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "payhub-token-4711"  # noqa: S105 - of this test
TYPES = ("infra.operations", "infra.overage", "infra.overage.adjustment")


@pytest.fixture
def server() -> Iterator[MeteringServer]:
    """A server of its own for each test; in the end every exchange is compared with the published descriptions."""
    with MeteringServer(token=TOKEN) as server:
        server.openmeter.meters = {name.replace(".", "_"): Meter(name) for name in TYPES}
        server.lago.codes = set(TYPES)
        server.stripe.meters = {"mtr_operations": "infra.operations"}
        yield server
        judge(server.exchanges)


@pytest.fixture
def hour() -> datetime:
    """The begin of an hour that is over, yesterday."""
    return (datetime.now(UTC) - timedelta(days=1)).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def usage(hour: datetime) -> Callable[..., dict[str, Any]]:
    """Return the option of one event."""

    def event(subject: str = "playhub", value: Any = "42", **fields: Any) -> dict[str, Any]:
        return {
            "type": "infra.operations",
            "subject": subject,
            "value": value,
            "unit": "operations",
            "window_start": hour.isoformat(),
            "window_end": (hour + timedelta(hours=1)).isoformat(),
            **fields,
        }

    return event


@pytest.fixture
def options(server: MeteringServer) -> Callable[..., dict[str, Any]]:
    """Return the options of the module, with its defaults."""
    paths = {"cloudevents": "openmeter", "lago": "lago", "stripe": "stripe"}

    def make(*events: dict[str, Any], backend: str = "cloudevents", **changes: Any) -> dict[str, Any]:
        return {
            "url": f"{server.url}/{paths[backend]}",
            "api_token": TOKEN,
            "backend": backend,
            "source": "miniapp-infra/test",
            "events": list(events),
            "read_before_send": True,
            "on_conflict": "fail",
            "batch_size": 100,
            "visible_after": 0.3,
            "timeout": 30.0,
            "retries": 3,
            **changes,
        }

    return make


@pytest.fixture
def record(options: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Run the engine as the module does, without Ansible around it."""

    def run(*events: dict[str, Any], check: bool = False, **changes: Any) -> dict[str, Any]:
        return record_events(options(*events, **changes), check_mode=check, diff_mode=False)

    return run
