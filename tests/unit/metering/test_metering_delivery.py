# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery against a back end that fails as arranged, with a clock that stands still but for the pauses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.http import HttpError
from miniapp_infra.metering.backends.base import Found, Limits, Refusal
from miniapp_infra.metering.delivery import Delivery, DeliveryError, Policy
from miniapp_infra.metering.ledger import Entry, Ledger
from miniapp_infra.metering.models import Status
from miniapp_infra.metering.transformations import events_from

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LOST = MiniappInfraError("Failed to send: it does not answer", code=ErrorCode.UNAVAILABLE, retryable=True)


def refused(status, body="because"):
    return HttpError(
        f"Failed to send: answered {status}", status=status, body=body, retryable=status in {429, 500, 503}
    )


def events(*subjects, value="1"):
    items = [
        {
            "type": "t",
            "subject": subject,
            "value": value,
            "window_start": "2026-11-23T10:00:00Z",
            "window_end": "2026-11-23T11:00:00Z",
        }
        for subject in subjects
    ]
    return events_from(items, source="s", now=NOW)


@dataclass
class Backend:
    """Stores what it is sent, without looking whether it has it, unless ``unique``.

    ``failures`` are raised by the next requests: (error, whether the events are stored all the same).
    """

    limits: Limits = field(default_factory=lambda: Limits(batch=100, id_length=100))
    unique: bool = False
    lag: timedelta = timedelta(0)
    failures: list = field(default_factory=list)
    bad: frozenset = frozenset()
    ignored: frozenset = frozenset()
    stored: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    looks: int = 0
    problem: str = ""
    title: str = "Backend"
    target: str = "backend http://x"
    clock: object = None

    def find(self, event, now):
        assert now == self.clock()
        self.looks += 1
        if not self.limits.readable:
            raise AssertionError("asked a back end that cannot be asked")
        for stored, at in self.stored:
            if stored.key == event.key and at + self.lag <= self.clock():
                return Found(stored.content, self.problem)
        return None

    def drops(self, event):
        return "no such metric" if event.type == "unknown" else ""

    def send(self, batch):
        assert len(batch) <= self.limits.batch
        self.requests.append([event.subject for event in batch])
        error, kept = self.failures.pop(0) if self.failures else (None, True)
        if error is None and any(event.subject in self.bad for event in batch):
            error, kept = refused(422, "bad subject"), False
        if error is None and self.unique and any(event.key == had.key for event in batch for had, _ in self.stored):
            error, kept = refused(422, "already there"), False
        if kept:
            self.stored += [(event, self.clock()) for event in batch if event.subject not in self.ignored]
        if error is not None:
            raise error

    def refusal(self, error):
        return Refusal(str(error.body), duplicate=error.body == "already there")

    def usage(self, query):
        raise NotImplementedError

    def has(self):
        return sorted(event.subject for event, _ in self.stored)


class Clock:
    def __init__(self):
        self.time = NOW
        self.pauses = []

    def __call__(self):
        return self.time

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def backend(clock):
    return Backend(clock=clock)


@pytest.fixture
def ledger(backend):
    return Ledger(backend.target)


@pytest.fixture
def deliver(backend, ledger, clock):
    def run(*given, **policy):
        delivery = Delivery(backend, ledger, Policy(**policy, now=clock, sleep=clock.sleep))
        delivery.check(given)
        return [(outcome.event.subject, outcome.status.value) for outcome in delivery.run(given)]

    return run


WRITE_ONLY = Limits(batch=1, id_length=100, readable=False, remembers=timedelta(hours=24))


def test_new_events_are_stored_once_and_a_second_run_sends_nothing(deliver, backend):
    assert deliver(*events("a", "b")) == [("a", "accepted"), ("b", "accepted")]
    assert deliver(*events("a", "b")) == [("a", "duplicate"), ("b", "duplicate")]
    assert backend.requests == [["a", "b"]]


def test_what_the_back_end_has_from_elsewhere_is_not_sent(deliver, backend, clock):
    backend.stored = [(events("a")[0], clock())]
    assert deliver(*events("a", "b")) == [("a", "duplicate"), ("b", "accepted")]
    assert backend.has() == ["a", "b"]


def test_events_go_in_batches(deliver, backend):
    deliver(*events(*"abcde"), batch_size=2)
    assert backend.requests == [["a", "b"], ["c", "d"], ["e"]]


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("error", [LOST, refused(500), refused(503)])
def test_after_a_lost_answer_the_back_end_is_asked_before_anything_is_sent_again(deliver, backend, error, kept):
    backend.failures = [(error, kept)]
    assert deliver(*events("a", "b")) == [("a", "accepted"), ("b", "accepted")]
    assert backend.has() == ["a", "b"]
    assert len(backend.requests) == (1 if kept else 2)


def test_only_what_is_missing_is_sent_again(deliver, backend, clock):
    send = backend.send

    def half(batch):
        backend.send = send
        backend.stored.append((batch[0], clock()))
        raise LOST

    backend.send = half
    assert deliver(*events("a", "b")) == [("a", "accepted"), ("b", "accepted")]
    assert backend.has() == ["a", "b"]
    assert backend.requests == [["b"]]


def test_an_event_that_is_stored_but_not_visible_yet_is_waited_for(deliver, backend, clock):
    backend.lag = timedelta(seconds=5)
    backend.failures = [(LOST, True)]
    assert deliver(*events("a"), visible_after=10) == [("a", "accepted")]
    assert backend.has() == ["a"]
    assert timedelta(seconds=5) <= clock() - NOW < timedelta(seconds=10)


def test_too_many_requests_end_the_run_because_the_client_has_tried_again_already(deliver, backend, ledger):
    backend.failures = [(refused(429), False)]
    with pytest.raises(DeliveryError) as caught:
        deliver(*events("a"))
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert caught.value.retryable
    assert caught.value.result()["pending"] == 1
    assert ledger.pending() == events("a")


def test_when_it_does_not_pass_the_events_stay_pending_and_the_next_run_delivers_them(deliver, backend):
    backend.failures = [(LOST, False)] * 3
    with pytest.raises(DeliveryError, match=r"^Failed to send: it does not answer$") as caught:
        deliver(*events("a", "b"), retries=2)
    assert caught.value.retryable
    assert caught.value.result() == {
        "changed": False,
        "events": [outcome.as_result() for outcome in caught.value.outcomes],
        "accepted": 0,
        "duplicates": 0,
        "conflicts": [],
        "rejected": [],
        "pending": 2,
    }
    assert len(backend.requests) == 3
    assert deliver() == [("a", "accepted"), ("b", "accepted")]
    assert backend.has() == ["a", "b"]


def test_pauses_grow_and_follow_what_the_server_asks_for(deliver, backend, clock):
    backend.failures = [(LOST, False)] * 3
    deliver(*events("a"), visible_after=0)
    assert clock.pauses == [0.2, 0.4, 0.8]
    asked = refused(503)
    asked.retry_after = 3600
    backend.failures = [(asked, False)]
    deliver(*events("b"), visible_after=0)
    assert clock.pauses[-1] == 60


def test_a_refusal_that_concerns_everything_is_not_tried_again(deliver, backend):
    backend.failures = [(refused(403), False)]
    with pytest.raises(DeliveryError) as caught:
        deliver(*events("a", "b"))
    assert caught.value.code is ErrorCode.FORBIDDEN
    assert len(backend.requests) == 1


def test_one_bad_event_does_not_keep_the_others_out(deliver, backend, ledger):
    backend.bad = frozenset("b")
    with pytest.raises(
        DeliveryError, match=r"Failed to record 1 of 3 metering events: t of b \(.*\): bad subject"
    ) as caught:
        deliver(*events(*"abc"))
    assert backend.has() == ["a", "c"]
    assert caught.value.code is ErrorCode.INVALID_INPUT
    result = caught.value.result()
    assert result["changed"]
    assert result["accepted"] == 2
    assert [one["reason"] for one in result["rejected"]] == ["bad subject"]
    assert ledger.pending() == ()
    backend.bad = frozenset()
    assert deliver(*events(*"abc")) == [("a", "duplicate"), ("b", "accepted"), ("c", "duplicate")]


def test_what_is_accepted_and_then_ignored_is_rejected(deliver, backend):
    backend.limits = replace(backend.limits, ignores=True)
    backend.ignored = frozenset("a")
    with pytest.raises(DeliveryError, match="Backend accepted it and then ignored it") as caught:
        deliver(*events("a", "b"), visible_after=3)
    assert [outcome.status for outcome in caught.value.outcomes] == [Status.REJECTED, Status.ACCEPTED]


def test_what_will_never_be_counted_is_rejected_though_it_can_be_read(deliver, backend):
    backend.limits = replace(backend.limits, ignores=True)
    with pytest.raises(DeliveryError, match="no such metric"):
        deliver(*(replace(event, type="unknown") for event in events("a")))


def test_what_the_back_end_says_about_an_accepted_event_is_told(backend, ledger, clock):
    backend.problem = "no meter found"
    outcomes = Delivery(backend, ledger, Policy(now=clock, sleep=clock.sleep)).run(events("a"))
    assert [(outcome.status, outcome.reason) for outcome in outcomes] == [(Status.ACCEPTED, "no meter found")]


class TestConflicts:
    def test_another_value_is_a_conflict_and_nothing_at_all_is_sent(self, deliver, backend, clock):
        backend.stored = [(events("a")[0], clock())]
        with pytest.raises(DeliveryError, match="it is stored with 1, not 2") as caught:
            deliver(*events("a", "b", value="2"))
        assert caught.value.code is ErrorCode.CONFLICT
        assert not caught.value.retryable
        assert backend.requests == []

    def test_it_can_be_left_alone(self, deliver, backend, clock):
        backend.stored = [(events("a")[0], clock())]
        assert deliver(*events("a", "b", value="2"), ignore_conflicts=True) == [("a", "conflict"), ("b", "accepted")]
        assert backend.has() == ["a", "b"]

    def test_the_ledger_notices_one_without_asking(self, deliver, backend):
        deliver(*events("a"))
        looks = backend.looks
        with pytest.raises(DeliveryError, match="the ledger has it with 1, not 2"):
            deliver(*events("a", value="2"))
        assert backend.looks == looks

    def test_another_event_of_the_same_id_is_one(self, deliver, backend):
        backend.find = lambda event, _: Found(event.content, mismatch="the id belongs to x of y")
        with pytest.raises(DeliveryError, match="the id belongs to x of y"):
            deliver(*events("a"))

    def test_one_that_an_earlier_run_left_behind_is_told_once(self, deliver, backend, ledger, clock):
        ledger.begin(events("a"))
        backend.stored = [(events("a", value="2")[0], clock())]
        with pytest.raises(DeliveryError, match="it is stored with 2, not 1"):
            deliver()
        assert deliver(*events("b")) == [("b", "accepted")]


class TestWhatAnEarlierRunLeftBehind:
    def test_it_was_stored(self, deliver, backend, ledger, clock):
        ledger.begin(events("a"))
        backend.stored = [(events("a")[0], clock())]
        assert deliver() == [("a", "duplicate")]
        assert ledger.pending() == ()
        assert backend.requests == []

    def test_it_was_not(self, deliver, ledger):
        ledger.begin(events("a"))
        assert deliver(*events("b")) == [("b", "accepted"), ("a", "accepted")]
        assert ledger.pending() == ()

    def test_it_is_asked_for_even_when_reading_is_switched_off(self, deliver, backend, ledger, clock):
        ledger.begin(events("a"))
        backend.stored = [(events("a")[0], clock())]
        assert deliver(*events("a"), read_before_send=False) == [("a", "duplicate")]
        assert backend.has() == ["a"]

    def test_it_may_become_visible_only_now(self, deliver, backend, ledger, clock):
        (event,) = events("a")
        ledger.entries[event.key] = Entry(event, Status.PENDING, clock())
        backend.stored = [(event, clock())]
        backend.lag = timedelta(seconds=5)
        assert deliver(event, visible_after=10) == [("a", "duplicate")]
        assert backend.requests == []

    def test_it_is_known_to_be_its_own(self, backend, ledger, clock):
        ledger.begin(events("a"))
        outcomes = Delivery(backend, ledger, Policy(now=clock, sleep=clock.sleep)).run(events("b"))
        assert [outcome.recovered for outcome in outcomes] == [False, True]


class TestABackEndThatCannotBeAsked:
    @pytest.fixture(autouse=True)
    def _write_only(self, backend):
        backend.limits = WRITE_ONLY
        backend.unique = True

    def test_the_ledger_remembers(self, deliver, backend):
        assert deliver(*events("a")) == [("a", "accepted")]
        assert deliver(*events("a")) == [("a", "duplicate")]
        assert backend.requests == [["a"]]

    @pytest.mark.parametrize("kept", [True, False])
    def test_a_lost_answer_is_tried_again_with_the_same_id(self, deliver, backend, kept):
        backend.failures = [(LOST, kept)]
        assert deliver(*events("a")) == [("a", "accepted")]
        assert backend.has() == ["a"]
        assert len(backend.requests) == 2

    def test_a_duplicate_is_none_of_ours_when_nothing_was_lost(self, deliver, backend, clock):
        backend.stored = [(events("a")[0], clock())]
        assert deliver(*events("a")) == [("a", "duplicate")]

    def pending(self, ledger, clock, age):
        (event,) = events("a")
        ledger.entries[event.key] = Entry(event, Status.PENDING, clock() - age)
        return event

    def test_what_was_left_behind_is_sent_again_while_a_second_one_is_noticed(self, deliver, backend, ledger, clock):
        event = self.pending(ledger, clock, timedelta(hours=23))
        backend.stored = [(event, clock())]
        assert deliver() == [("a", "duplicate")]
        assert backend.has() == ["a"]

    def test_and_never_after_that(self, deliver, backend, ledger, clock):
        event = self.pending(ledger, clock, timedelta(hours=25))
        with pytest.raises(DeliveryError, match="too long ago for Backend to notice a second one"):
            deliver()
        with pytest.raises(DeliveryError, match="the ledger has it in conflict"):
            deliver(event)
        assert deliver() == []
        assert backend.requests == []

    def test_nor_with_another_value(self, deliver, backend, ledger, clock):
        self.pending(ledger, clock, timedelta(hours=1))
        with pytest.raises(DeliveryError, match=r"it may have been sent with 1 at .*, and Backend cannot be asked"):
            deliver(*events("a", value="2"))
        assert backend.requests == []


class TestLimits:
    def test_an_id_that_is_too_long(self, deliver):
        given = [replace(event, id="x" * 101) for event in events("a")]
        with pytest.raises(MiniappInfraError, match=r"^events\[0\].id: has 101 characters; Backend takes at most 100"):
            deliver(*given)
        assert deliver(*(replace(event, id="x" * 100) for event in given)) == [("a", "accepted")]

    @pytest.mark.parametrize("size", [0, -1, 101])
    def test_a_batch_size_that_is_not_taken(self, deliver, size):
        with pytest.raises(MiniappInfraError, match=r"^batch_size: must be 1 to 100 for Backend"):
            deliver(*events("a"), batch_size=size)

    @pytest.mark.parametrize(
        ("limits", "fits"),
        [
            ({"past": timedelta(hours=26)}, True),
            ({"past": timedelta(hours=25)}, False),
            ({"future": timedelta(hours=-27)}, False),
            ({"future": timedelta(minutes=5)}, True),
        ],
    )
    def test_an_event_outside_of_the_time_that_is_taken(self, deliver, backend, limits, fits):
        backend.limits = replace(backend.limits, **limits)
        if fits:
            assert deliver(*events("a")) == [("a", "accepted")]
            return
        with pytest.raises(MiniappInfraError, match=r"^events\[0\].time: .* is outside of what Backend takes now"):
            deliver(*events("a"))
        assert backend.requests == []

    def test_an_event_that_is_too_old_to_be_asked_for(self, deliver, backend):
        backend.limits = replace(backend.limits, lists=timedelta(hours=25))
        with pytest.raises(MiniappInfraError, match=r"^events\[0\].time: Backend no longer tells") as caught:
            deliver(*events("a"))
        assert "read_before_send" in caught.value.hint
        assert deliver(*events("a"), read_before_send=False) == [("a", "accepted")]
        assert backend.looks == 0


def test_planning_sends_and_writes_nothing(backend, ledger, clock):
    ledger.begin(events("left"))
    before = dict(ledger.entries)
    delivery = Delivery(backend, ledger, Policy(now=clock, sleep=clock.sleep))
    planned = delivery.plan(events("a"))
    assert [(outcome.event.subject, outcome.status) for outcome in planned] == [
        ("a", Status.PLANNED),
        ("left", Status.PLANNED),
    ]
    assert backend.requests == []
    assert ledger.entries == before
