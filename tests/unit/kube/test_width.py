# SPDX-License-Identifier: GPL-3.0-or-later
"""The number of requests in flight follows what the server can take."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from miniapp_infra.kube.width import MOST, START, Width


def test_starts_at_eight_and_widens_while_answers_stay_quick() -> None:
    width = Width()
    assert width.limit == START
    for _ in range(200):
        width.took(0.02)
    assert width.limit == MOST


def test_narrows_when_answers_wait_in_a_queue_and_recovers() -> None:
    width = Width()
    width.took(0.01)
    for _ in range(20):
        width.took(0.5)
    assert width.limit == 1
    for _ in range(30):
        width.took(0.01)
    assert width.limit > 4


def test_a_refused_request_halves_the_width() -> None:
    width = Width()
    width.overloaded()
    assert width.limit == START // 2


def test_requests_of_one_moment_narrow_it_once() -> None:
    width = Width()
    with width.slot(), width.slot(), width.slot():
        width.overloaded()
        width.overloaded()
        width.overloaded()
    assert width.limit == START // 2


def test_no_more_than_the_limit_are_in_flight() -> None:
    width = Width(start=3, most=3)
    lock = threading.Lock()
    full = threading.Event()
    inside, most = 0, 0

    def work(_: int) -> None:
        nonlocal inside, most
        with width.slot():
            with lock:
                inside += 1
                most = max(most, inside)
                if inside == 3:
                    full.set()
            full.wait(30)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(work, range(40)))
    assert most == 3
