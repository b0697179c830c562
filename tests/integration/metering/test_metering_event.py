# SPDX-License-Identifier: GPL-3.0-or-later
"""``metering_event`` and ``metering_usage_info`` against the contract server.

What one of them did is read from the server's own memory, and what was metered through its query. Every exchange is
compared with the published descriptions when a test ends.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.standins.metering.server import Fault
from miniapp_infra.metering.delivery import DeliveryError
from miniapp_infra.metering.tasks import usage_info

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import RunModule
    from miniapp_infra.local.standins.metering.server import MeteringServer

    Make = Callable[..., dict[str, Any]]

TOKEN = "payhub-token-4711"  # noqa: S105 - of this test


def values(server: MeteringServer) -> dict[str, str]:
    """Return what OpenMeter has, by subject."""
    stored = {one.event["subject"]: one.event["data"]["value"] for one in server.openmeter.stored}
    assert len(stored) == len(server.openmeter.stored), "an event is stored twice"
    return stored


def sent(server: MeteringServer) -> list[str]:
    """Return the paths that something was sent to."""
    return [one.request.path for one in server.exchanges if one.request.method == "POST"]


def test_the_cycle_of_the_module(run_module: RunModule, server: MeteringServer, options: Make, usage: Make) -> None:
    def module(*events: dict[str, Any], check: bool = False, **changes: Any) -> dict[str, Any]:
        result = run_module("metering_event", options(*events, **changes), check=check, diff=True)
        assert TOKEN not in json.dumps(result)
        return result

    one = usage(dimensions={"resource": "memory"})
    planned = module(one, check=True)
    assert (planned["changed"], planned["events"][0]["status"], planned["accepted"]) == (True, "planned", 1)
    assert values(server) == {}
    done = module(one)
    assert (done["changed"], done["events"][0]["status"]) == (True, "accepted")
    assert [event["value"] for event in done["diff"]["after"]["events"]] == ["42"]
    assert values(server) == {"playhub": "42"}
    again = module(one)
    assert (again["changed"], again["duplicates"], again["diff"]["after"]) == (False, 1, {"events": []})
    changed = module({**one, "value": "43"})
    assert (changed["failed"], changed["error"]["code"]) == (True, "conflict")
    assert changed["conflicts"] == [
        {"id": done["events"][0]["id"], "reason": "it is stored with 42 operations, not 43 operations"}
    ]


def test_numbers_pass_ansible_unchanged(
    module_process: RunModule, server: MeteringServer, options: Make, usage: Make
) -> None:
    """A conflict that is left alone, an integer, a fraction that is not in quotes; and what was metered in the end."""
    first = usage()
    module_process("metering_event", options(first))
    mixed = options({**first, "value": "43"}, usage("payhub", 7), on_conflict="ignore")
    more = module_process("metering_event", mixed)
    assert [event["status"] for event in more["events"]] == ["conflict", "accepted"]
    assert values(server) == {"playhub": "42", "payhub": "7"}
    refused = module_process("metering_event", options(usage("price", 0.5)))
    assert refused["msg"].startswith("events[0].value: must be a decimal text such as '12.50', not the inexact number")
    question = {"url": options()["url"], "api_token": TOKEN, "meter": "infra_operations"}
    read = module_process("metering_usage_info", question)
    assert (read["changed"], read["total"], read["complete"]) == (False, "49", True)
    assert TOKEN not in json.dumps([more, refused, read])


def test_nothing_is_sent_before_everything_is_checked(server: MeteringServer, record: Make, usage: Make) -> None:
    with pytest.raises(MiniappInfraError, match=r"^events\[1\].value: must not be negative"):
        record(usage(), usage("payhub", "-1"))
    assert server.exchanges == []


def test_a_correction_is_an_event_of_its_own(server: MeteringServer, record: Make, usage: Make) -> None:
    overage = usage(type="infra.overage", value="12.50", currency="FZ")
    record(overage, {**overage, "type": "infra.overage.adjustment", "value": "-2.50"})
    assert [one.event["data"]["value"] for one in server.openmeter.stored] == ["12.5", "-2.5"]


def test_without_deduplication_a_lost_answer_stores_nothing_twice(
    server: MeteringServer, record: Make, usage: Make
) -> None:
    """The server stores the events and then breaks, in every way that it can."""
    for number, fault in enumerate((Fault(status=500), Fault(status=503), Fault(status=504), Fault(drops=True))):
        fault.method, fault.stored = "POST", True
        server.faults.append(fault)
        events = [usage(f"a{number}"), usage(f"b{number}")]
        assert record(*events)["accepted"] == 2
    assert len(values(server)) == 8
    assert len(sent(server)) == 4


def test_without_an_answer_in_time_either(server: MeteringServer, record: Make, usage: Make) -> None:
    server.faults.append(fault := Fault("POST", stored=True, halts=True))
    assert record(usage(), timeout=0.5)["accepted"] == 1
    fault.release()
    assert values(server) == {"playhub": "42"}


def test_what_was_not_stored_is_sent_again(server: MeteringServer, record: Make, usage: Make) -> None:
    for fault in (Fault("POST", status=503), Fault("POST", status=429), Fault("POST", drops=True)):
        server.faults.append(fault)
    assert record(usage())["accepted"] == 1
    assert values(server) == {"playhub": "42"}


def test_a_stored_event_that_cannot_be_read_yet_is_waited_for(
    server: MeteringServer, record: Make, usage: Make
) -> None:
    server.openmeter.lag = timedelta(seconds=0.8)
    server.faults.append(Fault("POST", status=500, stored=True))
    assert record(usage(), visible_after=20)["accepted"] == 1
    assert values(server) == {"playhub": "42"}


def test_a_longer_id_that_contains_ours_is_another_event(record: Make, usage: Make) -> None:
    record(usage("longer", id="op-11"))
    assert record(usage("ours", id="op-1"))["accepted"] == 1
    assert record(usage("ours", id="op-1"))["duplicates"] == 1


def test_when_others_hide_an_id_nothing_is_sent(server: MeteringServer, record: Make, usage: Make) -> None:
    record(*(usage(f"s{number}", id=f"op-{number:03}") for number in range(100)))
    with pytest.raises(MiniappInfraError, match="100 other ids contain it") as caught:
        record(usage("ours", id="op"))
    assert caught.value.code is ErrorCode.CONFLICT
    assert len(values(server)) == 100


def test_an_id_of_another_usage_is_a_conflict(record: Make, usage: Make) -> None:
    record(usage(id="mine"))
    with pytest.raises(DeliveryError, match=r"the id belongs to infra\.operations of playhub"):
        record(usage("payhub", id="mine"))


def test_an_event_older_than_the_list_is_refused(server: MeteringServer, record: Make, usage: Make) -> None:
    old = usage(window_start="2026-01-01T00:00:00Z", window_end="2026-01-01T01:00:00Z")
    with pytest.raises(MiniappInfraError, match=r"^events\[0\].time: the CloudEvents server no longer tells"):
        record(old)
    assert server.exchanges == []
    assert record(old, read_before_send=False)["accepted"] == 1


def test_an_event_of_last_week_is_found(record: Make, usage: Make, hour: Any) -> None:
    """Though the list covers three days by default."""
    week = timedelta(days=7)
    old = usage(window_start=(hour - week).isoformat(), window_end=(hour - week + timedelta(hours=1)).isoformat())
    assert record(old)["accepted"] == 1
    assert record(old)["duplicates"] == 1


def test_a_meter_that_is_not_there_is_warned_of(record: Make, usage: Make) -> None:
    result = record(usage(type="unknown"))
    assert result["accepted"] == 1
    assert "no meter found for event type: unknown" in result["warnings"][0]


def test_a_wrong_token_is_told_without_it(server: MeteringServer, record: Make, usage: Make) -> None:
    server.token = "another"  # noqa: S105 - of this test
    with pytest.raises(MiniappInfraError, match="answered 401: invalid token") as caught:
        record(usage())
    assert caught.value.code is ErrorCode.FORBIDDEN
    assert TOKEN not in str(caught.value)


class TestLago:
    def test_events_go_once_and_one_that_is_ignored_is_rejected(
        self, server: MeteringServer, record: Make, usage: Make
    ) -> None:
        with pytest.raises(DeliveryError, match="no active billable metric has the code unknown") as caught:
            record(usage("sub_a"), usage("sub_b", type="unknown"), backend="lago")
        result = caught.value.result()
        assert [event["status"] for event in result["events"]] == ["accepted", "rejected"]
        assert [event["external_subscription_id"] for event in server.lago.events] == ["sub_a"]
        assert server.lago.events[0]["properties"]["value"] == "42"
        assert record(usage("sub_a"), backend="lago")["duplicates"] == 1

    def test_it_is_rejected_too_where_it_can_be_read(self, server: MeteringServer, record: Make, usage: Make) -> None:
        server.lago.keeps_unknown = True
        with pytest.raises(DeliveryError, match="no active billable metric has the code unknown"):
            record(usage("sub_b", type="unknown"), backend="lago")

    def test_another_value_does_not_replace_the_first_one(
        self, server: MeteringServer, record: Make, usage: Make
    ) -> None:
        record(usage("sub"), backend="lago")
        with pytest.raises(DeliveryError, match="it is stored with 42 operations, not 43 operations"):
            record(usage("sub", 43), backend="lago")
        assert [event["properties"]["value"] for event in server.lago.events] == ["42"]

    def test_one_refused_event_does_not_keep_its_batch_out(
        self, server: MeteringServer, record: Make, usage: Make
    ) -> None:
        """Another client stores an event between our look and our request."""
        server.lago.clickhouse = False
        record(usage("sub_b"), backend="lago")
        result = record(usage("sub_a"), usage("sub_b"), backend="lago", read_before_send=False)
        assert [event["status"] for event in result["events"]] == ["accepted", "duplicate"]
        assert len(server.lago.events) == 2
        with pytest.raises(DeliveryError, match="it is stored with 42 operations, not 1 operations"):
            record(usage("sub_b", 1), backend="lago", read_before_send=False)

    def test_more_than_it_takes_at_once(self, server: MeteringServer, record: Make, usage: Make) -> None:
        with pytest.raises(MiniappInfraError, match=r"^batch_size: must be 1 to 100 for Lago"):
            record(usage(), backend="lago", batch_size=101)
        events = [usage(f"sub{number}") for number in range(130)]
        assert record(*events, backend="lago")["accepted"] == 130
        assert sent(server) == ["/api/v1/events/batch"] * 2

    def test_usage(self, record: Make, usage: Make, options: Make) -> None:
        record(usage("sub"), backend="lago")
        question = {**options(backend="lago"), "meter": "infra.operations", "customer": "c", "subjects": ["sub"]}
        assert usage_info(question, check_mode=False, diff_mode=False)["total"] == "42"
        for option, value in (("start", "2026-11-01T00:00:00Z"), ("window_size", "day"), ("group_by", ["x"])):
            with pytest.raises(MiniappInfraError, match=f"^{option}: Lago cannot be asked for that"):
                usage_info({**question, option: value}, check_mode=False, diff_mode=False)
        for option in ("customer", "subjects"):
            with pytest.raises(MiniappInfraError, match=f"^{option}: is required"):
                usage_info({**question, option: None}, check_mode=False, diff_mode=False)


class TestStripe:
    @pytest.fixture
    def stripe(self, record: Make, tmp_path: Path) -> Make:
        return lambda *events, **changes: record(
            *events, **{"backend": "stripe", "ledger_path": str(tmp_path / "ledger"), **changes}
        )

    def test_the_ledger_is_required(self, server: MeteringServer, stripe: Make, usage: Make) -> None:
        with pytest.raises(MiniappInfraError, match=r"^ledger_path: is required"):
            stripe(usage(), ledger_path=None)
        assert server.exchanges == []

    def test_events_go_once_even_after_stripe_forgot_them(
        self, server: MeteringServer, stripe: Make, usage: Make
    ) -> None:
        assert stripe(usage("cus_1"), usage("cus_2"))["accepted"] == 2
        server.stripe.events.clear()
        assert stripe(usage("cus_1"), usage("cus_2"))["duplicates"] == 2
        assert server.stripe.events == []
        with pytest.raises(DeliveryError, match="the ledger has it with 42 operations, not 1 operations"):
            stripe(usage("cus_1", 1))

    @pytest.mark.parametrize("fault", [{"status": 500}, {"drops": True}])
    def test_a_lost_answer(self, server: MeteringServer, stripe: Make, usage: Make, fault: dict[str, Any]) -> None:
        server.faults.append(Fault("POST", stored=True, **fault))
        assert stripe(usage("cus_1"))["accepted"] == 1
        assert len(server.stripe.events) == 1

    def test_its_limits_are_known_before_anything_is_sent(
        self, server: MeteringServer, stripe: Make, usage: Make
    ) -> None:
        old = usage(window_start="2026-01-01T00:00:00Z", window_end="2026-01-01T01:00:00Z")
        with pytest.raises(MiniappInfraError, match=r"^events\[0\].time: .* outside of what Stripe takes now"):
            stripe(old)
        with pytest.raises(MiniappInfraError, match=r"^events\[0\].id: has 101 characters; Stripe takes at most 100"):
            stripe(usage(id="x" * 101))
        assert server.exchanges == []
        assert stripe(usage(id="x" * 100))["accepted"] == 1

    def test_usage_over_pages(self, *, stripe: Make, usage: Make, options: Make, hour: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr("miniapp_infra.metering.backends.stripe._PAGE", 2)
        for number in range(5):
            start, end = hour - timedelta(hours=number), hour - timedelta(hours=number - 1)
            stripe(usage("cus_1", "0.1", window_start=start.isoformat(), window_end=end.isoformat()))
        question = {
            **options(backend="stripe"),
            "meter": "mtr_operations",
            "subjects": ["cus_1"],
            "start": (hour - timedelta(hours=4)).isoformat(),
            "end": (hour + timedelta(hours=1)).isoformat(),
            "window_size": "hour",
        }
        found = usage_info(question, check_mode=False, diff_mode=False)
        assert (found["total"], len(found["usage"]), found["complete"]) == ("0.5", 5, True)
        with pytest.raises(MiniappInfraError, match=r"^start: is required"):
            usage_info({**question, "start": None}, check_mode=False, diff_mode=False)


def test_openmeter_is_asked_in_detail(record: Make, usage: Make, options: Make, hour: Any) -> None:
    record(
        usage("a", "0.1", dimensions={"zone": "x"}),
        usage("a", "0.2", dimensions={"zone": "y"}),
        usage("b", "0.3", dimensions={"zone": "x"}),
    )
    question = {
        **options(),
        "meter": "infra_operations",
        "start": hour.isoformat(),
        "end": (hour + timedelta(days=2)).isoformat(),
        "window_size": "hour",
        "group_by": ["subject", "zone"],
        "filters": {"zone": "x"},
    }
    found = usage_info(question, check_mode=True, diff_mode=False)
    assert [(row["subject"], row["group_by"], row["value"], row["closed"]) for row in found["usage"]] == [
        ("a", {"zone": "x"}, "0.1", True),
        ("b", {"zone": "x"}, "0.3", True),
    ]
    assert found["total"] == "0.4"  # with floats 0.1 and 0.3 make this by luck, 0.1 and 0.2 below do not
    everything = {**question, "filters": {}, "group_by": [], "window_size": None, "subjects": ["a"]}
    found = usage_info(everything, check_mode=False, diff_mode=False)
    assert (found["complete"], [row["closed"] for row in found["usage"]]) == (False, [False])
    with pytest.raises(MiniappInfraError, match="answered 404: meter not found: none"):
        usage_info({**question, "meter": "none"}, check_mode=False, diff_mode=False)
    with pytest.raises(MiniappInfraError, match=r"^end: must be after start"):
        usage_info({**question, "end": question["start"]}, check_mode=False, diff_mode=False)
