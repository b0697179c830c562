# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares an access list with the wanted entries, as sets: an address and its block of one are the same entry."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.instants import as_text, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# NetworkPermissionEntry in MongoDB's OpenAPI description.
LONGEST_LIFE = timedelta(days=7)
_LONGEST_COMMENT = 80
_SECURITY_GROUP = re.compile(r"([0-9]+/)?sg-[0-9a-f]+")


@dataclass(frozen=True)
class Entry:
    """An entry.

    Attributes:
        value: the block in canonical form, or the security group; what tells entries apart.
        address: whether it is declared as a single address.
        group: whether it is a security group of AWS.
        comment: None when any will do.
        until: when Atlas deletes it; None when it stays.
    """

    value: str
    address: bool
    group: bool
    comment: str | None
    until: datetime | None

    @property
    def name(self) -> str:
        """How Atlas calls it in addresses of requests."""
        if not self.address:
            return self.value
        # MongoDB's description has addresses of IPv6 in their long form only.
        return ipaddress.ip_address(self.value.partition("/")[0]).exploded

    @classmethod
    def from_api(cls, raw: Mapping[str, Any]) -> Entry:
        group = raw.get("awsSecurityGroup") or ""
        address = raw.get("ipAddress") or ""
        until = raw.get("deleteAfterDate")
        return cls(
            value=group or str(ipaddress.ip_network(address or raw["cidrBlock"], strict=False)),
            address=bool(address),
            group=bool(group),
            comment=raw.get("comment") or "",
            until=parse_instant(until, "deleteAfterDate") if until else None,
        )

    def body(self) -> dict[str, Any]:
        key = "awsSecurityGroup" if self.group else "ipAddress" if self.address else "cidrBlock"
        body = {key: self.name}
        if self.comment is not None:
            body["comment"] = self.comment
        if self.until is not None:
            body["deleteAfterDate"] = as_text(self.until)
        return body

    def as_result(self) -> dict[str, Any]:
        until = as_text(self.until) if self.until else None
        return {"entry": self.value, "comment": self.comment or "", "delete_after": until}


@dataclass(frozen=True)
class Change:
    """What to do.

    Attributes:
        add: entries that are missing or differ.
        remove: entries that shall go.
    """

    add: tuple[Entry, ...]
    remove: tuple[Entry, ...]


def entries_of(params: Mapping[str, Any], now: datetime) -> tuple[Entry, ...]:
    """Return the entries that a module asks for.

    Raises:
        MiniappInfraError: invalid_input; names the entry.
    """
    entries = tuple(_entry(raw, now) for raw in params["entries"])
    values = [entry.value for entry in entries]
    if repeated := sorted({value for value in values if values.count(value) > 1}):
        raise _invalid(f"entries: {', '.join(repeated)} occurs more than once")
    if not entries and params["purge"]:
        raise _invalid("entries: must not be empty with purge, which would lock everybody out")
    if params["purge"] and params["state"] == "absent":
        raise _invalid("purge: is for state=present alone")
    return entries


def change_of(present: Iterable[Entry], wanted: Iterable[Entry], *, absent: bool, purge: bool) -> Change:
    """Compare.

    Args:
        present: what is there.
        wanted: what is declared.
        absent: whether the declared ones shall go, instead of being there.
        purge: whether all others shall go.
    """
    there = {entry.value: entry for entry in present}
    declared = {entry.value: entry for entry in wanted}
    if absent:
        return Change((), tuple(there[value] for value in declared if value in there))
    missing = tuple(
        _with_comment(entry, there.get(entry.value))
        for entry in declared.values()
        if _differs(there.get(entry.value), entry)
    )
    others = tuple(entry for entry in there.values() if entry.value not in declared)
    return Change(missing, others if purge else ())


def after_change(present: Iterable[Entry], change: Change) -> list[dict[str, Any]]:
    """Return the list after the change, in one form and order for before and after."""
    entries = {entry.value: entry for entry in present}
    for entry in change.remove:
        entries.pop(entry.value, None)
    entries |= {entry.value: entry for entry in change.add}
    return [entry.as_result() for _, entry in sorted(entries.items())]


def _differs(there: Entry | None, wanted: Entry) -> bool:
    if there is None:
        return True
    other_comment = wanted.comment is not None and wanted.comment != there.comment
    # Without a date the entry shall stay, and one that Atlas will delete does not.
    return other_comment or wanted.until != there.until


def _with_comment(wanted: Entry, there: Entry | None) -> Entry:
    """Keep the comment of an entry that is written again for another reason."""
    return wanted if wanted.comment is not None or there is None else replace(wanted, comment=there.comment)


def _entry(raw: Mapping[str, Any], now: datetime) -> Entry:
    given = [key for key in ("ip_address", "cidr_block", "aws_security_group") if raw.get(key)]
    if len(given) != 1:
        raise _invalid(
            "entries: each must have exactly one of ip_address, cidr_block and aws_security_group; "
            f"got {', '.join(given) or 'none'}"
        )
    text = raw[given[0]]
    comment, until = raw.get("comment"), None
    if comment is not None and len(comment) > _LONGEST_COMMENT:
        raise _invalid(f"entries: comment of {text} must have at most {_LONGEST_COMMENT} characters")
    if raw.get("delete_after"):
        until = parse_instant(raw["delete_after"], f"entries: delete_after of {text}").replace(microsecond=0)
        if not now < until <= now + LONGEST_LIFE:
            raise _invalid(f"entries: delete_after of {text} must lie within a week from now; got {as_text(until)}")
    if given[0] == "aws_security_group":
        if not _SECURITY_GROUP.fullmatch(text):
            raise _invalid(f"entries: aws_security_group must be such as sg-0f3a4b5c; got {text!r}")
        if until:
            raise _invalid(f"entries: {text} cannot have delete_after, because it is a security group")
        return Entry(text, address=False, group=True, comment=comment, until=None)
    try:
        if given[0] == "ip_address":
            block = ipaddress.ip_network(ipaddress.ip_address(text))
        else:
            block = ipaddress.ip_network(text)
    except ValueError as error:
        raise _invalid(f"entries: {given[0]}: {error}") from error
    return Entry(str(block), address=given[0] == "ip_address", group=False, comment=comment, until=until)


def _invalid(message: str) -> MiniappInfraError:
    return MiniappInfraError(message, code=ErrorCode.INVALID_INPUT)
