# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares a backup schedule with the wanted one.

Atlas gives an id to the policy and to each of its items, and snapshots remember which item they were taken for. So an
item that changes keeps its id, which is found by its frequency.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FREQUENCIES = ("hourly", "daily", "weekly", "monthly", "yearly")
# DiskBackupApiPolicyItem.frequencyInterval in MongoDB's OpenAPI description.
_INTERVALS: dict[str, frozenset[int]] = {
    "hourly": frozenset({1, 2, 4, 6, 8, 12}),
    "daily": frozenset({1}),
    "weekly": frozenset(range(1, 8)),
    "monthly": frozenset({*range(1, 29), 40}),
    "yearly": frozenset(range(1, 13)),
}
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True)
class Item:
    """How often a snapshot is taken, and how long it is kept."""

    frequency_type: str
    frequency_interval: int
    retention_unit: str
    retention_value: int

    @property
    def key(self) -> tuple[int, int]:
        """What tells items apart; also their order."""
        return FREQUENCIES.index(self.frequency_type), self.frequency_interval

    @classmethod
    def from_api(cls, raw: Mapping[str, Any]) -> Item:
        return cls(raw["frequencyType"], raw["frequencyInterval"], raw["retentionUnit"], raw["retentionValue"])

    def body(self) -> dict[str, Any]:
        return {
            "frequencyType": self.frequency_type,
            "frequencyInterval": self.frequency_interval,
            "retentionUnit": self.retention_unit,
            "retentionValue": self.retention_value,
        }

    def as_result(self) -> dict[str, Any]:
        return {
            "frequency_type": self.frequency_type,
            "frequency_interval": self.frequency_interval,
            "retention_unit": self.retention_unit,
            "retention_value": self.retention_value,
        }


@dataclass(frozen=True)
class Schedule:
    """What is wanted; None stands for "as it is".

    Args:
        time: hour and minute in UTC that the times of snapshots are counted from.
        restore_window_days: days back that every second can be restored.
        items: all of the policy, in their order.
    """

    time: tuple[int, int] | None
    restore_window_days: int | None
    items: tuple[Item, ...] | None


def schedule_of(params: Mapping[str, Any]) -> Schedule:
    """Return what a module asks for.

    Raises:
        MiniappInfraError: invalid_input; names the option.
    """
    time = None
    if params["reference_time"] is not None:
        found = _TIME.fullmatch(params["reference_time"])
        if not found:
            raise _invalid(f"reference_time: must be hours and minutes as HH:MM; got {params['reference_time']!r}")
        time = int(found[1]), int(found[2])
    days = params["restore_window_days"]
    if days is not None and days < 1:
        raise _invalid(f"restore_window_days: must be at least 1; got {days}")
    return Schedule(time, days, None if params["policy_items"] is None else _items(params["policy_items"]))


def shown(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of Atlas's description that is managed here, in one form for before and after."""
    hour, minute = raw.get("referenceHourOfDay") or 0, raw.get("referenceMinuteOfHour") or 0
    return {
        "reference_time": f"{hour:02}:{minute:02}",
        "restore_window_days": raw.get("restoreWindowDays"),
        "policy_items": [item.as_result() for item in _present(raw)],
    }


def after_change(raw: Mapping[str, Any], wanted: Schedule) -> dict[str, Any]:
    """Return what ``shown`` will give after the change."""
    result = shown(raw)
    if wanted.time is not None:
        result["reference_time"] = f"{wanted.time[0]:02}:{wanted.time[1]:02}"
    if wanted.restore_window_days is not None:
        result["restore_window_days"] = wanted.restore_window_days
    if wanted.items is not None:
        result["policy_items"] = [item.as_result() for item in wanted.items]
    return result


def change_of(raw: Mapping[str, Any], wanted: Schedule, *, update_snapshots: bool) -> dict[str, Any]:
    """Return the request that makes the schedule the wanted one.

    Args:
        raw: the present one, as Atlas describes it.
        wanted: what it shall be.
        update_snapshots: whether snapshots that were taken already get the new retention.
    """
    policy = (raw.get("policies") or [{}])[0]
    items = _present(raw) if wanted.items is None else wanted.items
    ids = _ids(policy.get("policyItems") or [], items)
    bodies = [{**item.body(), **({"id": ids[item.key]} if item.key in ids else {})} for item in items]
    body: dict[str, Any] = {
        "policies": [{**({"id": policy["id"]} if policy.get("id") else {}), "policyItems": bodies}],
        "updateSnapshots": update_snapshots,
    }
    if wanted.time is not None:
        body |= {"referenceHourOfDay": wanted.time[0], "referenceMinuteOfHour": wanted.time[1]}
    if wanted.restore_window_days is not None:
        body["restoreWindowDays"] = wanted.restore_window_days
    return body


def _items(raw: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
    items = sorted((Item(**found) for found in raw), key=lambda item: item.key)
    for item in items:
        allowed = _INTERVALS[item.frequency_type]
        if item.frequency_interval not in allowed:
            raise _invalid(
                f"policy_items: frequency_interval of {item.frequency_type} must be one of {sorted(allowed)}; "
                f"got {item.frequency_interval}"
            )
        if item.retention_value < 1:
            raise _invalid(f"policy_items: retention_value must be at least 1; got {item.retention_value}")
    keys = [item.key for item in items]
    if len(set(keys)) < len(keys):
        raise _invalid("policy_items: two items have the same frequency_type and frequency_interval")
    for frequency in ("hourly", "daily"):
        if sum(item.frequency_type == frequency for item in items) > 1:
            raise _invalid(f"policy_items: there can be one {frequency} item only")
    return tuple(items)


def _present(raw: Mapping[str, Any]) -> tuple[Item, ...]:
    policies = raw.get("policies") or []
    items = [Item.from_api(found) for policy in policies[:1] for found in policy.get("policyItems") or []]
    return tuple(sorted((item for item in items if item.frequency_type in FREQUENCIES), key=lambda item: item.key))


def _ids(present: Sequence[Mapping[str, Any]], wanted: Sequence[Item]) -> dict[tuple[int, int], str]:
    """Return the ids that wanted items keep: of the same frequency, or of the only one of the same kind."""
    found = {
        Item.from_api(raw).key: raw["id"] for raw in present if raw.get("id") and raw["frequencyType"] in FREQUENCIES
    }
    result = {item.key: found[item.key] for item in wanted if item.key in found}
    for item in wanted:
        same = [key for key in found if key[0] == item.key[0]]
        only = sum(other.key[0] == item.key[0] for other in wanted) == 1
        if item.key not in result and only and len(same) == 1:
            result[item.key] = found[same[0]]
    return result


def _invalid(message: str) -> MiniappInfraError:
    return MiniappInfraError(message, code=ErrorCode.INVALID_INPUT)
