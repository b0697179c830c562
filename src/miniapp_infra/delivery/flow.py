# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of every change of a release: branch, pull request, approval, merge, deployment.

Nothing is remembered outside Git. After a crash at any point the same call finds the branch, the pull request or the
merge that is already there and goes on from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from miniapp_infra.delivery.guards import require_not_frozen
from miniapp_infra.delivery.release import Release, release_path
from miniapp_infra.githost import PullRequest, PullRequestState

if TYPE_CHECKING:
    from miniapp_infra.delivery.ports import Delivery, Deployment

# Trailers of commit messages: the history of a release is read from them.
PROMOTION = "Miniapp-Promotion"
REVERTS = "Miniapp-Reverts"


class Status(StrEnum):
    """How far a change came."""

    UNCHANGED = "unchanged"
    PLANNED = "planned"
    AWAITING_APPROVAL = "awaiting_approval"
    MERGED = "merged"
    AWAITING_PROMOTION = "awaiting_promotion"
    DELIVERED = "delivered"


@dataclass(frozen=True)
class Change:
    """A change of one release, as it is proposed.

    Args:
        action: completes "Failed to ...".
        branch: carries it until it is merged.
        title: of commit and pull request.
        trailers: lines for the end of the commit message.
        old: what is deployed now; None before the first release.
        new: what shall be.
    """

    action: str
    branch: str
    title: str
    trailers: tuple[str, ...]
    old: Release | None
    new: Release


@dataclass(frozen=True)
class Outcome:
    """What a promotion or rollback did.

    Args:
        status: how far it came.
        changed: whether this call changed anything, or would have in check mode.
        old: the release before; None before the first one.
        new: the release that is wanted.
        pull_request: number, 0 when none was needed.
        commit: that brought the release to the deployed branch, empty when it is not there yet.
        deployment: what runs; None when it was not waited for.
    """

    status: Status
    changed: bool
    old: Release | None
    new: Release
    pull_request: int = 0
    commit: str = ""
    deployment: Deployment | None = None

    def as_result(self) -> dict[str, Any]:
        """Return the fields that modules report."""
        return {
            "status": self.status.value,
            "changed": self.changed,
            "service": self.new.service,
            "old": None if self.old is None else self.old.model_dump(),
            "new": self.new.model_dump(),
            "pull_request": self.pull_request or None,
            "commit": self.commit or None,
            "sync": None if self.deployment is None else self.deployment.sync,
            "health": None if self.deployment is None else self.deployment.health,
            "awaits_promotion": None if self.deployment is None else self.deployment.awaits_promotion,
            "seconds": None if self.deployment is None else round(self.deployment.elapsed, 1),
        }

    def as_diff(self) -> dict[str, str]:
        """Return before and after as Ansible shows them."""
        return {
            "before_header": self.new.path,
            "after_header": self.new.path,
            "before": "" if self.old is None else self.old.to_yaml().decode(),
            "after": self.new.to_yaml().decode(),
        }


def deployed_release(delivery: Delivery, service: str) -> Release | None:
    """Return what the deployed branch asks for, None before the first release."""
    path = release_path(delivery.environment.name, service)
    content = delivery.host.read(path)
    return Release.from_yaml(content, path=path) if content is not None else None


def carry_out(delivery: Delivery, change: Change, *, approve: bool, wait: bool) -> Outcome:
    """Propose a change, merge it when it is approved, and wait until it runs.

    Args:
        delivery: the environment.
        change: what to do.
        approve: approve the pull request as the acting user.
        wait: wait until the release is synchronised and healthy.

    Raises:
        MiniappInfraError: ``REFUSED_BY_POLICY`` when the approval does not count; ``FROZEN``; what the systems raise.
    """
    host = delivery.host
    before = host.head(change.branch)
    known = {request.number: request for request in host.pull_requests(state=PullRequestState.OPEN)}
    message = "\n".join([change.title, "", *change.trailers, ""])
    head = host.branch_off(change.branch, {change.new.path: change.new.to_yaml()}, message)
    request = host.open_pull_request(change.branch, change.title)
    changed = head != before or known.get(request.number) != request
    if approve:
        approved = host.approve(request.number)
        changed = changed or approved != request
        request = approved
    if not approve and not _is_approved(request):
        return Outcome(Status.AWAITING_APPROVAL, changed, change.old, change.new, request.number)
    # The window may have opened while somebody looked at the pull request.
    require_not_frozen(delivery.environment, delivery.now(), action=change.action)
    merged = host.merge(request.number)
    outcome = Outcome(
        Status.MERGED,
        changed=True,
        old=change.old,
        new=change.new,
        pull_request=merged.number,
        commit=merged.merge_commit,
    )
    return settle(delivery, outcome, wait=wait)


def settle(delivery: Delivery, outcome: Outcome, *, wait: bool) -> Outcome:
    """Wait until the release of an outcome, whose commit is on the deployed branch, runs."""
    if not wait:
        return outcome
    deployment = delivery.deployments.deliver(outcome.new, outcome.commit)
    if outcome.status is Status.UNCHANGED:
        status = Status.UNCHANGED
    else:
        status = Status.AWAITING_PROMOTION if deployment.awaits_promotion else Status.DELIVERED
    return Outcome(status, outcome.changed, outcome.old, outcome.new, outcome.pull_request, outcome.commit, deployment)


def last_commit(delivery: Delivery, release: Release) -> str:
    """Return the commit of the deployed branch that brought a release."""
    history = delivery.host.history(release.path, limit=1)
    return history[0].sha if history else ""


def _is_approved(request: PullRequest) -> bool:
    return any(name != request.author for name in request.approvers())
