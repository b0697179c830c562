# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in has the limits and traps that the published descriptions tell of."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
import urllib3

from metering_contract import contract, judge
from metering_requests import FORM, get, hours_ago, post
from miniapp_infra.local.standins.metering.lago import Lago
from miniapp_infra.local.standins.metering.openmeter import Meter, OpenMeter
from miniapp_infra.local.standins.metering.server import Exchange
from miniapp_infra.local.standins.metering.stripe import Stripe

NOW = datetime.now(UTC).replace(microsecond=0)


def described(system, server, request):
    """Answer a request, and compare both with the description."""
    reply = server.handle(request)
    judge([Exchange(system, request, reply)])
    return reply


class TestOpenMeter:
    FACTS = contract("openmeter")["facts"]

    @pytest.fixture
    def openmeter(self):
        return OpenMeter(meters={"calls": Meter("calls")})

    def event(self, number=1, **fields):
        event = {"id": f"e{number}", "source": "s", "specversion": "1.0", "type": "calls", "subject": "a"}
        return {**event, "time": hours_ago(1, NOW), "data": {"value": "1.5", "zone": "x"}, **fields}

    def send(self, openmeter, *events):
        return described(
            "openmeter", openmeter, post("/api/v1/events", list(events), "application/cloudevents-batch+json")
        )

    def listed(self, openmeter, *query):
        return described("openmeter", openmeter, get("/api/v1/events", *query)).body

    def test_new_and_duplicate_look_the_same_and_both_are_kept(self, openmeter):
        assert openmeter.dedupe is self.FACTS["dedupe_by_default"]
        assert [self.send(openmeter, self.event()).status for _ in range(2)] == [204, 204]
        assert len(self.listed(openmeter)) == 2

    def test_with_deduplication_one_is_kept_of_each_source_and_id(self, openmeter):
        openmeter.dedupe = True
        for event in (self.event(), self.event(), self.event(source="other"), self.event(2)):
            assert self.send(openmeter, event).status == 204
        assert len(self.listed(openmeter)) == 3

    def test_ids_match_in_part(self, openmeter):
        self.send(openmeter, self.event(1), self.event(11), self.event(2))
        assert sorted(row["event"]["id"] for row in self.listed(openmeter, ("id", "e1"))) == ["e1", "e11"]

    def test_the_list_covers_three_days_unless_asked_for_more(self, openmeter):
        hours = self.FACTS["list_window_hours"]
        self.send(
            openmeter, self.event(1, time=hours_ago(hours + 1, NOW)), self.event(2, time=hours_ago(hours - 1, NOW))
        )
        assert [row["event"]["id"] for row in self.listed(openmeter)] == ["e2"]
        assert len(self.listed(openmeter, ("from", hours_ago(hours + 2, NOW)))) == 2

    def test_the_list_has_its_limits(self, openmeter):
        self.send(openmeter, *(self.event(number) for number in range(130)))
        assert len(self.listed(openmeter)) == self.FACTS["list_limit"]
        days = self.FACTS["list_oldest_days"]
        for query in (("from", hours_ago(days * 24 + 1, NOW)), ("limit", "101"), ("limit", "0"), ("from", "x")):
            assert described("openmeter", openmeter, get("/api/v1/events", query)).status == 400

    def test_a_type_without_a_meter_is_kept_with_a_remark(self, openmeter):
        self.send(openmeter, self.event(1), self.event(2, type="unknown"))
        remarks = {row["event"]["id"]: row.get("validationError") for row in self.listed(openmeter)}
        assert remarks == {"e1": None, "e2": "no meter found for event type: unknown"}

    @pytest.mark.parametrize("field", ["id", "source", "specversion", "type", "subject"])
    def test_required_fields(self, openmeter, field):
        for broken in ("", None):
            assert self.send(openmeter, self.event(2), self.event(**{field: broken})).status == 400
        assert self.listed(openmeter) == []

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            ("[]", "text/plain"),
            ("{", "application/cloudevents+json"),
            ('{"a": 1}', "application/cloudevents-batch+json"),
            ("[1]", "application/json"),
            ('{"id":"a","source":"s","specversion":"0.3","type":"t","subject":"s"}', "application/json"),
            ('{"id":"a","source":"s","specversion":"1.0","type":"t","subject":"s","time":"noon"}', "application/json"),
            ('{"id":"a","source":"s","specversion":"1.0","type":"t","subject":"s","data":[]}', "application/json"),
        ],
    )
    def test_bodies_that_are_refused(self, openmeter, body, content_type):
        assert described("openmeter", openmeter, post("/api/v1/events", body, content_type)).status == 400

    def test_meters_are_summed(self, openmeter):
        self.send(openmeter, self.event(1), self.event(2, data={"value": 2}), self.event(3, subject="b"))
        path = "/api/v1/meters/calls/query"
        day = [("from", hours_ago(2, NOW)), ("to", hours_ago(0, NOW))]
        (row,) = described("openmeter", openmeter, get(path, *day)).body["data"]
        assert (row["value"], row["subject"]) == (5.0, None)
        grouped = described("openmeter", openmeter, get(path, *day, ("groupBy", "subject"), ("groupBy", "zone")))
        assert [(row["subject"], row["groupBy"], row["value"]) for row in grouped.body["data"]] == [
            ("a", {"zone": "x"}, 1.5),
            ("a", {"zone": None}, 2.0),
            ("b", {"zone": "x"}, 1.5),
        ]
        only = described("openmeter", openmeter, get(path, *day, ("subject", "b"), ("filterGroupBy[zone]", "x")))
        assert [(row["subject"], row["value"]) for row in only.body["data"]] == [("b", 1.5)]
        hourly = described("openmeter", openmeter, get(path, *day, ("windowSize", "HOUR")))
        assert [row["value"] for row in hourly.body["data"]] == [5.0]
        assert described("openmeter", openmeter, get("/api/v1/meters/none/query")).status == 404


class TestLago:
    FACTS = contract("lago")["facts"]

    @pytest.fixture
    def lago(self):
        return Lago(codes={"calls"})

    def event(self, number=1, **fields):
        event = {"transaction_id": f"e{number}", "external_subscription_id": "sub", "code": "calls"}
        return {**event, "timestamp": "1793500000", "properties": {"value": "1.5"}, **fields}

    def send(self, lago, *events):
        if len(events) == 1:
            return described("lago", lago, post("/api/v1/events", {"event": events[0]}))
        return described("lago", lago, post("/api/v1/events/batch", {"events": list(events)}))

    def found(self, lago, name):
        return described("lago", lago, get(f"/api/v1/events/{name}"))

    def test_an_unknown_code_is_accepted_and_ignored(self, lago):
        assert self.FACTS["unknown_code_is_ignored"]
        assert self.send(lago, self.event(code="unknown")).status == 200
        assert self.found(lago, "e1").status == 404
        assert described("lago", lago, get("/api/v1/billable_metrics/unknown")).status == 404
        assert described("lago", lago, get("/api/v1/billable_metrics/calls")).status == 200

    def test_a_second_event_of_the_same_id_and_time_replaces_the_first(self, lago):
        assert lago.clickhouse is self.FACTS["clickhouse_overwrites"]
        self.send(lago, self.event())
        self.send(lago, self.event(properties={"value": "9"}))
        assert len(lago.events) == 1
        assert self.found(lago, "e1").body["event"]["properties"] == {"value": "9"}

    def test_without_clickhouse_it_is_refused_and_so_is_its_whole_batch(self, lago):
        lago.clickhouse = False
        self.send(lago, self.event())
        refused = self.send(lago, self.event())
        assert refused.status == 422
        assert refused.body["error_details"] == {"transaction_id": ["value_already_exist"]}
        batch = self.send(lago, self.event(2), self.event())
        assert batch.body["error_details"] == {"1": {"transaction_id": ["value_already_exist"]}}
        assert self.found(lago, "e2").status == 404

    def test_a_batch_has_a_limit(self, lago):
        most = self.FACTS["batch"]
        assert self.send(lago, *(self.event(number) for number in range(most))).status == 200
        assert self.send(lago, *(self.event(number) for number in range(most + 1))).status == 422

    @pytest.mark.parametrize("field", ["transaction_id", "external_subscription_id", "code"])
    def test_mandatory_fields(self, lago, field):
        refused = self.send(lago, self.event(**{field: None}))
        assert refused.body["error_details"] == {field: ["value_is_mandatory"]}

    def test_usage_of_a_subscription(self, lago):
        self.send(lago, self.event(1), self.event(2), self.event(3, external_subscription_id="other"))
        path = "/api/v1/customers/c/current_usage"
        usage = described("lago", lago, get(path, ("external_subscription_id", "sub"))).body["customer_usage"]
        assert [charge["units"] for charge in usage["charges_usage"]] == ["3.0"]
        assert described("lago", lago, get(path)).status == 404


class TestStripe:
    FACTS = contract("stripe")["facts"]

    @pytest.fixture
    def stripe(self):
        return Stripe(meters={"mtr_1": "calls"})

    def send(self, stripe, **fields):
        form = {
            "event_name": "calls",
            "identifier": "e1",
            "payload[stripe_customer_id]": "cus_1",
            "payload[value]": "1.5",
            "timestamp": str(int((NOW - timedelta(hours=1)).timestamp())),
            **fields,
        }
        body = urlencode({name: value for name, value in form.items() if value is not None})
        return described("stripe", stripe, post("/v1/billing/meter_events", body, FORM))

    def test_an_identifier_is_unique_for_a_day(self, stripe):
        assert self.send(stripe).status == 200
        refused = self.send(stripe, **{"payload[value]": "2"})
        assert refused.status == 400
        assert refused.body["error"]["message"].startswith(self.FACTS["duplicate"])
        aged = stripe.events[0].at - timedelta(hours=self.FACTS["unique_hours"])
        stripe.events[0] = type(stripe.events[0])(**{**vars(stripe.events[0]), "at": aged})
        assert self.send(stripe).status == 200

    @pytest.mark.parametrize(
        ("age", "status"),
        [
            (timedelta(days=FACTS["past_days"], minutes=1), 400),
            (timedelta(days=FACTS["past_days"], minutes=-1), 200),
            (timedelta(minutes=-FACTS["future_minutes"] - 1), 400),
            (timedelta(minutes=-FACTS["future_minutes"] + 1), 200),
        ],
    )
    def test_times(self, stripe, age, status):
        assert self.send(stripe, timestamp=str(int((datetime.now(UTC) - age).timestamp()))).status == status

    @pytest.mark.parametrize(
        "fields",
        [
            {"event_name": None},
            {"event_name": "x" * 101},
            {"identifier": "x" * (FACTS["identifier_length"] + 1)},
            {"payload[stripe_customer_id]": None},
            {"payload[value]": None},
            {"payload[value]": "much"},
            {"timestamp": "noon"},
        ],
    )
    def test_what_is_refused(self, stripe, fields):
        assert self.send(stripe, **fields).status == 400

    def test_json_is_refused(self, stripe):
        assert described("stripe", stripe, post("/v1/billing/meter_events", {})).status == 400

    def test_summaries_come_in_pages(self, stripe):
        start = NOW.replace(minute=0, second=0) - timedelta(hours=30)
        for hour in range(25):
            self.send(stripe, identifier=f"e{hour}", timestamp=str(int((start + timedelta(hours=hour)).timestamp())))
        query = [
            ("customer", "cus_1"),
            ("start_time", str(int(start.timestamp()))),
            ("end_time", str(int(NOW.timestamp()))),
            ("value_grouping_window", "hour"),
        ]
        path = "/v1/billing/meters/mtr_1/event_summaries"
        first = described("stripe", stripe, get(path, *query)).body
        assert (len(first["data"]), first["has_more"]) == (10, True)
        rest = described(
            "stripe", stripe, get(path, *query, ("limit", "100"), ("starting_after", first["data"][-1]["id"]))
        )
        assert (len(rest.body["data"]), rest.body["has_more"]) == (15, False)
        assert described("stripe", stripe, get(path, *query[1:])).status == 400
        assert described("stripe", stripe, get("/v1/billing/meters/none/event_summaries", *query)).status == 404


def test_it_runs_as_a_program():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [sys.executable, "-m", "miniapp_infra.local.standins.metering", "--host", "127.0.0.1", "--port", str(port)]
    program = subprocess.Popen([*argv, "--token", "t", "--dedupe", "--type", "calls"], start_new_session=True)
    try:
        http = urllib3.PoolManager(retries=urllib3.Retry(60, backoff_factor=0.1, backoff_max=0.5))
        address = f"http://127.0.0.1:{port}"
        assert http.request("GET", f"{address}/healthz").status == 200
        assert http.request("GET", f"{address}/openmeter/api/v1/events").status == 401
        bearer = {"Authorization": "Bearer t"}
        event = {"id": "1", "source": "s", "specversion": "1.0", "type": "calls", "subject": "a", "data": {"value": 2}}
        for _ in range(2):
            sent = http.request(
                "POST",
                f"{address}/openmeter/api/v1/events",
                body=json.dumps(event),
                headers={**bearer, "Content-Type": "application/cloudevents+json"},
            )
            assert sent.status == 204
        found = http.request("GET", f"{address}/openmeter/api/v1/meters/calls/query", headers=bearer)
        assert [row["value"] for row in found.json()["data"]] == [2.0]
        assert http.request("GET", f"{address}/nothing", headers=bearer).status == 404
    finally:
        os.kill(program.pid, signal.SIGTERM)
        assert program.wait(30) == 0
