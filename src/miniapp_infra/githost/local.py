# SPDX-License-Identifier: GPL-3.0-or-later
"""A Git host that is nothing but a repository over smart HTTP: pull requests are records in the repository.

Every change is one atomic push that names what it expects to find (compare and swap), so that two writers cannot lose
each other's work and a killed writer leaves either everything or nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import tenacity

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.githost import records
from miniapp_infra.githost.models import Approval, Commit, Identity, PullRequest, PullRequestState, Remote
from miniapp_infra.githost.repository import RefUpdate, Repository, copy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")


class LocalGitHost:
    """Implements ``GitHost``.

    Args:
        repository: a copy of the remote.
        user: author of pull requests, giver of approvals.
        branch: the branch that is deployed.
        identity: author of commits; by default made from ``user``.
        self_approval: whether an author may approve an own pull request.
        now: the clock, in UTC.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        user: str,
        branch: str = "main",
        identity: Identity | None = None,
        self_approval: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._repository = repository
        self._user = user
        self._branch = branch
        self._identity = identity or Identity(user, f"{user}@miniapp.invalid")
        self._self_approval = self_approval
        self._now = now

    @property
    def branch(self) -> str:
        return self._branch

    @property
    def user(self) -> str:
        return self._user

    def refresh(self) -> None:
        self._repository.fetch()

    def head(self, branch: str) -> str:
        return self._repository.resolve(_branch_ref(branch))

    def read(self, path: str, *, revision: str = "") -> bytes | None:
        commit = revision or self.head(self._branch)
        return self._repository.read(commit, path) if commit else None

    def paths(self, prefix: str, *, revision: str = "") -> tuple[str, ...]:
        commit = revision or self.head(self._branch)
        return self._repository.paths(commit, prefix) if commit else ()

    def history(self, path: str, *, limit: int = 100) -> tuple[Commit, ...]:
        commit = self.head(self._branch)
        return self._repository.history(commit, path, limit=limit) if commit else ()

    def contains(self, commit: str, ancestor: str) -> bool:
        return self._repository.contains(commit, ancestor)

    def commit(self, branch: str, changes: Mapping[str, bytes | None], message: str) -> str:
        def attempt() -> str:
            before = self.head(branch)
            parent = before or self.head(self._branch)
            after = self._repository.commit(changes, parent=parent, message=message, author=self._identity)
            if after != before:
                self._repository.push([RefUpdate(_branch_ref(branch), after, before)])
            return after

        return self._write(attempt)

    def branch_off(self, branch: str, changes: Mapping[str, bytes | None], message: str) -> str:
        if branch == self._branch:
            raise MiniappInfraError(
                f"Failed to make branch {branch} of {self._repository.url}: it is the deployed branch",
                code=ErrorCode.INVALID_INPUT,
            )

        def attempt() -> str:
            before = self.head(branch)
            base = self.head(self._branch)
            if before and self._is_one_commit_on(base, before, changes):
                return before
            after = self._repository.commit(changes, parent=base, message=message, author=self._identity)
            self._repository.push([RefUpdate(_branch_ref(branch), after, before)])
            return after

        return self._write(attempt)

    def pull_request(self, number: int) -> PullRequest:
        return records.load(self._repository, number)

    def pull_requests(self, *, state: PullRequestState | None = None, source: str = "") -> tuple[PullRequest, ...]:
        return tuple(
            request
            for request in records.load_all(self._repository).values()
            if state in (None, request.state) and source in ("", request.source)
        )

    def open_pull_request(self, source: str, title: str) -> PullRequest:
        def attempt() -> PullRequest:
            head = self.head(source)
            if not head:
                raise MiniappInfraError(
                    f"Failed to open a pull request in {self._repository.url}: there is no branch {source}",
                    code=ErrorCode.NOT_FOUND,
                )
            known = records.load_all(self._repository)
            present = next((r for r in known.values() if r.state is PullRequestState.OPEN and r.source == source), None)
            if present is None:
                number = max(known, default=0) + 1
                request = PullRequest(number, title, source, self._branch, self._user, head)
                return self._record(request, f"open {number}: {title}", RefUpdate(records.head_ref(number), head, ""))
            if present.head == head:
                return present
            moved = RefUpdate(
                records.head_ref(present.number), head, self._repository.resolve(records.head_ref(present.number))
            )
            return self._record(
                replace(present, head=head, title=title), f"update {present.number} to {head[:12]}", moved
            )

        return self._write(attempt)

    def approve(self, number: int, *, by: str = "") -> PullRequest:
        approver = by or self._user

        def attempt() -> PullRequest:
            request = self.pull_request(number)
            if request.state is not PullRequestState.OPEN or approver in request.approvers():
                return request
            if approver == request.author and not self._self_approval:
                raise MiniappInfraError(
                    f"Failed to approve pull request {number}: {approver} is its author",
                    code=ErrorCode.REFUSED_BY_POLICY,
                    hint="Somebody else has to approve it.",
                )
            approval = Approval(approver, self._now().isoformat(timespec="seconds"), request.head)
            return self._record(
                replace(request, approvals=(*request.approvals, approval)), f"approve {number} by {approver}"
            )

        return self._write(attempt)

    def merge(self, number: int) -> PullRequest:
        def attempt() -> PullRequest:
            request = self.pull_request(number)
            if request.state is PullRequestState.MERGED:
                return request
            records.require_mergeable(request, branch_head=self.head(request.source), self_approval=self._self_approval)
            target = self.head(request.target)
            message = _merge_message(request, self._repository.history(request.head, "", limit=1))
            merged = self._repository.merge(target, request.head, message=message, author=self._identity)
            return self._record(
                replace(request, state=PullRequestState.MERGED, merge_commit=merged),
                f"merge {number}",
                RefUpdate(_branch_ref(request.target), merged, target),
                RefUpdate(_branch_ref(request.source), "", request.head),
            )

        return self._write(attempt)

    def close(self, number: int) -> PullRequest:
        def attempt() -> PullRequest:
            request = self.pull_request(number)
            if request.state is not PullRequestState.OPEN:
                return request
            gone = RefUpdate(_branch_ref(request.source), "", request.head)
            # Commits that the pull request does not know stay; its own are kept by its head ref.
            refs = [gone] if self.head(request.source) == request.head else []
            return self._record(replace(request, state=PullRequestState.CLOSED), f"close {number}", *refs)

        return self._write(attempt)

    def _record(self, request: PullRequest, message: str, *refs: RefUpdate) -> PullRequest:
        record = records.store(self._repository, request, message=message, author=self._identity)
        self._repository.push([record, *refs])
        return request

    def _write(self, attempt: Callable[[], T]) -> T:
        """Decide on the present state, again when somebody else was quicker; then see what was written."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_lost_race),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=2),
            stop=tenacity.stop_after_attempt(10),
            before_sleep=lambda _: self.refresh(),
            reraise=True,
        )
        self.refresh()
        result = retrying(attempt)
        self.refresh()
        return result

    def _is_one_commit_on(self, base: str, head: str, changes: Mapping[str, bytes | None]) -> bool:
        """Tell whether a branch is one commit with exactly these files, and still applies to the deployed branch."""
        read = self._repository.read
        parent = self._repository.first_parent(head)
        return (
            self._repository.changed_paths(head) == set(changes)
            and self._repository.contains(base, parent)
            and all(read(head, path) == content for path, content in changes.items())
            and all(read(parent, path) == read(base, path) for path in changes)
        )


@contextmanager
def connect(remote: Remote, *, user: str, branch: str = "main", self_approval: bool = False) -> Iterator[LocalGitHost]:
    """Yield a Git host that works on a fresh copy of the remote repository."""
    with copy_of(remote) as repository:
        yield LocalGitHost(repository, user=user, branch=branch, self_approval=self_approval)


def _branch_ref(branch: str) -> str:
    return f"refs/heads/{branch}"


def _lost_race(error: BaseException) -> bool:
    return isinstance(error, MiniappInfraError) and error.code is ErrorCode.CONFLICT and error.retryable


def _merge_message(request: PullRequest, head: tuple[Commit, ...]) -> str:
    """Carry the body of the merged commit over, so that its trailers are found in the log of the deployed branch."""
    body = head[0].message.partition("\n")[2].strip() if head else ""
    approved = f"Approved-by: {', '.join(request.approvers())}"
    return (
        f"Merge pull request {request.number}: {request.title}\n\n{body}\n{approved}".replace("\n\n\n", "\n\n") + "\n"
    )
