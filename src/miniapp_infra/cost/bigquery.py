# SPDX-License-Identifier: GPL-3.0-or-later
"""Google Cloud: the detailed billing export in BigQuery, asked by ``jobs.query`` of BigQuery's REST API v2.

Only the detailed export has what GKE cost allocation adds: one row for each namespace in place of one for each node.
"""

from __future__ import annotations

import importlib
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from miniapp_infra.cost.models import Bill, Charge, summed
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.instants import as_text
from miniapp_infra.waiting import Goal, Patience, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from miniapp_infra.http import JsonClient

NO_LABEL = "no_label"
OVERHEAD = frozenset({"kube:unallocated", "kube:system-overhead", "goog-k8s-unknown", "goog-k8s-unsupported-sku"})
"""What GKE puts in place of a namespace for the part of a node that belongs to none."""
_SCOPE = "https://www.googleapis.com/auth/bigquery.readonly"
_TABLE = re.compile(r"[a-z][a-z0-9.:-]*[a-z0-9]\.[A-Za-z0-9_]+\.gcp_billing_export_resource_v1_[A-Za-z0-9_]+", re.ASCII)
_WAIT = 10_000
"""Milliseconds that one request waits for the end of the query."""
_ACTION = "query the billing export"
# NUMERIC, because sums of the column's own FLOAT64 are not exact.
_SQL = """
SELECT
  IFNULL((SELECT ANY_VALUE(label.value) FROM UNNEST(labels) AS label WHERE label.key = @label), '') AS owner,
  service.description AS service,
  currency,
  CAST(SUM(CAST(cost AS NUMERIC)) AS STRING) AS cost,
  CAST(SUM(IFNULL((SELECT SUM(CAST(c.amount AS NUMERIC)) FROM UNNEST(credits) AS c), 0)) AS STRING) AS credits,
  FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E6SZ', MAX(export_time), 'UTC') AS exported
FROM `{table}`
WHERE usage_start_time >= @start AND usage_start_time < @end
GROUP BY owner, service, currency
ORDER BY owner, service, currency
""".strip()


@dataclass(frozen=True)
class BillingTable:
    """A billing export.

    Attributes:
        client: reaches BigQuery.
        project: that pays for the query.
        table: ``project.dataset.table``.
        location: of the dataset; BigQuery finds it when empty.
        maximum_bytes: that the query may read; 0 for any number.
        wait_timeout: seconds for the query.
    """

    client: JsonClient
    project: str
    table: str
    location: str = ""
    maximum_bytes: int = 0
    wait_timeout: float = 300.0

    def __post_init__(self) -> None:
        """Refuse other tables.

        Raises:
            MiniappInfraError: invalid_input, naming the option.
        """
        if not _TABLE.fullmatch(self.table):
            raise MiniappInfraError(
                f"table: must be project.dataset.gcp_billing_export_resource_v1_<account>, the detailed export, not "
                f"{self.table!r}",
                code=ErrorCode.INVALID_INPUT,
            )

    @property
    def path(self) -> str:
        """Where queries are posted."""
        return f"/bigquery/v2/projects/{quote(self.project, safe='')}/queries"


def read_bill(table: BillingTable, day: date, label: str) -> Bill:
    """Return the bill of a day.

    Args:
        table: the export.
        day: in UTC. Invoices are by the day of Los Angeles.
        label: key of the label whose value is the owner.

    Raises:
        MiniappInfraError: the query failed (upstream) or took too long (timeout).
    """
    start = datetime.combine(day, time(), UTC)
    rows = list(_rows(table, _request(table, start, label)))
    charges = summed(_charge(row) for row in rows)
    return Bill(charges, max((row["exported"] or "" for row in rows), default=""))


def access_token() -> str:
    """Return a token for BigQuery by the application default credentials.

    Raises:
        MiniappInfraError: google-auth is missing (missing_tool); there are no credentials, or they are refused
            (forbidden).
    """
    try:
        auth = importlib.import_module("google.auth")
        known = importlib.import_module("google.auth.exceptions")
        transport = importlib.import_module("google.auth.transport.urllib3")
    except ImportError as error:
        raise MiniappInfraError(
            "Failed to connect to Google Cloud: the Python package google-auth is not installed",
            code=ErrorCode.MISSING_TOOL,
            hint="pip install 'miniapp-infra[gcp]'",
        ) from error
    urllib3 = importlib.import_module("urllib3")
    try:
        credentials, _ = auth.default(scopes=[_SCOPE])
        credentials.refresh(transport.Request(urllib3.PoolManager()))
    except known.GoogleAuthError as error:
        raise MiniappInfraError(
            f"Failed to connect to Google Cloud: {error}",
            code=ErrorCode.FORBIDDEN,
            hint="Set access_token or GOOGLE_APPLICATION_CREDENTIALS, or run where a service account is given.",
        ) from error
    return str(credentials.token)


def _request(table: BillingTable, start: datetime, label: str) -> dict[str, Any]:
    def parameter(name: str, kind: str, value: str) -> dict[str, Any]:
        return {"name": name, "parameterType": {"type": kind}, "parameterValue": {"value": value}}

    body: dict[str, Any] = {
        "query": _SQL.format(table=table.table),
        "useLegacySql": False,
        "parameterMode": "NAMED",
        "queryParameters": [
            parameter("label", "STRING", label),
            parameter("start", "TIMESTAMP", as_text(start)),
            parameter("end", "TIMESTAMP", as_text(start + timedelta(days=1))),
        ],
        "timeoutMs": _WAIT,
        # BigQuery runs a request of the same id once, so that it may be sent again.
        "requestId": str(uuid.uuid4()),
        "labels": {"tool": "miniapp-infra"},
    }
    if table.location:
        body["location"] = table.location
    if table.maximum_bytes:
        body["maximumBytesBilled"] = str(table.maximum_bytes)
    return body


def _rows(table: BillingTable, request: Mapping[str, Any]) -> Iterator[dict[str, str | None]]:
    first = table.client.request("POST", table.path, action=_ACTION, body=request, repeatable=True).body
    page = _complete(table, first)
    while True:
        names = [field["name"] for field in page.get("schema", {}).get("fields", ())]
        for row in page.get("rows") or ():
            yield dict(zip(names, (cell["v"] for cell in row["f"]), strict=True))
        if not page.get("pageToken"):
            return
        page = _results(table, page["jobReference"], page["pageToken"])


def _complete(table: BillingTable, first: Mapping[str, Any]) -> Mapping[str, Any]:
    if first.get("jobComplete"):
        return first
    job = first["jobReference"]
    goal: Goal[Mapping[str, Any]] = Goal(
        f"query {job['jobId']} to end",
        is_met=lambda answer: bool(answer.get("jobComplete")),
        describe=lambda _: "it still runs",
    )
    return wait_for(lambda: _results(table, job), goal, Patience(table.wait_timeout)).value


def _results(table: BillingTable, job: Mapping[str, Any], page: str | None = None) -> Mapping[str, Any]:
    query = {"location": job.get("location"), "pageToken": page, "timeoutMs": _WAIT}
    path = f"{table.path}/{quote(job['jobId'], safe='')}"
    found: Mapping[str, Any] = table.client.request("GET", path, action=_ACTION, query=query).body
    return found


def _charge(row: Mapping[str, str | None]) -> Charge:
    owner = row["owner"] or ""
    reason = owner if owner in OVERHEAD else "" if owner else NO_LABEL
    return Charge(
        owner="" if reason else owner,
        service=row["service"] or "",
        currency=row["currency"] or "",
        cost=_amount(row, "cost"),
        credits=_amount(row, "credits"),
        reason=reason,
    )


def _amount(row: Mapping[str, str | None], column: str) -> Decimal:
    text = row[column] or "0"
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise MiniappInfraError(f"Failed to {_ACTION}: {column} is no number: {text!r}") from error
