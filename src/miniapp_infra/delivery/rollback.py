# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollback: a commit that reverts the last promotion of a service, through the same pull request as everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miniapp_infra.delivery.flow import PROMOTION, REVERTS, Change, Outcome, Status, carry_out, deployed_release, settle
from miniapp_infra.delivery.guards import require_not_frozen
from miniapp_infra.delivery.release import Release, release_path
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miniapp_infra.delivery.ports import Delivery
    from miniapp_infra.githost import Commit


def rollback(
    delivery: Delivery, service: str, *, approve: bool = False, wait: bool = True, check: bool = False
) -> Outcome:
    """Return a service to the release before its last promotion.

    A second rollback reverts the promotion before that one. A rollback that was merged and then interrupted is taken
    up again: as long as it does not run, the same call waits for it instead of going back further.

    Args:
        delivery: the environment.
        service: name in the catalogue.
        approve: approve the pull request as the acting user.
        wait: wait until the release is synchronised and healthy.
        check: only tell what would happen.

    Raises:
        MiniappInfraError: ``NOT_FOUND`` for an unknown service; ``CONFLICT`` when there is nothing to return to;
            ``FROZEN``, ``UNVERIFIED_IMAGE``, ``REFUSED_BY_POLICY``.
    """
    environment = delivery.environment
    environment.service(service)
    action = f"roll back service {service} in {environment.name}"
    current = deployed_release(delivery, service)
    history = delivery.host.history(release_path(environment.name, service))
    if current is None:
        raise MiniappInfraError(f"Failed to {action}: it was never released", code=ErrorCode.CONFLICT)
    if history[0].trailer(REVERTS) and not delivery.deployments.is_delivered(current, history[0].sha):
        resumed = Outcome(Status.UNCHANGED, changed=False, old=current, new=current, commit=history[0].sha)
        return settle(delivery, resumed, wait=wait and not check)
    promotion = _last_promotion(history)
    previous = _release_before(delivery, promotion, service) if promotion is not None else None
    if promotion is None or previous is None:
        raise MiniappInfraError(
            f"Failed to {action}: {current.version} is its first release, there is none before it",
            code=ErrorCode.CONFLICT,
            hint="Promote a corrected version instead.",
        )
    require_not_frozen(environment, delivery.now(), action=action)
    # The key may have been exchanged since: what admission would refuse must not be asked for.
    delivery.artefacts.require_signed(previous.image)
    if check:
        return Outcome(Status.PLANNED, changed=True, old=current, new=previous)
    return carry_out(delivery, _change(action, promotion, current, previous), approve=approve, wait=wait)


def _last_promotion(history: Sequence[Commit]) -> Commit | None:
    """Return the newest promotion that no later commit reverted."""
    reverted: set[str] = set()
    for commit in history:
        if commit.trailer(REVERTS):
            reverted.add(commit.trailer(REVERTS))
        elif commit.trailer(PROMOTION) and commit.sha not in reverted:
            return commit
    return None


def _release_before(delivery: Delivery, promotion: Commit, service: str) -> Release | None:
    path = release_path(delivery.environment.name, service)
    content = delivery.host.read(path, revision=promotion.parents[0]) if promotion.parents else None
    return Release.from_yaml(content, path=path) if content is not None else None


def _change(action: str, promotion: Commit, current: Release, previous: Release) -> Change:
    return Change(
        action=action,
        branch=f"rollback/{current.env}/{current.service}/{promotion.sha[:12]}",
        title=f"Roll back {current.service} from {current.version} to {previous.version} in {current.env}",
        trailers=(
            f"Before: {current.version} ({current.image.digest}, chart {current.chart.version})",
            f"After: {previous.version} ({previous.image.digest}, chart {previous.chart.version})",
            f"{REVERTS}: {promotion.sha}",
        ),
        old=current,
        new=previous,
    )
