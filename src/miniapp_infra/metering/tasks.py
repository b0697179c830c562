# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for modules: parameters in, results out."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miniapp_infra.amounts import plain
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.metering.backends import connect
from miniapp_infra.metering.delivery import Delivery, Policy, summary
from miniapp_infra.metering.ledger import Ledger
from miniapp_infra.metering.models import Outcome, Status, utc_now
from miniapp_infra.metering.transformations import as_record, events_from
from miniapp_infra.metering.usage import UsageQuery

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Result = dict[str, Any]


def record_events(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Store usage events, each exactly once.

    Raises:
        MiniappInfraError: invalid_input, naming the option, before anything is sent.
        DeliveryError: some events are in conflict, rejected or not delivered.
    """
    backend = connect(params)
    events = events_from(params["events"], source=params["source"], now=utc_now())
    policy = Policy(
        batch_size=params["batch_size"],
        retries=params["retries"],
        read_before_send=params["read_before_send"],
        visible_after=params["visible_after"],
        ignore_conflicts=params["on_conflict"] == "ignore",
    )
    path = Path(params["ledger_path"]) if params.get("ledger_path") else None
    if path is None and not backend.limits.readable:
        raise MiniappInfraError(
            f"ledger_path: is required, because {backend.title} does not tell which events it has",
            code=ErrorCode.INVALID_INPUT,
        )
    if check_mode:
        delivery = Delivery(backend, Ledger.read(path, backend.target), policy)
        delivery.check(events)
        return _result(delivery.plan(events), diff_mode=diff_mode)
    Delivery(backend, Ledger(backend.target), policy).check(events)
    with Ledger.locked(path, backend.target) as ledger:
        return _result(Delivery(backend, ledger, policy).run(events), diff_mode=diff_mode)


def usage_info(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> Result:
    """Return what was metered."""
    del check_mode, diff_mode  # reads only
    query = UsageQuery.from_params(params)
    rows = connect(params).usage(query)
    now = utc_now()
    return {
        "changed": False,
        "usage": [row.as_result(now) for row in rows],
        "total": plain(sum((row.value for row in rows), start=Decimal(0))),
        "complete": all(row.window_end <= now for row in rows),
    }


def _result(outcomes: Sequence[Outcome], *, diff_mode: bool) -> Result:
    new = [outcome for outcome in outcomes if outcome.status in {Status.ACCEPTED, Status.PLANNED}]
    result: Result = {
        **summary(outcomes),
        "warnings": [
            f"Event {outcome.event.id} is stored, but: {outcome.reason}"
            for outcome in outcomes
            if outcome.reason and outcome.status in {Status.ACCEPTED, Status.DUPLICATE}
        ],
    }
    if diff_mode:
        result["diff"] = {"before": {"events": []}, "after": {"events": [as_record(outcome.event) for outcome in new]}}
    return result
