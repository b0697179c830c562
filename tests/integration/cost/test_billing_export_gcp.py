# SPDX-License-Identifier: GPL-3.0-or-later
"""``billing_export_info`` for Google Cloud: requests and answers are judged by BigQuery's discovery document.

The document comes with the package google-api-python-client. What BigQuery would compute is not: the server answers
with rows that are given, and the query's text is compared with the columns of the detailed export.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import googleapiclient.discovery_cache
import pytest

from miniapp_infra.cost import bigquery
from miniapp_infra.cost.tasks import export_info
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.waiting import Patience
from scripted_http import Asked, Say, ScriptedServer

if TYPE_CHECKING:
    from conftest import RunModule

DAY = "2026-11-01"
TOKEN = "ya29.bigquery-token-7"  # noqa: S105 - of this test
TABLE = "billing-project.billing.gcp_billing_export_resource_v1_0123AB_4567CD_89EF01"
# cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/detailed-usage
COLUMNS = {"labels", "service.description", "currency", "cost", "credits", "export_time", "usage_start_time"}
JOB = {"projectId": "prod-miniapp", "jobId": "job_1", "location": "EU"}
ROWS = [
    ("playhub", "Compute Engine", "USD", "3.118251", "-0.5", "2026-11-02T04:10:00.000000Z"),
    ("", "Cloud Storage", "USD", "0.42", "0", "2026-11-02T09:30:00.000000Z"),
    ("kube:unallocated", "Compute Engine", "USD", "1.25", "0", "2026-11-02T04:10:00.000000Z"),
    ("goog-k8s-unsupported-sku", "Kubernetes Engine", "USD", "2.4", "0", "2026-11-02T04:10:00.000000Z"),
]


@cache
def document() -> dict[str, Any]:
    folder = Path(googleapiclient.discovery_cache.__file__).parent / "documents"
    loaded: dict[str, Any] = json.loads((folder / "bigquery.v2.json").read_text())
    return loaded


def conforms(value: Any, schema: dict[str, Any], where: str) -> None:
    """Fail unless a value is what a schema of the discovery document says (strings for 64-bit numbers)."""
    schema = document()["schemas"][schema["$ref"]] if "$ref" in schema else schema
    kind = schema.get("type")
    if kind == "any":
        return
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
    assert isinstance(value, kinds[kind]), f"{where}: {value!r} is no {kind}"
    assert kind == "boolean" or not isinstance(value, bool), f"{where}: {value!r} is no {kind}"
    if "enum" in schema:
        assert value in schema["enum"], f"{where}: {value!r} is none of {schema['enum']}"
    if kind == "array":
        for item in value:
            conforms(item, schema["items"], f"{where}[]")
    if kind == "object":
        properties = schema.get("properties", {})
        for name, item in value.items():
            known = properties.get(name) or schema.get("additionalProperties")
            assert known, f"{where} has no {name}"
            conforms(item, known, f"{where}.{name}")


class BigQuery:
    """Answers ``jobs.query`` and ``jobs.getQueryResults``.

    Args:
        pages: rows of each page.
        polls: how often the query still runs.
    """

    def __init__(self, *pages: list[tuple[Any, ...]], polls: int = 0) -> None:
        self.pages, self.polls = pages, polls
        self.request: dict[str, Any] = {}

    def __call__(self, asked: Asked) -> Say:
        methods = document()["resources"]["jobs"]["methods"]
        method = methods["query" if asked.method == "POST" else "getQueryResults"]
        assert asked.method == method["httpMethod"]
        path = re.sub(r"\{\+?(\w+)\}", "[^/]+", method["path"])
        assert re.fullmatch(f"/{document()['servicePath']}{path}", asked.path), asked.path
        assert set(asked.query) <= set(method["parameters"])
        if asked.method == "POST":
            assert asked.query == {}
            self.request = asked.json
            conforms(self.request, method["request"], "QueryRequest")
        else:
            assert asked.path.endswith(f"/{JOB['jobId']}")
            assert asked.query["location"] == JOB["location"]
        answer = self._answer(int(asked.query.get("pageToken") or 0))
        conforms(answer, method["response"], "response")
        return Say(200, answer)

    def _answer(self, page: int) -> dict[str, Any]:
        if self.polls:
            self.polls -= 1
            return {"kind": "bigquery#queryResponse", "jobReference": JOB, "jobComplete": False}
        names = ["owner", "service", "currency", "cost", "credits", "exported"]
        answer: dict[str, Any] = {
            "jobReference": JOB,
            "jobComplete": True,
            "totalRows": str(sum(len(rows) for rows in self.pages)),
            "schema": {"fields": [{"name": name, "type": "STRING", "mode": "NULLABLE"} for name in names]},
            "rows": [{"f": [{"v": value} for value in row]} for row in self.pages[page]],
        }
        return {**answer, "pageToken": str(page + 1)} if page + 1 < len(self.pages) else answer


def _quick(timeout: float) -> Patience:
    return Patience(timeout, interval=0.01)


def ask(server: ScriptedServer, **changes: Any) -> dict[str, Any]:
    return export_info(arguments(server, **changes), check_mode=False, diff_mode=False)


def arguments(server: ScriptedServer, **changes: Any) -> dict[str, Any]:
    where = {"provider": "gcp", "project_id": "prod-miniapp", "table": TABLE, "day": DAY}
    limits = {"lag": 24, "maximum_bytes_billed": 0, "wait_timeout": 60.0, "retries": 1, "timeout": 20.0}
    return {"endpoint_url": server.url, "access_token": TOKEN, **where, **limits, **changes}


def test_the_module_tells_whose_the_cost_of_a_day_is(module_process: RunModule) -> None:
    api = BigQuery(ROWS[:2], ROWS[2:])
    with ScriptedServer(api) as server:
        args = arguments(server, location="EU", maximum_bytes_billed=10**10)
        found = [module_process("billing_export_info", args, check=check) for check in (True, False)]
        assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {TOKEN}"}
    assert TOKEN not in json.dumps(found)
    for result in found:
        assert (result["changed"], result["complete"]) == (False, True)
        assert result["window"] == {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"}
        assert result["revision"] == "2026-11-02T09:30:00.000000Z"
        assert result["costs"] == [
            {
                "owner": "playhub",
                "service": "Compute Engine",
                "currency": "USD",
                "cost": "3.118251",
                "credits": "-0.5",
                "net": "2.618251",
            }
        ]
        assert [(row["reason"], row["net"]) for row in result["unassigned"]] == [
            ("goog-k8s-unsupported-sku", "2.4"),
            ("kube:unallocated", "1.25"),
            ("no_label", "0.42"),
        ]
        assert result["totals"] == {"USD": "6.688251"}
    assert (api.request["location"], api.request["maximumBytesBilled"]) == ("EU", "10000000000")


def test_the_query_is_of_the_day_and_of_columns_that_there_are() -> None:
    api = BigQuery([])
    with ScriptedServer(api) as server:
        found = ask(server, label="k8s-label/team")
    assert (found["costs"], found["totals"], found["revision"]) == ([], {}, "")
    query = api.request["query"]
    assert f"FROM `{TABLE}`" in query
    assert api.request["useLegacySql"] is False
    values = {one["name"]: one["parameterValue"]["value"] for one in api.request["queryParameters"]}
    assert values == {"label": "k8s-label/team", "start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"}
    assert set(re.findall(r"@(\w+)", query)) == set(values)
    text = re.sub(r"'[^']*'|`[^`]*`|@\w+|\b[A-Z_0-9]+\b", " ", query)
    aliases = {"owner", "service", "cost", "credits", "exported", "label", "label.key", "label.value", "c", "c.amount"}
    assert set(re.findall(r"[a-z_]+(?:\.[a-z_]+)*", text)) - aliases <= COLUMNS
    assert "FLOAT" not in query


def test_a_query_that_takes_longer_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigquery, "Patience", _quick)
    with ScriptedServer(BigQuery(ROWS, polls=3)) as server:
        found = ask(server)
        assert found["totals"] == {"USD": "6.688251"}
        assert [row["owner"] for row in found["costs"]] == ["playhub"]
        assert [asked.method for asked in server.asked] == ["POST", "GET", "GET", "GET"]


def test_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigquery, "Patience", _quick)
    with (
        ScriptedServer(BigQuery(ROWS, polls=1000)) as server,
        pytest.raises(
            MiniappInfraError, match=r"^Timed out after 0.2 s .* query job_1 to end: it still runs$"
        ) as caught,
    ):
        ask(server, wait_timeout=0.2)
    assert caught.value.code is ErrorCode.TIMEOUT


def test_a_query_that_failed_to_arrive_is_sent_again_under_the_same_id() -> None:
    api = BigQuery(ROWS)
    left = [Say(503)]
    with ScriptedServer(lambda asked: left.pop() if left else api(asked)) as server:
        ask(server)
        first, second = [asked.json for asked in server.asked]
    assert first == second
    assert first["requestId"]


def test_every_run_has_an_id_of_its_own() -> None:
    api = BigQuery(ROWS)
    with ScriptedServer(api) as server:
        ask(server)
        ask(server)
        assert len({asked.json["requestId"] for asked in server.asked}) == 2


@pytest.mark.parametrize(
    "table",
    [
        "p.d.gcp_billing_export_v1_0123AB",
        "d.gcp_billing_export_resource_v1_0123AB",
        f"{TABLE}` WHERE TRUE; DROP TABLE `x",
        "p.d.other",
        "",
    ],
)
def test_other_tables_are_refused_before_anything_is_asked(table: str) -> None:
    with ScriptedServer(BigQuery(ROWS)) as server:
        with pytest.raises(MiniappInfraError, match=r"^table: must be .* the detailed export"):
            ask(server, table=table)
        assert server.asked == []


def test_a_day_that_is_not_over_is_refused() -> None:
    today = datetime.now(UTC).date()
    with ScriptedServer(BigQuery(ROWS)) as server:
        with pytest.raises(MiniappInfraError, match=r"^day: .* is not over in UTC"):
            ask(server, day=today.isoformat())
        assert server.asked == []
        assert not ask(server, day=(today - timedelta(days=1)).isoformat())["complete"]


def test_a_refusal_of_google_is_told() -> None:
    refusal = {"error": {"code": 403, "message": "Access Denied: Table billing", "status": "PERMISSION_DENIED"}}
    with (
        ScriptedServer.in_turn(Say(403, refusal)) as server,
        pytest.raises(MiniappInfraError, match="BigQuery answered 403: Access Denied: Table billing") as caught,
    ):
        ask(server)
    assert caught.value.code is ErrorCode.FORBIDDEN


@pytest.mark.parametrize("content", [None, "{}", '{"type": "service_account"}'])
def test_credentials_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None) -> None:
    file = tmp_path / "key.json"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    with pytest.raises(MiniappInfraError, match=r"^Failed to connect to Google Cloud: ") as caught:
        bigquery.access_token()
    assert caught.value.code is ErrorCode.FORBIDDEN


def test_without_the_library_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(bigquery.importlib, "import_module", absent)
    with pytest.raises(MiniappInfraError, match="google-auth is not installed") as caught:
        bigquery.access_token()
    assert (caught.value.code, caught.value.hint) == (ErrorCode.MISSING_TOOL, "pip install 'miniapp-infra[gcp]'")
