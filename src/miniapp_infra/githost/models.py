# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Git host knows: remotes, commits and pull requests."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Remote:
    """A repository on a Git host.

    Args:
        url: ``https://...`` or, for a repository on this machine, ``file://...``.
        username: empty for anonymous access.
        password: or token; never part of a command line or of a message.
        ca_file: certificate authority of the host; none for the machine's own store.
    """

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None


@dataclass(frozen=True)
class Identity:
    """Who writes a commit."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True)
class Commit:
    """One commit.

    Args:
        sha: its id, 40 hexadecimal digits.
        parents: ids of its parents; a merge has two.
        message: subject and body, with trailers.
    """

    sha: str
    parents: tuple[str, ...]
    message: str

    @property
    def subject(self) -> str:
        return self.message.partition("\n")[0]

    def trailer(self, key: str) -> str:
        """Return the value of the last ``key: value`` line of the message, empty when there is none."""
        found = [line.removeprefix(f"{key}: ") for line in self.message.splitlines() if line.startswith(f"{key}: ")]
        return found[-1].strip() if found else ""


class PullRequestState(StrEnum):
    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


@dataclass(frozen=True)
class Approval:
    """Somebody agreed to exactly one head; a later commit needs a new approval.

    Args:
        by: who approved.
        at: when, ISO 8601 in UTC.
        head: the commit that was looked at.
    """

    by: str
    at: str
    head: str


@dataclass(frozen=True)
class PullRequest:
    """A proposed change of the target branch.

    Args:
        number: counted from 1.
        title: one line.
        source: branch that carries the change.
        target: branch that receives it.
        author: who opened it.
        head: last commit of the source branch that the pull request knows.
        state: open, merged or closed.
        approvals: in the order in which they were given.
        merge_commit: empty until merged.
    """

    number: int
    title: str
    source: str
    target: str
    author: str
    head: str
    state: PullRequestState = PullRequestState.OPEN
    approvals: tuple[Approval, ...] = ()
    merge_commit: str = ""

    def approvers(self) -> tuple[str, ...]:
        """Return who approved the present head, each once."""
        return tuple(dict.fromkeys(approval.by for approval in self.approvals if approval.head == self.head))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> PullRequest:
        """Read a record.

        Raises:
            MiniappInfraError: it was not written by ``to_json``.
        """
        try:
            raw: dict[str, Any] = json.loads(text)
            raw["state"] = PullRequestState(raw["state"])
            raw["approvals"] = tuple(Approval(**approval) for approval in raw["approvals"])
            return cls(**raw)
        except (ValueError, KeyError, TypeError) as error:
            raise MiniappInfraError(
                f"Failed to read a pull request record: {error}",
                code=ErrorCode.CONFLICT,
                hint="refs/meta/pull-requests was changed by hand or by another version; restore it from its log.",
            ) from error
