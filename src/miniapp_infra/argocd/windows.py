# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the sync windows of a project let a synchronisation begin.

The rules are those of Argo CD (pkg/apis/application/v1alpha1/types.go: Matches, CanSync), because without its API
server nobody asks it: its controller parks a blocked operation in phase Running instead of refusing it.
"""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from miniapp_infra.argocd.cron import parse_duration, parse_schedule
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from miniapp_infra.argocd.models import Application

KINDS = ("allow", "deny")
LONGEST_DESCRIPTION = 255


@dataclass(frozen=True)
class Window:
    """A sync window of a project, in the form of the API."""

    raw: Mapping[str, Any]

    @property
    def is_deny(self) -> bool:
        return bool(self.raw.get("kind") == "deny")

    @property
    def allows_manual(self) -> bool:
        return bool(self.raw.get("manualSync"))

    @cached_property
    def _zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.raw.get("timeZone") or "UTC")

    def is_active(self, now: datetime) -> bool:
        """Whether it is open now.

        Raises:
            ValueError: schedule, duration or time zone cannot be read.
        """
        # Like Argo CD with the offset of now, also where the clock was changed since the window began.
        local = now.astimezone(self._zone).replace(tzinfo=None)
        duration = parse_duration(self.raw.get("duration", ""))
        return parse_schedule(self.raw.get("schedule", "")).begins_between(local - duration, local)

    def matches(self, application: Application) -> bool:
        """Whether it is about an application."""
        target = application.raw.get("spec", {}).get("destination") or {}
        candidates = {
            "applications": [application.name],
            "clusters": [target.get("name") or "", target.get("server") or ""],
            "namespaces": [target.get("namespace") or ""],
        }
        verdicts = [
            any(_glob(pattern, name) for pattern in self.raw[key] for name in names if name)
            for key, names in candidates.items()
            if self.raw.get(key)
        ]
        return bool(verdicts) and (all(verdicts) if self.raw.get("andOperator") else any(verdicts))


@dataclass(frozen=True)
class Verdict:
    """What the windows of an application say now.

    Args:
        can_sync: whether a synchronisation that somebody asks for may begin.
        active: those that are open.
        assigned: those that are about the application.
    """

    can_sync: bool
    active: tuple[dict[str, Any], ...]
    assigned: tuple[dict[str, Any], ...]

    def as_result(self) -> dict[str, Any]:
        """Return what modules report."""
        return {"can_sync": self.can_sync, "active": list(self.active), "assigned": list(self.assigned)}

    def describe(self) -> str:
        """Return in one line what is in the way."""
        denies = [item for item in self.active if item.get("kind") == "deny"]
        shown = [_text(item) for item in denies or self.assigned]
        return ("open: " if denies else "none of these is open: ") + "; ".join(shown)


def judge(windows: Iterable[Mapping[str, Any]], application: Application, now: datetime | None = None) -> Verdict:
    """Return what the windows of a project say about an application.

    Raises:
        MiniappInfraError: a window cannot be read; Argo CD lets nothing pass then.
    """
    now = now or datetime.now(UTC)
    mine = [window for window in map(Window, windows) if window.matches(application)]
    try:
        active = [window for window in mine if window.is_active(now)]
    except (ValueError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise MiniappInfraError(
            f"Failed to read the sync windows of AppProject {application.project}: {error}", code=ErrorCode.FROZEN
        ) from error
    return Verdict(
        _can_sync(mine, active), tuple(dict(item.raw) for item in active), tuple(dict(item.raw) for item in mine)
    )


def check(windows: Sequence[Mapping[str, Any]], option: str = "sync_windows") -> None:
    """Refuse windows that Argo CD could not read.

    Raises:
        MiniappInfraError: ``INVALID_INPUT``, names the option, the field and what is wrong.
    """
    for index, window in enumerate(windows):
        where = f"{option}[{index}]"
        _refuse(f"{where}.schedule", parse_schedule, window.get("schedule") or "")
        _refuse(f"{where}.duration", parse_duration, window.get("duration") or "")
        _refuse(f"{where}.time_zone", _known_zone, window.get("timeZone") or "UTC")
        if not any(window.get(key) for key in ("applications", "namespaces", "clusters")):
            raise _invalid(f"{where}: must name applications, namespaces or clusters; else it is about none")
        if len(window.get("description") or "") > LONGEST_DESCRIPTION:
            raise _invalid(f"{where}.description: must have at most {LONGEST_DESCRIPTION} characters")


def _refuse(where: str, parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except ValueError as error:
        raise _invalid(f"{where}: {error}") from error


def _invalid(message: str) -> MiniappInfraError:
    return MiniappInfraError(message, code=ErrorCode.INVALID_INPUT)


def _known_zone(name: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        # Argo CD itself takes UTC for a name that it does not know, hours away from what was meant.
        raise ValueError(f"must be a time zone of the IANA database such as Europe/Berlin, got {name!r}") from error


def _can_sync(mine: Sequence[Window], active: Sequence[Window]) -> bool:
    denies = [window for window in active if window.is_deny]
    if denies:
        return all(window.allows_manual for window in denies)
    allows = [window for window in mine if not window.is_deny]
    if not allows or any(window in active for window in allows):
        return True
    return all(window.allows_manual for window in allows)


def _text(window: Mapping[str, Any]) -> str:
    details = window.get("description") or ""
    zone = window.get("timeZone") or "UTC"
    text = f"{window.get('kind')} {window.get('schedule')} ({zone}) for {window.get('duration')}"
    return f"{text}: {details}" if details else text


def _glob(pattern: str, name: str) -> bool:
    """Match as github.com/gobwas/glob does without separators: ``*``, ``?``, ``[ab]``, ``{a,b}``."""
    parts: list[str] = []
    depth = 0
    for item in re.findall(r"\[!?[^\]]+\]|\\.|.", pattern):
        if item == "*":
            parts.append(".*")
        elif item == "?":
            parts.append(".")
        elif item == "{":
            depth += 1
            parts.append("(?:")
        elif item == "}" and depth:
            depth -= 1
            parts.append(")")
        elif item == "," and depth:
            parts.append("|")
        elif item.startswith("[") and len(item) > 1:
            inside = re.escape(item[1:-1].removeprefix("!")).replace(r"\-", "-")
            parts.append(f"[{'^' if item[1] == '!' else ''}{inside}]")
        else:
            parts.append(re.escape(item[-1]))
    return re.fullmatch("".join(parts) + ")" * depth, name, re.DOTALL) is not None
