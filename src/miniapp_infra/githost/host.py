# SPDX-License-Identifier: GPL-3.0-or-later
"""What every Git host can do for delivery; the local one and hosted ones implement it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miniapp_infra.githost.models import Commit, PullRequest, PullRequestState


class GitHost(Protocol):
    """One repository with pull requests. Every write is safe against other writers and can be repeated."""

    @property
    def branch(self) -> str:
        """The branch that is deployed."""

    @property
    def user(self) -> str:
        """Who acts: author of pull requests, giver of approvals."""

    def refresh(self) -> None:
        """See what others have written since."""

    def head(self, branch: str) -> str:
        """Return the last commit of a branch, empty when there is no such branch."""

    def read(self, path: str, *, revision: str = "") -> bytes | None:
        """Return a file at a commit, by default on the deployed branch; None when there is none."""

    def paths(self, prefix: str, *, revision: str = "") -> tuple[str, ...]:
        """Return the files below a folder."""

    def history(self, path: str, *, limit: int = 100) -> tuple[Commit, ...]:
        """Return the commits of the deployed branch that changed a path, newest first."""

    def contains(self, commit: str, ancestor: str) -> bool:
        """Tell whether one commit includes another."""

    def commit(self, branch: str, changes: Mapping[str, bytes | None], message: str) -> str:
        """Write files to a branch, which is made from the deployed one when it is missing.

        Returns:
            The branch's last commit; the same as before when the files were like that already.
        """

    def branch_off(self, branch: str, changes: Mapping[str, bytes | None], message: str) -> str:
        """Make a branch that is the deployed one plus one commit, replacing what the branch had.

        Returns:
            The branch's last commit; the same as before when it had exactly this change already.
        """

    def pull_request(self, number: int) -> PullRequest:
        """Return one pull request; ``NOT_FOUND`` when there is none of this number."""

    def pull_requests(self, *, state: PullRequestState | None = None, source: str = "") -> tuple[PullRequest, ...]:
        """Return pull requests by number, of one state and one source branch where given."""

    def open_pull_request(self, source: str, title: str) -> PullRequest:
        """Propose a branch for the deployed one; an open proposal of the same branch is taken up instead."""

    def approve(self, number: int, *, by: str = "") -> PullRequest:
        """Agree to the present head of a pull request, by default as ``user``."""

    def merge(self, number: int) -> PullRequest:
        """Merge an approved pull request; one that is merged already is returned as it is."""

    def close(self, number: int) -> PullRequest:
        """Give up an open pull request."""
