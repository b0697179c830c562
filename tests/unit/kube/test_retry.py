# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a failing request is repeated."""

from __future__ import annotations

import itertools

import pytest

from miniapp_infra.kube.errors import ApiError, KubeError, UnreachableError, from_status
from miniapp_infra.kube.retry import RetryPolicy


class Server:
    """Fails as it is told to, then answers; ``sleep`` makes the time pass for tenacity as well."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *failures: KubeError) -> None:
        self.failures = list(failures)
        self.calls = 0
        self.pauses: list[float] = []
        self.now = 0.0
        monkeypatch.setattr("tenacity.time.monotonic", lambda: self.now)

    def __call__(self) -> str:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def refused() -> KubeError:
    return UnreachableError("refused", retryable=True)


def test_passing_failures_are_survived_with_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, *(refused() for _ in range(5)))
    assert RetryPolicy(base=0.2, cap=1.0, sleep=server.sleep).call(server) == "answer"
    for pause, ceiling in zip(server.pauses, (0.2, 0.4, 0.8, 1.0, 1.0), strict=True):
        assert ceiling / 2 <= pause <= ceiling


def test_lasting_failures_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, from_status("a", 403, {}))
    with pytest.raises(ApiError):
        RetryPolicy(sleep=server.sleep).call(server)
    assert server.calls == 1


def test_the_server_says_how_long_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, from_status("a", 429, {}, retry_after=7))
    RetryPolicy(sleep=server.sleep).call(server)
    assert 7 <= server.pauses[0] <= 7.2


def test_it_ends_with_the_last_failure_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, *(refused() for _ in range(1000)))
    with pytest.raises(UnreachableError):
        RetryPolicy(timeout=30, sleep=server.sleep).call(server)
    assert 20 < server.now <= 30


def test_an_address_that_never_answered_is_given_up_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, *(refused() for _ in range(1000)))
    with pytest.raises(UnreachableError):
        RetryPolicy(timeout=60, first_contact=8, sleep=server.sleep).call(server, answered=lambda: False)
    assert server.now <= 8


def test_the_pauses_of_two_clients_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = set()
    for _ in itertools.repeat(None, 5):
        server = Server(monkeypatch, refused())
        RetryPolicy(sleep=server.sleep).call(server)
        pauses.add(server.pauses[0])
    assert len(pauses) > 1
