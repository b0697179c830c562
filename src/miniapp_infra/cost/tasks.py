# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for modules: parameters in, results out."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from miniapp_infra.amounts import exact, plain
from miniapp_infra.cloud.aws.session import client as aws_client
from miniapp_infra.cost import bigquery, cur
from miniapp_infra.cost.opencost import AllocationQuery, check_aggregate, read_allocations
from miniapp_infra.cost.windows import Window, between, parse_window
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.http import HttpOptions, JsonClient
from miniapp_infra.instants import as_text, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from miniapp_infra.cost.models import Bill
    from miniapp_infra.cost.opencost import Allocation

Result = dict[str, Any]

LABELS = {"aws": "aws_eks_namespace", "gcp": "k8s-namespace"}
"""Where each cloud writes the Kubernetes namespace that it splits the cost of nodes by."""
BIGQUERY = "https://bigquery.googleapis.com"


def allocation_info(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Return what workloads are estimated to cost."""
    del check_mode, diff_mode  # reads only
    now = datetime.now(UTC)
    window = _window(params, now)
    query = AllocationQuery(
        window=window,
        aggregate=check_aggregate(params["aggregate"]),
        include_idle=params["include_idle"],
        share_idle=params["share_idle"],
        resolution=params.get("resolution") or "",
    )
    least = exact(params.get("min_cost") or "0", "min_cost")
    token = params.get("api_token")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    found = read_allocations(JsonClient(HttpOptions.from_params(params), headers, "OpenCost"), query)
    workloads = [one for one in found if not one.special]
    return {
        "changed": False,
        "window": {"start": as_text(window.start), "end": as_text(window.end)},
        "allocations": [one.as_result() for one in workloads if one.total >= least],
        "unassigned": [{**one.as_result(), "reason": one.special} for one in found if one.special],
        "allocated_cost": _total(workloads),
        "unassigned_cost": _total(one for one in found if one.special),
        "complete": window.end + timedelta(minutes=params["lag"]) <= now,
    }


def export_info(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Return the bill of a closed day."""
    del check_mode, diff_mode  # reads only
    now = datetime.now(UTC)
    day = _closed_day(params["day"], now)
    label = params.get("label") or LABELS[params["provider"]]
    bill = _aws(params, day, label) if params["provider"] == "aws" else _gcp(params, day, label)
    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=1)
    return {
        "changed": False,
        "day": day.isoformat(),
        "window": {"start": as_text(start), "end": as_text(end)},
        **bill.as_result(),
        "complete": end + timedelta(hours=params["lag"]) <= now,
    }


def _aws(params: Mapping[str, Any], day: date, label: str) -> Bill:
    prefix = (params.get("prefix") or "").strip("/")
    export = cur.Export(aws_client(params, "s3"), params["bucket"], prefix, params["export_name"])
    return cur.read_bill(export, day, label)


def _gcp(params: Mapping[str, Any], day: date, label: str) -> Bill:
    options = HttpOptions.from_params(params, params.get("endpoint_url") or BIGQUERY)
    table = bigquery.BillingTable(
        JsonClient(options, server="BigQuery"),
        project=params["project_id"],
        table=params["table"],
        location=params.get("location") or "",
        maximum_bytes=params["maximum_bytes_billed"],
        wait_timeout=params["wait_timeout"],
    )
    token = params.get("access_token") or bigquery.access_token()
    table.client.headers = {"Authorization": f"Bearer {token}"}
    return bigquery.read_bill(table, day, label)


def _window(params: Mapping[str, Any], now: datetime) -> Window:
    if params.get("window"):
        return parse_window(params["window"], now)
    start, end = parse_instant(params["start"], "start"), parse_instant(params["end"], "end")
    return between(start, end, "end")


def _closed_day(text: str, now: datetime) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise MiniappInfraError(
            f"day: must be a date such as 2026-11-01, not {text!r}", code=ErrorCode.INVALID_INPUT
        ) from error
    if day >= now.date():
        raise MiniappInfraError(
            f"day: {day} is not over in UTC, and its costs still grow",
            code=ErrorCode.INVALID_INPUT,
            hint="Ask for a day that is over.",
        )
    return day


def _total(allocations: Iterable[Allocation]) -> str:
    return plain(sum((one.total for one in allocations), Decimal(0)))
