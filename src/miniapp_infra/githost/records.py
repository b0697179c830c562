# SPDX-License-Identifier: GPL-3.0-or-later
"""Pull requests kept in the repository itself: one JSON file each, in the tree of one ref with its own history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.githost.models import Identity, PullRequest, PullRequestState
from miniapp_infra.githost.repository import RefUpdate

if TYPE_CHECKING:
    from miniapp_infra.githost.repository import Repository

RECORDS = "refs/meta/pull-requests"


def head_ref(number: int) -> str:
    """Return the ref that keeps the commits of a pull request after its branch is gone."""
    return f"refs/pull/{number}/head"


def load_all(repository: Repository) -> dict[int, PullRequest]:
    """Return every pull request by number."""
    commit = repository.resolve(RECORDS)
    if not commit:
        return {}
    found = [_read(repository, commit, path) for path in repository.paths(commit)]
    return {request.number: request for request in sorted(found, key=lambda request: request.number)}


def load(repository: Repository, number: int) -> PullRequest:
    """Return one pull request.

    Raises:
        MiniappInfraError: ``NOT_FOUND``.
    """
    commit = repository.resolve(RECORDS)
    path = _path(number)
    if not commit or path not in repository.paths(commit, path):
        raise MiniappInfraError(
            f"Failed to find pull request {number} in {repository.url}: there is none of this number",
            code=ErrorCode.NOT_FOUND,
        )
    return _read(repository, commit, path)


def store(repository: Repository, request: PullRequest, *, message: str, author: Identity) -> RefUpdate:
    """Return the ref update that records a pull request; it fails at push when anybody recorded something since."""
    before = repository.resolve(RECORDS)
    changes = {_path(request.number): request.to_json().encode()}
    return RefUpdate(RECORDS, repository.commit(changes, parent=before, message=message, author=author), before)


def require_mergeable(request: PullRequest, *, branch_head: str, self_approval: bool) -> None:
    """Check that a pull request may be merged.

    Args:
        request: as recorded.
        branch_head: where its source branch is now.
        self_approval: whether the author's own approval counts (only where one person plays all parts).

    Raises:
        MiniappInfraError: ``CONFLICT`` when it is not open or its branch moved; ``REFUSED_BY_POLICY`` without approval.
    """
    if request.state is not PullRequestState.OPEN:
        raise MiniappInfraError(
            f"Failed to merge pull request {request.number}: it is {request.state}", code=ErrorCode.CONFLICT
        )
    if branch_head != request.head:
        raise MiniappInfraError(
            f"Failed to merge pull request {request.number}: it is for {request.head[:12]}, and its branch "
            f"{request.source} is at {branch_head[:12] or 'nothing'}",
            code=ErrorCode.CONFLICT,
            hint="Open the pull request again to take up the new commits, then have them approved.",
        )
    others = [name for name in request.approvers() if self_approval or name != request.author]
    if not others:
        own = request.author in request.approvers()
        raise MiniappInfraError(
            f"Failed to merge pull request {request.number}: its present commit {request.head[:12]} is not approved"
            + (" by anybody but its author" if own else ""),
            code=ErrorCode.REFUSED_BY_POLICY,
            hint=f"Somebody other than {request.author} has to approve it.",
        )


def _path(number: int) -> str:
    return f"{number}.json"


def _read(repository: Repository, commit: str, path: str) -> PullRequest:
    content = repository.read(commit, path)
    return PullRequest.from_json(content.decode() if content else "")
