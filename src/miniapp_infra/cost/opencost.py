# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenCost's allocation API.

Fields as in opencost/opencost 2.4.2, ``docs/swagger.json`` and ``core/pkg/opencost/allocation_json.go``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from miniapp_infra import amounts
from miniapp_infra.amounts import plain, rounded
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miniapp_infra.cost.windows import Window
    from miniapp_infra.http import JsonClient

SPECIAL = ("__idle__", "__unallocated__", "__unmounted__", "__shared__", "__external__")
"""Parts of names that stand for no workload (``core/pkg/opencost/allocation.go``)."""
_FIELDS = frozenset(
    {"all", "cluster", "node", "namespace", "controllerKind", "controller", "service", "pod", "container"}
)
_FIELD = re.compile(r"(label|annotation):[A-Za-z0-9._/-]+", re.ASCII)
_PARTS = {
    "cpu_cost": ("cpuCost", "cpuCostAdjustment"),
    "gpu_cost": ("gpuCost", "gpuCostAdjustment"),
    "ram_cost": ("ramCost", "ramCostAdjustment"),
    "pv_cost": ("pvCost", "pvCostAdjustment"),
    "network_cost": ("networkCost", "networkCostAdjustment"),
    "load_balancer_cost": ("loadBalancerCost", "loadBalancerCostAdjustment"),
    "shared_cost": ("sharedCost",),
    "external_cost": ("externalCost",),
}
_ACTION = "read allocations"


@dataclass(frozen=True)
class Allocation:
    """What one workload, or what stands for none, is estimated to cost in a window.

    Attributes:
        name: values of the fields that it is aggregated by, with a slash between them.
        labels: the same by field.
        start: of the time that OpenCost counted.
        end: of that time.
        parts: by kind of resource, adjustments included.
        total: as OpenCost says.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    start: str
    end: str
    parts: tuple[tuple[str, Decimal], ...]
    total: Decimal

    @property
    def special(self) -> str:
        """What it stands for instead of a workload, such as ``__idle__``; empty for a workload."""
        return next((word for word in SPECIAL if word in self.name), "")

    def as_result(self) -> dict[str, Any]:
        """Return what modules report."""
        return {
            "name": self.name,
            "labels": dict(self.labels),
            "start": self.start,
            "end": self.end,
            **{name: plain(cost) for name, cost in self.parts},
            "total_cost": plain(self.total),
        }


@dataclass(frozen=True)
class AllocationQuery:
    """A question about allocations.

    Attributes:
        window: of time.
        aggregate: fields.
        include_idle: whether idle capacity is told.
        share_idle: whether it is shared among the workloads instead.
        resolution: of the queries behind it, such as ``1m``; OpenCost's own when empty.
    """

    window: Window
    aggregate: tuple[str, ...] = ("namespace",)
    include_idle: bool = True
    share_idle: bool = False
    resolution: str = ""


def check_aggregate(fields: Sequence[str]) -> tuple[str, ...]:
    """Return the fields to aggregate by.

    Raises:
        MiniappInfraError: invalid_input, naming the option: OpenCost 2 answers a wrong field with error and result.
    """
    for field in fields:
        if field not in _FIELDS and not _FIELD.fullmatch(field):
            raise MiniappInfraError(
                f"aggregate: {field!r} is none of {', '.join(sorted(_FIELDS))}, label:<name>, annotation:<name>",
                code=ErrorCode.INVALID_INPUT,
            )
    if not fields:
        raise MiniappInfraError("aggregate: must name a field", code=ErrorCode.INVALID_INPUT)
    return tuple(fields)


def read_allocations(client: JsonClient, query: AllocationQuery) -> tuple[Allocation, ...]:
    """Ask OpenCost.

    Raises:
        MiniappInfraError: upstream, when the answer says so or cannot be understood.
    """
    answer = client.request(
        "GET",
        "/allocation",
        action=_ACTION,
        query={
            "window": str(query.window),
            "aggregate": ",".join(query.aggregate),
            "includeIdle": str(query.include_idle).lower(),
            "shareIdle": str(query.share_idle).lower(),
            "accumulate": "true",
            "resolution": query.resolution or None,
        },
    )
    try:
        body = amounts.loads(answer.data)
    except ValueError as error:
        raise MiniappInfraError(f"Failed to {_ACTION}: the answer is no JSON: {answer.data[:80]!r}") from error
    code = body.get("code") if isinstance(body, dict) else None
    if code != 200:  # noqa: PLR2004 - the status that the body repeats
        message = (body.get("message") if isinstance(body, dict) else "") or "no reason given"
        raise MiniappInfraError(f"Failed to {_ACTION}: OpenCost answered {code}: {message}")
    sets = body.get("data") or []
    return tuple(
        _allocation(name, item, query.aggregate)
        for one in sets
        if one
        for name, item in sorted(one.items(), key=lambda pair: pair[0])
    )


def _allocation(name: str, item: Mapping[str, Any], aggregate: tuple[str, ...]) -> Allocation:
    values = name.split("/")
    named = len(values) == len(aggregate)
    return Allocation(
        name=name,
        labels=tuple(zip(aggregate, values, strict=True)) if named else (),
        start=str(item.get("start") or ""),
        end=str(item.get("end") or ""),
        parts=tuple(
            (part, sum((_number(name, item, field, 0) for field in fields), Decimal(0)))
            for part, fields in _PARTS.items()
        ),
        total=_number(name, item, "totalCost"),
    )


def _number(name: str, item: Mapping[str, Any], field: str, default: int | None = None) -> Decimal:
    value = item.get(field, default)
    # OpenCost writes null where it computed NaN: that is not nothing, but unknown.
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise MiniappInfraError(
            f"Failed to {_ACTION}: {field} of {name} is {value!r} and not a number",
            hint="OpenCost could not compute it; look at its log and at Prometheus.",
        )
    return rounded(Decimal(value))
