# SPDX-License-Identifier: GPL-3.0-or-later
"""Promotion: a service gets a version that exists, is signed, and is not older than what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miniapp_infra.delivery.flow import (
    PROMOTION,
    Change,
    Outcome,
    Status,
    carry_out,
    deployed_release,
    last_commit,
    settle,
)
from miniapp_infra.delivery.guards import require_not_frozen, resolve_release
from miniapp_infra.delivery.release import Release, require_version
from miniapp_infra.errors import ErrorCode, MiniappInfraError

if TYPE_CHECKING:
    from miniapp_infra.delivery.ports import Delivery


def promote(
    delivery: Delivery,
    service: str,
    version: str,
    *,
    chart_version: str = "",
    approve: bool = False,
    wait: bool = True,
    check: bool = False,
) -> Outcome:
    """Bring a version of a service into the environment.

    Everything that can refuse it is asked before anything is written.

    Args:
        delivery: the environment.
        service: name in the catalogue.
        version: tag of the image.
        chart_version: of the chart; empty for the one of the inventory.
        approve: approve the pull request as the acting user.
        wait: wait until the release is synchronised and healthy.
        check: only tell what would happen.

    Raises:
        MiniappInfraError: ``NOT_FOUND`` for an unknown service or version, ``UNVERIFIED_IMAGE``, ``FROZEN``,
            ``CONFLICT`` for an older version or a tag that was moved, ``REFUSED_BY_POLICY``.
    """
    environment = delivery.environment
    environment.service(service)
    require_version(version)
    action = f"promote service {service} to {version} in {environment.name}"
    old = deployed_release(delivery, service)
    chart = chart_version or environment.gitops.chart.version
    if old is not None and (old.version, old.chart.version) == (version, chart):
        unchanged = Outcome(Status.UNCHANGED, changed=False, old=old, new=old, commit=last_commit(delivery, old))
        return settle(delivery, unchanged, wait=wait and not check)
    require_not_frozen(environment, delivery.now(), action=action)
    _require_not_older(old, version, action)
    new = resolve_release(environment, delivery.artefacts, service, version, chart_version=chart)
    _require_same_image(old, new, action)
    if check:
        return Outcome(Status.PLANNED, changed=True, old=old, new=new)
    return carry_out(delivery, _change(action, old, new), approve=approve, wait=wait)


def _require_not_older(old: Release | None, version: str, action: str) -> None:
    if old is not None and require_version(version) < require_version(old.version):
        raise MiniappInfraError(
            f"Failed to {action}: it is older than {old.version}, which is deployed",
            code=ErrorCode.CONFLICT,
            hint="To return to the version before, use the playbook rollback.yml: it reverts the promotion.",
        )


def _require_same_image(old: Release | None, new: Release, action: str) -> None:
    """A chart bump of the same version must not bring in another program unseen."""
    if old is not None and old.version == new.version and old.image != new.image:
        raise MiniappInfraError(
            f"Failed to {action}: the registry now has {new.image.digest} under this version, "
            f"{old.image.digest} is deployed",
            code=ErrorCode.CONFLICT,
            hint="Versions do not move. Publish the new image under a new version.",
        )


def _change(action: str, old: Release | None, new: Release) -> Change:
    before = "nothing" if old is None else f"{old.version} ({old.image.digest}, chart {old.chart.version})"
    after = f"{new.version} ({new.image.digest}, chart {new.chart.version})"
    return Change(
        action=action,
        branch=f"promote/{new.env}/{new.service}/{new.version}",
        title=f"Promote {new.service} to {new.version} in {new.env}",
        trailers=(f"Before: {before}", f"After: {after}", f"{PROMOTION}: {new.env}/{new.service}/{new.version}"),
        old=old,
        new=new,
    )
