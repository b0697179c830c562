# SPDX-License-Identifier: GPL-3.0-or-later
"""The measuring device itself: what the proxy counts, delays and breaks is exactly what it was told."""

from __future__ import annotations

import json
import re
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from api_proxy import ApiProxy
from live_apiserver import BIN, TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from live_apiserver import ApiServer

pytestmark = pytest.mark.live

NAMESPACES = "/api/v1/namespaces"


@pytest.fixture
def proxy(empty_api_server: ApiServer) -> Iterator[ApiProxy]:
    with ApiProxy(empty_api_server.kubeconfig) as running:
        yield running


def pool(proxy: ApiProxy) -> urllib3.PoolManager:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return urllib3.PoolManager(ca_certs=str(proxy.certificate), retries=False, timeout=60, headers=headers)


def get(proxy: ApiProxy, client: urllib3.PoolManager, path: str = NAMESPACES) -> int:
    """Return the status, 0 for a connection that breaks."""
    try:
        return client.request("GET", proxy.url + path).status
    except urllib3.exceptions.HTTPError:
        return 0


def watched(proxy: ApiProxy) -> list[str]:
    """Return the types of the events of a watch, and how it ended."""
    path = f"{NAMESPACES}?watch=1&timeoutSeconds=2"
    events: list[str] = []
    try:
        answer = pool(proxy).request("GET", proxy.url + path, preload_content=False)
        if answer.status != 200:
            return [str(answer.status)]
        events.extend(json.loads(line)["type"] for line in answer)
    except urllib3.exceptions.HTTPError:
        return [*events, "cut"]
    return [*events, "end"]


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        ({"kind": "throttle", "every": 2}, [200, 429, 200, 429, 200, 429]),
        ({"kind": "throttle", "first": 2}, [429, 429, 200, 200, 200, 200]),
        ({"kind": "gateway_timeout", "nth": [1, 5]}, [504, 200, 200, 200, 504, 200]),
        ({"kind": "disconnect", "nth": [2]}, [200, 0, 200, 200, 200, 200]),
        ({"kind": "lost_answer", "nth": [3]}, [200, 200, 0, 200, 200, 200]),
        ({"kind": "lost_answer", "mode": "504", "nth": [3]}, [200, 200, 504, 200, 200, 200]),
        ({"kind": "cut_answer", "nth": [6]}, [200, 200, 200, 200, 200, 0]),
        ({"kind": "throttle", "every": 2, "limit": 1}, [200, 429, 200, 200, 200, 200]),
        ({"kind": "throttle", "first": 9, "verb": "create"}, [200] * 6),
        ({"kind": "throttle", "first": 9, "resource": "namespaces", "verb": "list"}, [429] * 6),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_script_is_followed_exactly(proxy: ApiProxy, fault: dict[str, Any], statuses: list[int]) -> None:
    client = pool(proxy)
    for _ in range(2):
        proxy.set_faults(fault)
        assert [get(proxy, client) for _ in statuses] == statuses
        assert proxy.stats()["injected"] == {fault["kind"]: 6 - statuses.count(200)}
    asked = [entry["upstream"] for entry in proxy.requests()][:6]
    forwarded = fault["kind"] in {"lost_answer", "cut_answer"}
    assert asked == [200 if status == 200 or forwarded else 0 for status in statuses]


def test_the_same_seed_strikes_the_same_requests(proxy: ApiProxy) -> None:
    client = pool(proxy)
    runs = []
    for seed in (1, 1, 2):
        proxy.set_faults({"kind": "throttle", "probability": 0.5, "seed": seed})
        runs.append([get(proxy, client) for _ in range(64)])
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize(
    ("fault", "events"),
    [
        ({"kind": "watch_cut", "after_events": 2}, ["ADDED", "ADDED", "cut"]),
        ({"kind": "watch_cut", "mode": "end", "after_events": 2}, ["ADDED", "ADDED", "end"]),
        ({"kind": "watch_cut"}, ["cut"]),
        ({"kind": "watch_gone", "after_events": 1}, ["ADDED", "ERROR", "end"]),
        ({"kind": "watch_gone"}, ["ERROR", "end"]),
        ({"kind": "watch_gone", "mode": "410"}, ["410"]),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_watches_end_as_told(proxy: ApiProxy, fault: dict[str, Any], events: list[str]) -> None:
    proxy.set_faults({**fault, "first": 1})
    assert watched(proxy) == events
    again = watched(proxy)
    assert set(again[:-1]) == {"ADDED"}
    assert again[-1] == "end"
    proxy.set_faults({"kind": "watch_cut", "first": 1, "after_seconds": 0.2})
    assert watched(proxy)[-1] == "cut"


def test_requests_are_counted_over_either_protocol(proxy: ApiProxy) -> None:
    """Python speaks HTTP/1.1, kubectl HTTP/2; both through the same kubeconfig."""
    client = pool(proxy)
    for path in (
        NAMESPACES,
        NAMESPACES,
        f"{NAMESPACES}/default",
        "/api/v1/namespaces/default/configmaps/none",
        "/apis",
    ):
        get(proxy, client, path)
    command = [str(BIN / "kubectl"), "--kubeconfig", str(proxy.kubeconfig), "get", "--raw", NAMESPACES]
    subprocess.run(command, check=True, capture_output=True)
    stats = proxy.stats()
    assert stats["by_verb"] == {"list namespaces": 3, "get namespaces": 1, "get configmaps": 1, "get": 1}
    assert stats["by_method"] == {"GET": 6}
    assert (stats["requests"], stats["max_in_flight"], stats["in_flight"]) == (6, 1, 0)
    assert stats["connections"] == 2
    assert [entry["protocol"] for entry in proxy.requests()] == ["HTTP/1.1"] * 5 + ["HTTP/2.0"]
    proxy.reset()
    assert proxy.stats()["requests"] == 0
    assert TOKEN not in json.dumps(proxy.requests())


def test_a_round_trip_takes_as_long_as_told(empty_api_server: ApiServer) -> None:
    """A new connection costs two more: one for TCP, one for TLS."""
    delay = 0.2
    with ApiProxy(empty_api_server.kubeconfig, delay=delay) as proxy:
        client = pool(proxy)
        for round_trips in (3, 1, 1):
            started = time.monotonic()
            assert get(proxy, client) == 200
            assert time.monotonic() - started >= round_trips * delay
        proxy.set_faults({"kind": "throttle", "first": 1})
        started = time.monotonic()
        assert get(proxy, client) == 429
        assert time.monotonic() - started >= delay
        proxy.set_delay(0)
        assert get(proxy, client) == 200


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"kind": "other", "first": 1}, 'kind: unknown: "other"'),
        ({"kind": "throttle"}, "exactly one of first, every, nth and probability"),
        ({"kind": "throttle", "first": 1, "every": 1}, "exactly one of first, every, nth and probability"),
        ({"kind": "hold", "mode": "never", "first": 1}, "hold: mode: must be one of"),
        ({"kind": "throttle", "frist": 1}, 'unknown field "frist"'),
    ],
)
def test_a_fault_that_means_nothing_is_refused(proxy: ApiProxy, fault: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        proxy.set_faults(fault)
